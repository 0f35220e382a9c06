"""What was made last, for whoever needs the same again. Knows nothing about what it is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Shared"]

T = TypeVar("T")


class Shared(Generic[T]):
    """Things by a key each, up to so many bytes together; what was used longest ago goes first.

    May be used by several threads: whoever needs what another one is making waits for it.

    >>> numbers = Shared[list[int]](most_bytes=100)
    >>> numbers.get("a", lambda: [1, 2], n_bytes=len) is numbers.get("a", lambda: [3, 4], n_bytes=len)
    True
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._made: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], T], *, n_bytes: Callable[[T], int]) -> T:
        """The thing of this key, made now unless it is there. It belongs to others too and must not be changed."""
        with self._lock:
            mine = self._locks.setdefault(key, threading.Lock())
        with mine:
            with self._lock:
                if key in self._made:
                    self._made.move_to_end(key)
                    return self._made[key][0]
            made = make()
            size = n_bytes(made)
            with self._lock:
                self._made[key] = (made, size)
                while len(self._made) > 1 and sum(each for _, each in self._made.values()) > self._most_bytes:
                    gone, _ = self._made.popitem(last=False)
                    self._locks.pop(gone, None)
            return made
