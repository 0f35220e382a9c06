"""A mean from rows: of scores between 0 and 1, of money, of seconds; independent or grouped."""

from __future__ import annotations

import math

import numpy as np

from merits.core.estimate import Estimate, Unit
from merits.stats.betting import betting_limits
from merits.stats.clusters import FEW_GROUPS, Clustered, clustered, effective_size
from merits.stats.critical import Floats, Ints, t_critical
from merits.stats.proportions import wilson_limits

__all__ = ["mean", "mean_score", "normal_enough"]


def mean(
    values: Floats,
    groups: Ints | None = None,
    level: float = 0.95,
    *,
    unit: Unit = "money",
    currency: str = "",
) -> Estimate:
    """The mean of unbounded values (money, seconds) with Student's t interval; t(G - 1) between groups.

    Nothing: no value. One value or one group: no interval. Values that do not vary: zero width, which is right for a
    price per call and wrong for anything that merely has not varied yet; scores go to `mean_score`. Approximate for
    skewed values at small n.

    >>> print(mean(np.array([1.0, 2.0, 3.0]), unit="seconds"))
    2 s [-0.484 to 4.48 s], n = 3
    """
    result = _alone(values) if groups is None else clustered(values, groups)
    half = float(t_critical(level, result.n_groups - 1)) * math.sqrt(result.variance) if result.n_groups > 1 else None
    return Estimate(
        value=result.mean if result.n_rows else None,
        low=None if half is None else result.mean - half,
        high=None if half is None else result.mean + half,
        level=level,
        n=result.n_groups,
        unit=unit,
        method=_named("t", result.n_rows, result.n_groups, grouped=groups is not None),
        currency=currency,
    )


def mean_score(values: Floats, groups: Ints | None = None, level: float = 0.95) -> Estimate:
    """The mean of scores in [0, 1] with an interval that never has zero width.

    Independent rows: t where that is good (`normal_enough`), else betting, which is valid at every n and wider.
    Grouped rows: Wilson's interval on the effective sample size, at most the rows.

    >>> print(mean_score(np.full(10, 0.8)))
    0.800 [0.445–0.889], n = 10
    """
    if groups is not None:
        return _grouped_score(values, groups, level)
    if normal_enough(values):
        estimate = mean(values, None, level, unit="score")
        return Estimate(
            value=estimate.value,
            low=max(estimate.low or 0.0, 0.0),
            high=min(1.0 if estimate.high is None else estimate.high, 1.0),
            level=level,
            n=estimate.n,
            unit="score",
            method="t",
        )
    low, high = betting_limits(values, level)
    return _score(values, low, high, level, n=len(values), method="betting")


def normal_enough(values: Floats) -> bool:
    """Whether Student's t may be trusted: n >= 50 and n > 25 · skewness², and the values vary.

    Cochran's rule (1977, Sampling Techniques, section 2.15). A 0/1 score at a rate of 0.98 needs 1,176 rows.

    >>> normal_enough(np.arange(100) % 2.0), normal_enough(np.r_[np.ones(98), 0, 0])
    (True, False)
    """
    if len(values) < 50:
        return False
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    if variance <= 1e-24:
        return False
    skewness = float(np.mean(centred**3)) / variance**1.5
    return bool(len(values) > 25.0 * skewness**2)


def _alone(values: Floats) -> Clustered:
    """The mean and its variance where every row is a group of its own, without sorting rows into groups."""
    n = len(values)
    row_variance = float(values.var()) if n else 0.0
    variance = row_variance / (n - 1) if n > 1 else math.inf
    return Clustered(float(values.mean()) if n else 0.0, variance, row_variance, n, n)


def _grouped_score(values: Floats, groups: Ints, level: float) -> Estimate:
    result = clustered(values, groups)
    size = effective_size(result, level)
    if result.row_variance > 0.0:  # a score that varies less than a 0/1 one is worth more rows of that
        size = min(size * result.mean * (1.0 - result.mean) / result.row_variance, result.n_rows)
    low, high = wilson_limits(result.mean * size, size, level)
    method = _named("Wilson on the effective sample size", result.n_rows, result.n_groups, grouped=True)
    return _score(values, float(low), float(high), level, n=result.n_groups, method=method)


def _score(values: Floats, low: float, high: float, level: float, *, n: int, method: str) -> Estimate:
    return Estimate(
        value=float(values.mean()) if len(values) else None,
        low=low if n else None,
        high=high if n else None,
        level=level,
        n=n,
        unit="score",
        method=method,
    )


def _named(method: str, n_rows: int, n_groups: int, *, grouped: bool) -> str:
    if not grouped:
        return method
    few = ", few groups" if n_groups < FEW_GROUPS else ""
    return f"{method}, {n_rows} rows in {n_groups} groups{few}"
