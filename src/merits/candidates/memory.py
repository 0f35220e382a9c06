"""What models must have in memory to answer, and how it gets there and out again. Knows nothing about whose turn it is.

A model that holds weights has an attribute `weights`. Such a model is cheap to make, for its fingerprint is that of the
files; whoever runs several of them reads and frees their weights so that few are in memory together.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["Resident", "Weights", "give_back", "together", "weights_of"]


@dataclass(frozen=True, eq=False)
class Weights:
    """`n_bytes` is about what they take. `read` and `free` block, may be called again and again, and from any thread.

    Whoever asks a model whose weights are not there has them read by its first question, so `read` only keeps that
    out of the seconds of an answer. What a model has learned outlives `free`. Models that share weights share this
    object, and say so (`shared`): closing one of them then frees nothing.
    """

    n_bytes: int
    read: Callable[[], object]
    free: Callable[[], object]
    shared: bool = False


@dataclass(frozen=True)
class Resident:
    """Bytes that a process took for a model beyond those of Python and NumPy, its libraries among them.

    `n_bytes` when it had answered, `peak_bytes` at the most. Of a compressed copy
    `parent` is what it was made of.
    """

    n_bytes: int
    peak_bytes: int
    parent: Resident | None = None

    def __str__(self) -> str:
        """As it stands in a report.

        >>> str(Resident(81_200_000, 126_000_000, Resident(318_000_000, 318_000_000)))
        '81.2 MB, at most 126 MB (its parent 318 MB)'
        """
        own = f"{self.n_bytes / 1e6:,.3g} MB"
        if self.peak_bytes > 1.01 * self.n_bytes:
            own += f", at most {self.peak_bytes / 1e6:,.3g} MB"
        return own if self.parent is None else f"{own} (its parent {self.parent})"


def weights_of(model: object) -> Weights | None:
    """A model's weights; None where it holds none that are worth counting.

    >>> weights_of(object()) is None
    True
    """
    found = getattr(model, "weights", None)
    return found if isinstance(found, Weights) else None


def together(parts: Iterable[Weights | None]) -> Weights | None:
    """The weights of several as one, for what must have all of them in memory at once; None where there are none."""
    held = [part for part in parts if part is not None]

    def read() -> None:
        for part in held:
            part.read()

    def free() -> None:
        for part in held:
            part.free()

    return Weights(sum(part.n_bytes for part in held), read, free) if held else None


def give_back() -> None:
    """Hands memory that was freed back to the system, where the C library would keep it (glibc; elsewhere nothing).

    Without it the memory of a process is that of all models it ever held: freed pieces between others stay its own.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
