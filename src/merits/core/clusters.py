"""Which cases are one piece of evidence: those that share a question or a group, directly or by way of others.

Knows nothing about what the keys and groups name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["first_seen", "units_of"]


def units_of(keys: Sequence[str], groups: Sequence[str] = ()) -> list[int]:
    """The number of the unit that each case is in: cases that share a key or a group are in one.

    The numbers are 0, 1, ... in order of first appearance. The group "" joins nothing.

    >>> units_of(["a", "b", "a", "c"], ["", "g", "g", ""])
    [0, 0, 0, 1]
    """
    parent = list(range(len(keys)))
    _join(keys, parent)
    if any(groups):
        _join([group or None for group in groups], parent)
    names: dict[int, int] = {}
    return [names.setdefault(_root(parent, i), len(names)) for i in range(len(keys))]


def first_seen(digests: NDArray[np.void]) -> NDArray[np.int32]:
    """The number of the unit of each digest: `units_of` for a million keys of one width, in arrays only.

    >>> import numpy as np
    >>> first_seen(np.frombuffer(b"bab", "V1")).tolist()
    [0, 1, 0]
    """
    import numpy as np

    order = np.argsort(digests, kind="stable")
    begins = np.ones(len(order), np.bool_)
    begins[1:] = digests[order[1:]] != digests[order[:-1]]
    first = order[begins]
    number = np.empty(len(first), np.int32)
    number[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    codes = np.empty(len(digests), np.int32)
    codes[order] = number[np.cumsum(begins) - 1]
    return codes


def _join(keys: Sequence[str | None], parent: list[int]) -> None:
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key is not None:
            here, there = _root(parent, row), _root(parent, first.setdefault(key, row))
            parent[max(here, there)] = min(here, there)


def _root(parent: list[int], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row
