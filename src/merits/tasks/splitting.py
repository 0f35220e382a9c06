"""Divides examples into dev and test, once and for all, deterministically, with duplicates on one side.

Every method assigns *units*: examples with the same normalised input, and examples of one group, are one unit
(`core.clusters`), so no candidate is trained on a question that it is later tested on. Where a unit goes depends on
its content and the seed, not on the order of the data, so a file that grows keeps nearly all of its split.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

__all__ = ["by_hash", "by_time", "stratified"]


def by_hash(keys: Sequence[str], units: Sequence[int], *, test: float, seed: int) -> list[bool]:
    """Where an example is in test: each unit by a hash of its content, with probability `test`.

    Nothing but the unit itself decides, so added examples move no others. The share is met on average only.

    >>> by_hash(["a", "b", "a"], [0, 1, 0], test=0.5, seed=4)
    [True, False, True]
    """
    places = _places(keys, units, seed)
    return [places[unit] < test for unit in units]


def stratified(
    keys: Sequence[str], units: Sequence[int], labels: Sequence[Hashable], *, test: float, seed: int
) -> list[bool]:
    """Where an example is in test: of each label the share `test`, rounded; whole units only.

    A unit counts under its commonest label. A label with one unit stays in dev (what is not in dev cannot be
    learned); one with more has at least one unit on either side. With one label for all this is a plain seeded
    shuffle of units.

    >>> stratified(list("abcdef"), range(6), ["x", "x", "x", "x", "y", "y"], test=0.5, seed=0).count(True)
    3
    """
    places = _places(keys, units, seed)
    members = _members(units)
    strata: dict[Hashable, list[int]] = defaultdict(list)
    for unit, rows in members.items():
        strata[_commonest([labels[row] for row in rows])].append(unit)
    chosen: set[int] = set()
    for stratum in strata.values():
        stratum.sort(key=lambda unit: places[unit])
        chosen.update(_filled(stratum, {unit: len(members[unit]) for unit in stratum}, test))
    return [unit in chosen for unit in units]


def by_time(times: Sequence[float], units: Sequence[int], *, test: float) -> list[bool]:
    """Where an example is in test: the latest share `test` of the examples.

    Examples of one moment stay together. A unit is placed by its earliest example: a question that was already
    asked before the cut is no news after it.

    >>> by_time([1.0, 2.0, 3.0, 4.0], [0, 1, 2, 0], test=0.5)
    [False, False, True, False]
    """
    cut = sorted(times)[len(times) - max(1, round(test * len(times)))]
    earliest: dict[int, float] = {}
    for unit, time in zip(units, times, strict=True):
        earliest[unit] = min(time, earliest.get(unit, time))
    return [earliest[unit] >= cut for unit in units]


def _filled(units: Sequence[int], sizes: Mapping[int, int], test: float) -> list[int]:
    """The units, taken in order, that bring test closest to its share of the examples."""
    if len(units) == 1:
        return []
    wanted = test * sum(sizes.values())
    taken: list[int] = []
    filled = 0
    for unit in units:
        if len(taken) < len(units) - 1 and abs(filled + sizes[unit] - wanted) <= abs(filled - wanted):
            taken.append(unit)
            filled += sizes[unit]
    return taken or [min(units, key=lambda unit: sizes[unit])]


def _commonest(labels: Sequence[Hashable]) -> Hashable:
    if len(labels) == 1:
        return labels[0]
    counts = Counter(labels)
    most = max(counts.values())
    return min((label for label, count in counts.items() if count == most), key=repr)


def _members(units: Sequence[int]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = defaultdict(list)
    for row, unit in enumerate(units):
        members[unit].append(row)
    return members


def _places(keys: Sequence[str], units: Sequence[int], seed: int) -> dict[int, float]:
    """For each unit a number in [0, 1) that depends on its content and the seed alone."""
    smallest: dict[int, str] = {}
    for unit, key in zip(units, keys, strict=True):
        if unit not in smallest or key < smallest[unit]:
            smallest[unit] = key
    salt = str(seed).encode()
    return {unit: _place(salt, key) for unit, key in smallest.items()}


def _place(salt: bytes, key: str) -> float:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=salt[:64]).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
