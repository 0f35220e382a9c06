"""Whether one candidate is worse than another by less than a margin: bounds of a paired difference to gate on.

An interval to show may be wrong a little more often than it says; a gate may not. Bonett and Price's interval, right
to show, lets a candidate that is worse by exactly the margin pass in up to 9.7 % of 400 rows (it only ever loses, 2
points) where 5 % is promised. Tango's score bound with half a made-up loss: at most 4.9 %, and 2.6 % on average, for
n from 10 to 600, margins from 0.5 to 20 points and every share of discordant rows (enumerated exactly, in
`tests/stats/test_noninferiority.py`).
"""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import scipy

from merits.core.estimate import Estimate
from merits.stats.clusters import FEW_GROUPS, Clustered, clustered
from merits.stats.critical import Floats, Ints, t_critical
from merits.stats.paired import compare_all, paired_scores

__all__ = ["difference_bounds", "score_bound", "score_bounds"]

_MADE_UP_LOSS = 0.5
_MADE_UP_GROUP = 0.1  # how much of a made-up group, as in `stats.clusters`
_HALVINGS = 60


def difference_bounds(
    first: Floats, second: Floats, groups: Ints | None = None, level: float = 0.95, *, anytime: bool = False
) -> Estimate:
    """The first candidate minus the second on the same rows, with two one-sided bounds that each hold at `level`.

    `first` is non-inferior to `second` by a margin where `low >= -margin`, and certainly is not where `high <
    -margin`. Values are solved or not (0 and 1), or scores in [0, 1]; `groups` holds a code for each row, None for
    independent ones. Rates: Tango's score bound with half a made-up loss, on the effective sample size where rows are
    grouped. Scores: paired t or betting; between groups, t(G - 1) with a made-up row on each side. With `anytime` both
    ends hold at every look at once (`stats.sequences`). No row, or one group only: no bounds.

    >>> first, second = np.arange(200) % 10 > 1, np.arange(200) % 10 > 0
    >>> print(difference_bounds(first.astype(float), second.astype(float)))
    -10.0 points [-14.3 to -6.6 points], n = 200
    """
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if anytime:
        return _between(first, second, groups, level, anytime=True)
    if np.all((differences == 0.0) | (np.abs(differences) == 1.0)):
        return _of_rates(differences, groups, level)
    if groups is None:
        return _renamed(paired_scores(differences, 2.0 * level - 1.0), level, "each end one-sided")
    return _between(first, second, groups, level)


def score_bounds(n10: float, n01: float, n: float, level: float = 0.95) -> Estimate:
    """The difference of two paired rates with two one-sided bounds.

    Of n rows the first alone solved n10, the second alone n01.

    >>> print(score_bounds(0, 2, 100))
    -2.0 points [-6.5 to +1.7 points], n = 100
    """
    known = n > 0
    return Estimate(
        value=(n10 - n01) / n if known else None,
        low=score_bound(n10, n01, n, level) if known else None,
        high=-score_bound(n01, n10, n, level) if known else None,
        level=level,
        n=round(n),
        unit="points",
        method="paired, Tango's score bound with half a made-up loss, each end one-sided",
    )


def score_bound(n10: float, n01: float, n: float, level: float) -> float:
    """The lower one-sided bound of a difference of paired rates: all that a score test at 1 - level does not exclude.

    The test of p10 - p01 = d has z = (n10 - n01 - nd)/√(n(2q + d(1 - d))), with q the most likely p01 under d: the
    larger root of 2n·q² + ((2n - n10 + n01)d - n10 - n01)q - n01·d(1 - d) = 0. Tango (1998), Statistics in Medicine
    17, 891–908. Half a row that only the second solved is added, which makes the bound a careful one. -1 for no row.

    >>> round(score_bound(0, 0, 100, 0.95), 3)
    -0.035
    """
    losses, rows, critical = n01 + _MADE_UP_LOSS, n + _MADE_UP_LOSS, float(scipy.special.ndtri(level))
    low, high = -1.0, max(-1.0, min(1.0, (n10 - losses) / rows))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _z(n10, losses, rows, middle) >= critical else (low, middle)
    return low


def _z(n10: float, n01: float, n: float, d: float) -> float:
    b = (2.0 * n - n10 + n01) * d - n10 - n01
    root = math.sqrt(max(b * b + 8.0 * n * n01 * d * (1.0 - d), 0.0))
    variance = n * ((root - b) / (2.0 * n) + d * (1.0 - d))
    distance = n10 - n01 - n * d
    return distance / math.sqrt(variance) if variance > 0.0 else math.copysign(math.inf, distance)


def _of_rates(differences: Floats, groups: Ints | None, level: float) -> Estimate:
    wins, losses = float(np.count_nonzero(differences > 0)), float(np.count_nonzero(differences < 0))
    if groups is None:
        return score_bounds(wins, losses, len(differences), level)
    result = clustered(differences, groups)
    if result.n_groups < 2:
        return _unknown(result, level)
    share = _effective_size(result, level) / result.n_rows
    bounds = score_bounds(share * wins, share * losses, share * result.n_rows, level)
    few = ", few groups" if result.n_groups < FEW_GROUPS else ""
    rows = f"on the effective sample size, {result.n_rows} rows in {result.n_groups} groups{few}"
    method = f"{bounds.method}, {rows}"
    return msgspec.structs.replace(bounds, value=result.mean, n=result.n_groups, method=method)


def _effective_size(result: Clustered, level: float) -> float:
    """How many independent rows grouped differences are worth, as `clusters.effective_size` has it for a rate.

    The made-up part of a group is one in which the looser of the two loses, or wins, every row.
    """
    size = result.n_rows / result.n_groups
    farthest = (1.0 + abs(result.mean)) ** 2
    between = result.variance * result.n_rows**2 + _MADE_UP_GROUP * size**2 * farthest
    alone = result.row_variance * result.n_rows + _MADE_UP_GROUP * size * farthest
    two_sided = 2.0 * level - 1.0
    few = float(t_critical(two_sided, result.n_rows - 1) / t_critical(two_sided, result.n_groups - 1))
    return result.n_rows / max(between / alone, 1.0) * min(few, 1.0) ** 2


def _between(first: Floats, second: Floats, groups: Ints | None, level: float, *, anytime: bool = False) -> Estimate:
    """By a standard error with a made-up row on each side: of scores in groups, and of what is looked at often."""
    values = np.stack([first, second])
    pairs = replace(compare_all(values, np.ones(values.shape, dtype=np.bool_), groups), anytime=anytime)
    reach, centre = float(pairs.reach(2.0 * level - 1.0)[0, 1]), float(pairs.centre[0, 1])
    known, n_groups = math.isfinite(reach), int(pairs.n_groups[0, 1])
    few = ", few groups" if groups is not None and n_groups < FEW_GROUPS else ""
    how = "time-uniform confidence sequence" if anytime else "t between groups with a made-up row on each side"
    return Estimate(
        value=float(pairs.difference[0, 1]) if len(first) else None,
        low=max(centre - reach, -1.0) if known else None,
        high=min(centre + reach, 1.0) if known else None,
        level=level,
        n=n_groups,
        unit="points",
        method=f"paired, {how}, each end one-sided{few}",
    )


def _unknown(result: Clustered, level: float) -> Estimate:
    return Estimate(
        value=result.mean if result.n_rows else None,
        low=None,
        high=None,
        level=level,
        n=result.n_groups,
        unit="points",
        method="paired, one group only",
    )


def _renamed(estimate: Estimate, level: float, note: str) -> Estimate:
    return msgspec.structs.replace(estimate, level=level, method=f"paired, {estimate.method}, {note}")
