"""Slows down who tries keys: after some wrong ones, an address is not listened to for a while.

Memory is bounded: of more addresses than that, the ones that were quiet longest are forgotten.
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

    An address that is known to have brought a right key is still let in with that one: who shares it with somebody who
    guesses (behind one proxy) is not locked out.

    >>> guesses = Guesses(clock=lambda: 0.0)
    >>> for _ in range(11): guesses.wrong("10.0.0.1")
    >>> guesses.seconds_left("10.0.0.1"), guesses.seconds_left("10.0.0.2")
    (1.0, 0.0)
    """

    def __init__(self, *, most: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._wrong: OrderedDict[str, tuple[int, float, float]] = OrderedDict()  # how often, since when, until when
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()

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

    def right(self, address: str, key: str) -> None:
        """Notes that an address brought a right key, by the key's id."""
        known = (address, key)
        if known in self._right:
            return
        self._right[known] = None
        while len(self._right) > self._most:
            self._right.popitem(last=False)

    def is_known(self, address: str, key: str) -> bool:
        """Whether the address brought this key before it was not listened to."""
        return (address, key) in self._right
