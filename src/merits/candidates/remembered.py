"""What an answer would have taken longer, had nothing of it been computed before: seconds, of each thread by itself.

Whoever hands out what was computed before adds them, whoever measures an answer in the same thread takes them.
"""

from __future__ import annotations

import threading

__all__ = ["add", "taken"]

_mine = threading.local()


def add(seconds: float) -> None:
    """So much more; negative where looking something up must not count.

    >>> _ = taken()
    >>> add(2.0)
    >>> add(-0.5)
    >>> taken(), taken()
    (1.5, 0.0)
    """
    _mine.seconds = getattr(_mine, "seconds", 0.0) + seconds


def taken() -> float:
    """All that was added in this thread since the last time."""
    found: float = getattr(_mine, "seconds", 0.0)
    if found:
        _mine.seconds = 0.0
    return found
