"""The uncertainty of a statistic that is not a mean (macro-F1, AUC, calibration error): resample the rows.

Knows nothing about what the statistic is: it is handed a function on row numbers, or on tables of counts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from merits.stats.critical import Floats, Ints

__all__ = [
    "bootstrap_limits",
    "bootstrap_rows",
    "bootstrap_tables",
    "jackknife_variance",
    "resampled_sums",
    "units_of",
]

_MOST_UNITS = 1_000  # more are merged at random: the spread between sums is the same, and known to 2 %


def bootstrap_tables(
    cells: Ints, n_cells: int, generator: np.random.Generator, *, groups: Ints | None = None, resamples: int = 1000
) -> Floats:
    """Tables of counts (resamples, n_cells), as they come from resampling rows with replacement.

    `cells` holds each row's cell, such as target x predicted. Independent rows: counts of a resample are multinomial,
    so no row is touched. Grouped rows: whole groups are drawn. No row: all 0.

    >>> tables = bootstrap_tables(np.array([0, 0, 1]), 2, np.random.default_rng(0), resamples=5)
    >>> tables.shape, tables.sum(axis=1).tolist()
    ((5, 2), [3.0, 3.0, 3.0, 3.0, 3.0])
    """
    n = len(cells)
    if n == 0:
        return np.zeros((resamples, n_cells))
    if groups is None:
        shares = np.bincount(cells, minlength=n_cells) / n
        return generator.multinomial(n, shares, size=resamples).astype(np.float64)
    _, codes = np.unique(groups, return_inverse=True)
    n_groups = int(codes.max()) + 1
    drawn = generator.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=resamples)
    return np.stack([np.bincount(cells, weights=weights[codes], minlength=n_cells) for weights in drawn])


def bootstrap_rows(
    statistic: Callable[[Ints], float | None],
    n: int,
    generator: np.random.Generator,
    *,
    groups: Ints | None = None,
    resamples: int = 1000,
) -> Floats:
    """The statistic on resamples of the rows 0..n-1 (of whole groups); a resample it is undefined on is left out.

    `statistic` takes row numbers and returns None where it is not defined (an AUC with one class).

    >>> values = np.array([1.0, 2.0, 3.0])
    >>> len(bootstrap_rows(lambda rows: float(values[rows].mean()), 3, np.random.default_rng(0), resamples=10))
    10
    """
    members = None if groups is None else _members(groups)
    results = []
    for _ in range(resamples if n else 0):
        if members is None:
            rows = generator.integers(0, n, size=n)
        else:
            rows = np.concatenate([members[g] for g in generator.integers(0, len(members), size=len(members))])
        result = statistic(rows)
        if result is not None:
            results.append(result)
    return np.asarray(results, dtype=np.float64)


def bootstrap_limits(
    resampled: Floats, value: float, level: float = 0.95, jackknifed: Floats | None = None
) -> tuple[float | None, float | None]:
    """The ends of the bias-corrected (with `jackknifed` also accelerated: BCa) percentile interval.

    Efron (1987), doi:10.1080/01621459.1987.10478410. Zero width where every resample gives the same, which is too
    short at the edge of the range: bounds for gates come from `rates.rate_of_variance`. (None, None) for none.

    >>> draws = np.random.default_rng(0).normal(size=4000)
    >>> [round(end, 1) for end in bootstrap_limits(draws, 0.0)]
    [-1.9, 2.0]
    """
    if len(resampled) == 0:
        return None, None
    below = float(np.mean(resampled < value) + np.mean(resampled <= value)) / 2.0
    if below in (0.0, 1.0):
        below = 0.5
    bias = float(scipy.special.ndtri(below))
    acceleration = 0.0 if jackknifed is None else _acceleration(jackknifed)
    ends = []
    for tail in ((1.0 - level) / 2.0, (1.0 + level) / 2.0):
        shifted = bias + float(scipy.special.ndtri(tail))
        ends.append(float(np.quantile(resampled, scipy.special.ndtr(bias + shifted / (1.0 - acceleration * shifted)))))
    return ends[0], ends[1]


def jackknife_variance(
    statistic: Callable[[Ints], float | None],
    n: int,
    generator: np.random.Generator,
    *,
    groups: Ints | None = None,
    blocks: int = 40,
) -> float | None:
    """The variance of a statistic from leaving out one of (at most) 40 random blocks of rows or groups at a time.

    (B - 1)/B · Σ (θ_b - mean)²: 40 evaluations instead of 1,000, for statistics that take long on many rows. None
    where the statistic is undefined without some block, or there are fewer than two. Kott (2001), Journal of Official
    Statistics 17, 521–526.

    >>> values = np.arange(200.0)
    >>> variance = jackknife_variance(lambda rows: float(values[rows].mean()), 200, np.random.default_rng(0))
    >>> bool(0.5 < variance / (values.var() / 200) < 2.0)
    True
    """
    codes = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(codes.max()) + 1 if n else 0
    count = min(blocks, units)
    if count < 2:
        return None
    block_of = generator.permutation(units) % count
    found = [statistic(np.flatnonzero(block_of[codes] != block)) for block in range(count)]
    values = np.array([value for value in found if value is not None])
    if len(values) < count:
        return None
    return float((count - 1) / count * np.sum((values - values.mean()) ** 2))


def resampled_sums(
    counts: Floats, generator: np.random.Generator, *, groups: Ints | None = None, resamples: int = 500
) -> Floats:
    """The sums of counts (rows, columns) over resamples of the rows (of whole groups): (resamples, columns).

    More than 1,000 rows or groups are merged at random to 1,000 first: sums of resamples keep their mean and spread.

    >>> resampled_sums(np.ones((10, 3)), np.random.default_rng(0), resamples=2).tolist()
    [[10.0, 10.0, 10.0], [10.0, 10.0, 10.0]]
    """
    units = units_of(counts, generator, groups)
    n = len(units)
    if n == 0:
        return np.zeros((resamples, counts.shape[1]))
    weights = generator.multinomial(n, np.full(n, 1.0 / n), size=resamples)
    return np.asarray(weights.astype(np.float64) @ units)


def units_of(counts: Floats, generator: np.random.Generator, groups: Ints | None = None) -> Floats:
    """The sums of counts (rows, columns) over each group, merged at random to at most 1,000: (units, columns).

    >>> units_of(np.ones((5, 1)), np.random.default_rng(0), np.array([0, 0, 1, 1, 1])).tolist()
    [[2.0], [3.0]]
    """
    units = counts if groups is None else _merged(counts, np.unique(groups, return_inverse=True)[1])
    if len(units) > _MOST_UNITS:
        units = _merged(units, generator.permutation(len(units)) % _MOST_UNITS)
    return units


def _merged(counts: Floats, codes: Ints) -> Floats:
    """The sums of the rows that share a code."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return np.asarray(np.add.reduceat(counts[order], starts, axis=0)) if len(codes) else counts


def _members(groups: Ints) -> list[Ints]:
    order = np.argsort(groups, kind="stable")
    _, starts = np.unique(groups[order], return_index=True)
    return list(np.split(order, starts[1:]))


def _acceleration(jackknifed: Floats) -> float:
    spread = jackknifed.mean() - jackknifed
    scale = float(np.sum(spread**2)) ** 1.5
    return float(np.sum(spread**3)) / (6.0 * scale) if scale > 0 else 0.0
