"""A batch as a fake provider accepted it, in no provider's words."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from merits.testing.provider.batch_faults import BatchFault
from merits.testing.provider.counting import Dialect
from merits.testing.provider.faults import Message
from merits.testing.provider.ledger import Billing, Entry

__all__ = ["Accepted", "JSONObject", "Progress", "messages_of"]

JSONObject: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Progress:
    """How far a batch is: whether it is `done`, `n_done` of its requests, and when it ends (UNIX seconds)."""

    done: bool
    n_done: int
    ends_at: float


@dataclass
class Accepted:
    """A batch as it was accepted: its requests as (custom id, body), and what will become of each.

    `settled` is one that stands in the ledger.
    """

    id: str
    dialect: Dialect
    requests: Sequence[tuple[str, JSONObject]]
    at: float
    became: Sequence[BatchFault | None]
    listed_at: float
    file: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    settled: bool = False

    def progress(self, now: float, takes_s: float) -> Progress:
        """How far it is."""
        ends_at = self.at + takes_s
        if self.refused:
            return Progress(False, 0, ends_at)
        if now >= ends_at:
            return Progress(True, len(self.requests), ends_at)
        return Progress(False, int(len(self.requests) * (now - self.at) / takes_s), ends_at)

    @property
    def fates(self) -> Counter[str]:
        """How many requests came to what: "fine", or the kind of a fault."""
        return Counter(fault.kind if fault else "fine" for fault in self.became)

    @property
    def n_begun(self) -> Counter[str]:
        """How often each question was begun: its last message; what expired or was cancelled was not."""
        if self.refused:
            return Counter()
        return Counter(
            str(messages_of(body)[-1].get("content"))
            for (_, body), fault in zip(self.requests, self.became, strict=True)
            if fault is None or fault.kind not in ("expire", "cancel")
        )

    def entries(self, billing: Callable[[JSONObject], Billing]) -> Iterator[Entry]:
        """What stands in a ledger once it is done: each request that was begun; what failed is not billed."""
        path = "/v1/chat/completions" if self.dialect == "openai" else "/v1/messages"
        for (_, body), fault in zip(self.requests, self.became, strict=True):
            model = str(body.get("model"))
            if fault is None:
                yield Entry(path, model, 200, "", True, billing(body), service="batch")
            elif fault.kind == "error":
                yield Entry(path, model, fault.status, fault.kind, False, Billing(), service="batch")

    def shuffled(self, seed: int) -> list[tuple[tuple[str, JSONObject], BatchFault | None]]:
        """The requests and what became of them, in the order of the results."""
        made = list(zip(self.requests, self.became, strict=True))
        random.Random(f"{seed} {self.id}").shuffle(made)
        return made


def messages_of(body: Mapping[str, object]) -> list[Message]:
    """The messages of a request."""
    messages = body.get("messages")
    return messages if isinstance(messages, list) else []
