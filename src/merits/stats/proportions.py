"""A rate from counts: intervals to show (Wilson) and bounds to gate on (Clopper–Pearson).

Counts may be fractional, so that an effective sample size fits in as well. Knows nothing about groups: see `rates`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from merits.core.estimate import Estimate
from merits.stats.critical import Floats, Limits, normal_critical

__all__ = [
    "clopper_pearson",
    "clopper_pearson_bound",
    "clopper_pearson_bounds",
    "clopper_pearson_limits",
    "wilson",
    "wilson_limits",
]


def wilson_limits(successes: ArrayLike, n: ArrayLike, level: float = 0.95) -> Limits:
    """The ends of Wilson's score interval, elementwise; 0 and 1 where n is 0.

    Its mean coverage is nominal at every n; at a given rate near 0 or 1 it can fall to about 0.85, which is why
    gates use `clopper_pearson_bound`. Wilson (1927), doi:10.1080/01621459.1927.10502953.

    >>> low, high = wilson_limits([0, 17, 20], 20)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.64, 0.839], [0.161, 0.948, 1.0])
    """
    count, total = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    known = total > 0
    size = np.where(known, total, 1.0)
    rate = np.where(known, count, 0.0) / size
    z2 = normal_critical(level) ** 2
    centre = (rate + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2 * (rate * (1 - rate) + z2 / (4 * size)) / size) / (1 + z2 / size)
    low = np.where(rate <= 0.0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(rate >= 1.0, 1.0, np.minimum(centre + half, 1.0))
    return np.where(known, low, 0.0), np.where(known, high, 1.0)


def clopper_pearson_limits(successes: ArrayLike, n: ArrayLike, level: float = 0.95) -> Limits:
    """The ends of Clopper and Pearson's interval, elementwise: coverage is at least `level` at every rate and n.

    Clopper & Pearson (1934), doi:10.1093/biomet/26.4.404.

    >>> low, high = clopper_pearson_limits(17, 20)
    >>> float(low.round(3)), float(high.round(3))
    (0.621, 0.968)
    """
    one_sided = 1.0 - (1.0 - level) / 2.0
    return (
        clopper_pearson_bound(successes, n, one_sided, side="low"),
        clopper_pearson_bound(successes, n, one_sided, side="high"),
    )


def clopper_pearson_bound(
    successes: ArrayLike, n: ArrayLike, level: float = 0.95, *, side: Literal["low", "high"] = "low"
) -> Floats:
    """The exact one-sided bound of a rate, elementwise; the trivial bound (0 or 1) where n is 0.

    The true rate is at or above the "low" bound (at or below the "high" one) with probability at least `level`.

    >>> float(clopper_pearson_bound(59, 59).round(3))
    0.95
    """
    count, total = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    other = total - count
    if side == "low":
        bound = scipy.special.betaincinv(np.where(count > 0, count, 1.0), other + 1.0, 1.0 - level)
        return np.where(count > 0, bound, 0.0)
    bound = scipy.special.betaincinv(count + 1.0, np.where(other > 0, other, 1.0), level)
    return np.where(other > 0, bound, 1.0)


def wilson(successes: float, n: float, level: float = 0.95) -> Estimate:
    """A rate with Wilson's interval; no value and no interval when n is 0.

    >>> print(wilson(17, 20))
    85.0 % [64.0–94.8 %], n = 20
    """
    return _estimate(successes, n, level, wilson_limits(successes, n, level), "Wilson")


def clopper_pearson(successes: float, n: float, level: float = 0.95) -> Estimate:
    """A rate with Clopper and Pearson's two-sided interval; no value and no interval when n is 0.

    >>> print(clopper_pearson(17, 20))
    85.0 % [62.1–96.8 %], n = 20
    """
    return _estimate(successes, n, level, clopper_pearson_limits(successes, n, level), "Clopper–Pearson")


def clopper_pearson_bounds(successes: float, n: float, level: float = 0.95) -> Estimate:
    """A rate with both one-sided exact bounds, each of which holds at `level`: what a gate is judged on.

    >>> print(clopper_pearson_bounds(17, 20))
    85.0 % [65.6–95.8 %], n = 20
    """
    limits = (
        clopper_pearson_bound(successes, n, level, side="low"),
        clopper_pearson_bound(successes, n, level, side="high"),
    )
    return _estimate(successes, n, level, limits, "Clopper–Pearson, each end one-sided")


def _estimate(successes: float, n: float, level: float, limits: Limits, method: str) -> Estimate:
    known = n > 0
    return Estimate(
        value=float(successes / n) if known else None,
        low=float(limits[0]) if known else None,
        high=float(limits[1]) if known else None,
        level=level,
        n=int(n),
        unit="rate",
        method=method,
    )
