"""Which slices gain and which lose, corrected for how many slices there are.

Every value of every tag with enough pairs is one question. Holm's method keeps the probability of any false claim
among all of them, tags together, under 1 - confidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.deciding.pairing import Paired
from merits.stats.clusters import FEW_GROUPS
from merits.stats.critical import Bools
from merits.stats.paired import PairedDifferences, compare_all, holm

__all__ = ["SliceChange", "estimate_of", "slice_changes"]

_FEWEST = 10  # pairs, below which a slice is left out
_MOST_VALUES = 40  # of one tag: a tag with more is an id, not a slice


class SliceChange(msgspec.Struct, frozen=True, kw_only=True):
    """The difference among the examples with one value of a tag; corrected, with its interval, for all slices."""

    tag: str
    value: str
    verdict: Literal["gains", "loses", "cannot be told"]
    difference: Estimate
    p_value: float


def slice_changes(paired: Paired, counted: Bools, confidence: float) -> tuple[tuple[SliceChange, ...], int]:
    """The slices with enough pairs, corrected over all of them by Holm; the surest first."""
    places = list(_places(paired, counted))
    if not places:
        return (), 0
    shares = np.array(paired.shares(failures=True)[::-1])
    groups = paired.groups
    level = 1.0 - (1.0 - confidence) / len(places)
    found = []
    for _, _, rows in places:
        mask = np.array([rows, rows])
        found.append(replace(compare_all(shares, mask, groups), anytime=paired.anytime))
    adjusted = holm([float(pairs.p_values[0, 1]) for pairs in found]).tolist()
    slices = [
        _slice(tag, value, pairs, p, level=level, confidence=confidence, grouped=groups is not None)
        for (tag, value, _), pairs, p in zip(places, found, adjusted, strict=True)
    ]
    return tuple(sorted(slices, key=lambda s: (s.p_value, s.tag, s.value))), len(places)


def _places(paired: Paired, counted: Bools) -> Iterator[tuple[str, str, Bools]]:
    """Each value of each tag that has enough pairs, and does not have all of them."""
    for tag, texts in sorted(paired.tags.items()):
        values, counts = np.unique(texts[counted], return_counts=True)
        if not 1 < len(values) <= _MOST_VALUES:
            continue
        for value in values[counts >= _FEWEST]:
            yield tag, str(value), np.asarray(counted & (texts == value))


def _slice(
    tag: str, value: str, pairs: PairedDifferences, p: float, *, level: float, confidence: float, grouped: bool
) -> SliceChange:
    estimate = estimate_of(pairs, level, grouped=grouped)
    up = float(pairs.centre[0, 1]) > 0.0
    certain = p <= 1.0 - confidence
    if certain:  # Holm's claim and its interval agree: Guilbaud 2008, as in `Comparison.difference`
        ends = (max(estimate.low or 0.0, 0.0), estimate.high) if up else (estimate.low, min(estimate.high or 0.0, 0.0))
        estimate = msgspec.structs.replace(estimate, low=ends[0], high=ends[1])
    return SliceChange(
        tag=tag,
        value=value,
        verdict=("gains" if up else "loses") if certain else "cannot be told",
        difference=estimate,
        p_value=p,
    )


def estimate_of(pairs: PairedDifferences, level: float, *, grouped: bool) -> Estimate:
    """The difference [0, 1] (second minus first) as an estimate in points."""
    n = int(pairs.n_groups[0, 1])
    centre, reach = float(pairs.centre[0, 1]), float(pairs.reach(level)[0, 1])
    known = bool(np.isfinite(reach))
    few = ", few groups" if grouped and n < FEW_GROUPS else ""
    return Estimate(
        value=float(pairs.difference[0, 1]) if pairs.n[0, 1] else None,
        low=max(centre - reach, -1.0) if known else None,
        high=min(centre + reach, 1.0) if known else None,
        level=level,
        n=n,
        unit="points",
        method=f"{pairs.method(grouped=grouped)}{few}",
    )
