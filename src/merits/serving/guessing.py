"""Slows down who tries keys: after some wrong ones, further wrong ones from an address are not looked into for a while.

That saves the server's work and its log. What keeps keys from being guessed is that they are 256 random bits. So a
right one is let in whatever else comes from its address, or others behind the same proxy would be locked out. Memory is
bounded: of more addresses than that, the ones that were quiet longest are forgotten.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Guesses"]

_FREE = 10
_LONGEST_S = 300.0
_FORGET_S = 900.0


class Guesses:
    """How often each address gave a wrong key lately, and until when it is not listened to.

    >>> guesses = Guesses(clock=lambda: 0.0)
    >>> for _ in range(11): guesses.wrong("10.0.0.1")
    >>> guesses.seconds_left("10.0.0.1"), guesses.seconds_left("10.0.0.2")
    (1.0, 0.0)
    """

    def __init__(self, *, most: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._wrong: OrderedDict[str, tuple[int, float, float]] = OrderedDict()  # how often, since when, until when

    def __len__(self) -> int:
        return len(self._wrong)

    def seconds_left(self, address: str) -> float:
        """How long the address is not listened to."""
        if not self._wrong:
            return 0.0
        found = self._wrong.get(address)
        return 0.0 if found is None else max(0.0, found[2] - self._clock())

    def wrong(self, address: str) -> None:
        """Notes a wrong key."""
        now = self._clock()
        n, last, _ = self._wrong.pop(address, (0, now, now))
        n = 1 if now - last > _FORGET_S else n + 1
        pause_s = 0.0 if n <= _FREE else min(_LONGEST_S, 2.0 ** min(20, n - _FREE - 1))
        self._wrong[address] = (n, now, now + pause_s)
        while len(self._wrong) > self._most:
            self._wrong.popitem(last=False)
