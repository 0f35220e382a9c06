"""What a model that goes on learning answered as requests came, until their labels do: a sample of bounded size.

Knows nothing of stores, labels and models.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias
from zlib import crc32

from merits.core.answer import Answer

__all__ = ["Asked", "AskedAhead"]

Asked: TypeAlias = tuple[str, float, Answer]
"""A request's id, when it came (UNIX seconds), and what was answered."""
_MOST = 10_000
_FOR_S = 30 * 86_400.0  # a label that takes longer is scored against nothing


class AskedAhead:
    """Answers that wait for a label. Where there would be too many, every second request is waited for, every fourth...

    Which ones depends on their ids alone, and so on nothing that was answered: those that are labelled are a sample of
    all labelled ones by chance.

    >>> waiting = AskedAhead(most=2)
    >>> for n in range(8):
    ...     waiting.put(f"r{n}", float(n), Answer(n))
    >>> len(waiting.kept) <= 2, waiting.halvings > 0, waiting.take("nobody")
    (True, True, None)
    """

    def __init__(self, kept: Iterable[Asked] = (), halvings: int = 0, *, most: int = _MOST) -> None:
        self._most, self.halvings = most, halvings
        self._answers = {request: (at, answer) for request, at, answer in kept}

    @property
    def kept(self) -> tuple[Asked, ...]:
        """All of it, as it is given to the next one."""
        return tuple((request, at, answer) for request, (at, answer) in self._answers.items())

    def waits_for(self, request: str) -> bool:
        """Whether a request is in the sample, and was not asked yet."""
        return crc32(request.encode()) % 2**self.halvings == 0 and request not in self._answers

    def put(self, request: str, at: float, answer: Answer) -> None:
        """Keeps an answer, if the request is in the sample."""
        if not self.waits_for(request):
            return
        self._answers[request] = (at, answer)
        while at - self._answers[oldest := next(iter(self._answers))][0] > _FOR_S:
            del self._answers[oldest]
        while len(self._answers) > self._most:
            self.halvings += 1
            kept = 2**self.halvings
            self._answers = {name: each for name, each in self._answers.items() if crc32(name.encode()) % kept == 0}

    def take(self, request: str) -> Answer | None:
        """What was answered to a request; it waits no more. None where it was not asked in time."""
        found = self._answers.pop(request, None)
        if self.halvings and len(self._answers) < self._most // 4:
            self.halvings -= 1
        return None if found is None else found[1]
