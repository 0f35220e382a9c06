"""How many requests a minute a key is allowed, over all workers of a server.

The generic cell rate algorithm (ITU-T I.371): of each key one number is kept, the moment at which all that was asked
would have been due at an even pace. Moments are those of the machine's monotonic clock, which no correction of the time
moves and which all processes share.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

__all__ = ["LocalRates", "Rates", "SharedRates"]

_MINUTE_S = 60.0


class Rates(Protocol):
    """Says whether one more request of a key, or so many inputs more, are within its rate."""

    def wait_s(self, key: str, per_minute: int, n: int = 1) -> float:
        """0 when they are, and then they count; else in how many seconds they will be."""
        ...


def _next(due: float, now: float, per_minute: int, n: int) -> tuple[float, float]:
    """When the key is due after n more requests, and how long they have to wait; a whole minute's may come at once.

    >>> _next(0.0, 100.0, 60, 1), _next(159.5, 100.0, 60, 1)
    ((101.0, 0.0), (159.5, 0.5))
    """
    after = max(due, now) + n * _MINUTE_S / per_minute
    wait_s = after - _MINUTE_S - now
    return (due, wait_s) if wait_s > 1e-9 else (after, 0.0)


class LocalRates:
    """Of one worker.

    >>> rates = LocalRates(clock=lambda: 0.0)
    >>> rates.wait_s("a", 2), rates.wait_s("a", 2), rates.wait_s("a", 2), rates.wait_s("b", 2)
    (0.0, 0.0, 30.0, 0.0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}

    def wait_s(self, key: str, per_minute: int, n: int = 1) -> float:
        """As in `Rates`."""
        self._due[key], wait_s = _next(self._due.get(key, 0.0), self._clock(), per_minute, n)
        return wait_s


_SLOT = struct.Struct("<8sd")
_SLOTS = 4096


class SharedRates:
    """Of several workers: a small file that all of them map. `create` it before they start."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._map = mmap.mmap(self._fd, _SLOT.size * _SLOTS)
        self._beyond = LocalRates(clock)

    @staticmethod
    def create(path: Path) -> None:
        """An empty file of the right size."""
        path.write_bytes(bytes(_SLOT.size * _SLOTS))

    def wait_s(self, key: str, per_minute: int, n: int = 1) -> float:
        """As in `Rates`."""
        name = key.encode()[:8].ljust(8, b"\0")
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            at = self._place(name)
            if at is None:
                return self._beyond.wait_s(key, per_minute, n)
            due, wait_s = _next(_SLOT.unpack_from(self._map, at)[1], self._clock(), per_minute, n)
            _SLOT.pack_into(self._map, at, name, due)
            return wait_s
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Lets go of the file."""
        self._map.close()
        os.close(self._fd)

    def _place(self, name: bytes) -> int | None:
        """The slot of a key, or the first free one after where it belongs."""
        start = int.from_bytes(name) % _SLOTS
        for step in range(64):
            at = (start + step) % _SLOTS * _SLOT.size
            found = self._map[at : at + 8]
            if found in (name, bytes(8)):
                return at
        return None
