"""Other tools, run as their users run them, for the benchmarks that stand Merits beside them.

Each peer is asked the same prompts of the same endpoint in a fresh process of its own, with its usual scorer (equality)
and the results that it writes to disk by default. A peer that is not installed says so (`Peer.available`).

    python -m benchmarks._peers install FOLDER       installs them, each into an environment of its own
    export MERITS_PEERS=FOLDER                       where they are looked for, before PATH (default: .peers)
    python -m benchmarks._peers measure --n 1000     all that are there, on the fake provider
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._peers.peer import Job, Peer, PeerResult
from benchmarks._peers.tools import BareLoop, DeepEval, Inspect, LmEval, Promptfoo, PydanticEvals

__all__ = ["PEERS", "Job", "Peer", "PeerResult"]

PEERS: Mapping[str, Peer] = {
    "promptfoo": Promptfoo(),
    "inspect": Inspect(),
    "pydantic-evals": PydanticEvals(),
    "lm-eval": LmEval(),
    "deepeval": DeepEval(),
    "openai-loop": BareLoop(),
}
