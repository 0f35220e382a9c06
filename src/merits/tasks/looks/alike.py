"""Finds fingerprints of bits that nearly agree, among tens of thousands, without comparing each with each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["alike"]

_BAND = 16  # bits; fingerprints that differ in fewer bits than there are bands agree in a whole band
_MOST_IN_BAND = 200  # that share a band's bits: more are blank parts, which say nothing


def alike(
    fingerprints: NDArray[np.bool_], most_bits: int, same: Callable[[int, int], bool] = lambda a, b: True
) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of rows of (n, bits) that differ in `most_bits` at most and are the `same`, sorted.

    Every such pair is found where the bits are 16 times more than `most_bits`, by the pigeonhole principle, but for
    bits that over 200 rows share: of those each row is compared with the first and the one before.

    >>> bits = np.random.default_rng(0).random((3, 256)) < 0.5
    >>> bits[2] = bits[0]
    >>> bits[2, :5] ^= True
    >>> alike(bits, 10)
    [(0, 2)]
    """
    width = fingerprints.shape[1]
    pairs: set[tuple[int, int]] = set()
    for start in range(0, width, _BAND):
        groups: dict[bytes, list[int]] = defaultdict(list)
        for row, key in enumerate(np.packbits(fingerprints[:, start : start + _BAND], axis=1)):
            groups[key.tobytes()].append(row)
        for members in groups.values():
            pairs.update(_pairs(members))
    found = sorted(pairs)
    if not found:
        return []
    a, b = np.array(found).T
    near = np.concatenate(
        [
            (fingerprints[a[i : i + 65_536]] ^ fingerprints[b[i : i + 65_536]]).sum(axis=1) <= most_bits
            for i in range(0, len(found), 65_536)
        ]
    )
    return [pair for pair, close in zip(found, near, strict=True) if close and same(*pair)]


def _pairs(members: Sequence[int]) -> list[tuple[int, int]]:
    if len(members) > _MOST_IN_BAND:
        return [
            pair
            for place in range(1, len(members))
            for pair in {(members[0], members[place]), (members[place - 1], members[place])}
        ]
    return [(members[i], members[j]) for j in range(len(members)) for i in range(j)]
