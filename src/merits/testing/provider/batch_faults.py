"""What goes wrong with batches, and when."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from merits.testing.provider.faults import Message

__all__ = ["BatchFault", "BatchFaultKind", "BatchFaults"]

BatchFaultKind: TypeAlias = Literal[
    "expire",  # the request is not done in time
    "cancel",  # the request is cancelled at the provider
    "error",  # the request fails with `status`
    "leave_out",  # the request is in no result
    "refuse",  # the whole batch fails its validation
    "queue_full",  # the whole batch is refused if it holds more than `most` requests, or another one is running
    "lose_reply",  # the batch is accepted, and the connection is cut before the reply
    "delay_reply",  # the batch is accepted, and the reply comes `seconds` later
    "unavailable",  # 503, and nothing is accepted
    "unlisted",  # the batch stands in the list only after `seconds`
    "cut_results",  # the results end in the middle
]
_OF_REQUESTS = ("expire", "cancel", "error", "leave_out")


@dataclass(frozen=True)
class BatchFault:
    """What goes wrong: for each request with a `probability`, or `when(messages)`; for batches the first `times`."""

    kind: BatchFaultKind
    probability: float = 1.0
    when: Callable[[Sequence[Message]], bool] | None = None
    times: int | None = None
    status: int = 400
    seconds: float = 0.0
    most: int = 0


class BatchFaults:
    """Decides for each batch, and each request in one, what goes wrong; the same seed and order decide the same.

    >>> faults = BatchFaults([BatchFault("expire", times=1)], random.Random(0))
    >>> [met.kind if met else None for met in (faults.becomes([]) for _ in range(2))]
    ['expire', None]
    """

    def __init__(self, faults: Sequence[BatchFault], generator: random.Random) -> None:
        self._faults, self._random = faults, generator
        self._left = [fault.times for fault in faults]

    def becomes(self, messages: Sequence[Message]) -> BatchFault | None:
        """What becomes of a request; None when it is answered."""
        for index, fault in enumerate(self._faults):
            if fault.kind not in _OF_REQUESTS or (fault.when is not None and not fault.when(messages)):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            if self._used(index):
                return fault
        return None

    def hit(self, kind: BatchFaultKind) -> BatchFault | None:
        """The fault of this kind that a batch meets now, if any."""
        for index, fault in enumerate(self._faults):
            if fault.kind == kind and self._random.random() < fault.probability and self._used(index):
                return fault
        return None

    def refusal(self, n: int, *, running: bool) -> str:
        """Why a batch of `n` requests is not begun; "" when it is."""
        if self.hit("refuse"):
            return "model_not_found: The provided model 'none' is not supported by the Batch API."
        full = next((fault for fault in self._faults if fault.kind == "queue_full"), None)
        if full is not None and (n > full.most or running):
            return "token_limit_exceeded: Enqueued token limit reached."
        return ""

    def _used(self, index: int) -> bool:
        left = self._left[index]
        if left is not None:
            self._left[index] = max(0, left - 1)
        return left != 0
