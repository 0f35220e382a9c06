"""A fake provider: a real HTTP server on this machine that speaks OpenAI's and Anthropic's words, and fails on demand.

    with FakeProvider(lambda messages: messages[-1]["content"].upper()) as provider:
        ...                                              # base_url=provider.base_url

    python -m merits.testing.provider --port 8000        the same from a shell; it answers with the question

Knows nothing about tasks, candidates or scores.
"""

from merits.testing.provider.batch_faults import BatchFault, BatchFaultKind
from merits.testing.provider.batches import FakeBatches
from merits.testing.provider.faults import Fault, FaultKind
from merits.testing.provider.latency import Latency
from merits.testing.provider.ledger import Billing, Entry, Ledger
from merits.testing.provider.limits import Limits
from merits.testing.provider.saying import Said, ToolCall, echo
from merits.testing.provider.server import FakeProvider, Request

__all__ = [
    "BatchFault",
    "BatchFaultKind",
    "Billing",
    "Entry",
    "FakeBatches",
    "FakeProvider",
    "Fault",
    "FaultKind",
    "Latency",
    "Ledger",
    "Limits",
    "Request",
    "Said",
    "ToolCall",
    "echo",
]
