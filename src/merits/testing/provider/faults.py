"""What a provider does wrong, and when."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

__all__ = ["BILLED", "KINDS", "STATUS", "Fault", "FaultKind", "Faults", "Message"]

FaultKind: TypeAlias = Literal[
    "rate_limit",  # 429
    "overloaded",  # 529, Anthropic's word for 503
    "server_error",  # 500
    "unavailable",  # 503
    "bad_request",  # 400
    "reset",  # the connection is cut
    "hang",  # no answer, ever
    "truncated",  # 200, and the connection ends half-way through the reply or the stream
    "malformed",  # 200 with half a JSON document
    "empty",  # 200 without choices, with usage
    "html_page",  # 200 with a page of HTML, as a proxy in between sends it
    "wrong_content_type",  # 200, all there, called text/plain
    "slow_headers",  # 200, all there; after the first line nothing comes for a while
    "usage_missing",  # 200, all there, without usage
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
STATUS: Mapping[str, int] = {
    "rate_limit": 429,
    "overloaded": 529,
    "server_error": 500,
    "unavailable": 503,
    "bad_request": 400,
}
BILLED: frozenset[str] = frozenset({"empty", "wrong_content_type", "slow_headers", "usage_missing"})
Message: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class Fault:
    """When to fail, and how: with a probability, or always when `when(messages)`; the first `times` times at most.

    `after` requests are let through first. `retry_after_s` adds that header to a refusal, in seconds, or as a date
    with `as_date`. `seconds` is how long `slow_headers` keeps the client waiting.

    A provider bills what it answered whole: `empty`, `wrong_content_type`, `slow_headers` and `usage_missing` are on
    the bill, the others are not (unless the provider is told to `bill_lost`).
    """

    kind: FaultKind
    probability: float = 1.0
    when: Callable[[Sequence[Message]], bool] | None = None
    times: int | None = None
    retry_after_s: float | None = None
    after: int = 0
    as_date: bool = False
    seconds: float = 1.0


class Faults:
    """Decides for each request which fault it meets; the same seed and the same order decide the same.

    >>> faults = Faults([Fault("reset", times=1), Fault("hang", after=1)], seed=0)
    >>> [met.kind if met else None for met in (faults.met([]) for _ in range(3))]
    ['reset', 'hang', 'hang']
    """

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._faults = faults
        self._random = random.Random(seed)
        self._left = [fault.times for fault in faults]
        self._n = 0

    def met(self, messages: Sequence[Message]) -> Fault | None:
        """The fault that this request meets, if any."""
        self._n += 1
        for index, fault in enumerate(self._faults):
            left = self._left[index]
            if left == 0 or self._n <= fault.after or (fault.when is not None and not fault.when(messages)):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            self._left[index] = None if left is None else left - 1
            return fault
        return None
