"""A quantile, such as the 95th percentile of latency, with an interval from the order statistics."""

from __future__ import annotations

import math

import numpy as np
import scipy

from merits.core.estimate import Estimate, Unit
from merits.stats.clusters import clustered, effective_size
from merits.stats.critical import Floats, Ints

__all__ = ["quantile", "quantile_ranks"]


def quantile(
    values: Floats, q: float, groups: Ints | None = None, level: float = 0.95, *, unit: Unit = "seconds"
) -> Estimate:
    """The q-quantile with its distribution-free interval; an end is None where there are too few values to have it.

    The interval is from one order statistic to another (David & Nagaraja 2003, Order Statistics, section 7.1). A
    two-sided 95 % interval of the 95th percentile has an upper end from 72 values on, a one-sided bound from 59.
    Grouped values: ranks for as many independent ones as the groups are worth (Woodruff 1952).

    >>> print(quantile(np.arange(1.0, 101.0), 0.5))
    50.5 s [40–61 s], n = 100
    >>> print(quantile(np.arange(1.0, 31.0), 0.95))
    28.5 s [at least 26 s], n = 30
    """
    n = len(values)
    if n == 0:
        return _estimate(None, None, None, q=q, level=level, n=0, unit=unit)
    value = float(np.quantile(values, q))
    pieces, size = n, float(n)
    if groups is not None:
        result = clustered((values <= value).astype(np.float64), groups)
        pieces, size = result.n_groups, effective_size(result, level)
    lower, upper = quantile_ranks(math.floor(size), q, level)
    low = _at_rank(values, lower, size)
    high = _at_rank(values, upper, size)
    return _estimate(value, low, high, q=q, level=level, n=pieces, unit=unit)


def quantile_ranks(n: int, q: float, level: float = 0.95) -> tuple[int | None, int | None]:
    """The ranks (1 is the smallest) of the order statistics that end the interval; None where no rank reaches.

    lower: the largest l with P(Bin(n, q) < l) <= (1-level)/2; upper: the smallest u with P(Bin(n, q) >= u) <= that.

    >>> quantile_ranks(71, 0.95), quantile_ranks(72, 0.95), quantile_ranks(59, 0.95, level=0.90)
    ((63, None), (64, 72), (53, 59))
    """
    tail = (1.0 - level) / 2.0
    if n < 1:
        return None, None
    reach = 8.0 * math.sqrt(n * q * (1.0 - q)) + 10.0  # 8 standard deviations: nothing beyond matters
    ranks = np.arange(max(1, math.floor(n * q - reach)), min(n, math.ceil(n * q + reach)) + 1)
    below = scipy.special.bdtr(ranks - 1.0, n, q)
    lowers = ranks[below <= tail]
    uppers = ranks[below >= 1.0 - tail]
    return (int(lowers[-1]) if len(lowers) else None), (int(uppers[0]) if len(uppers) else None)


def _at_rank(values: Floats, rank: int | None, size: float) -> float | None:
    """The order statistic at a rank among `size` values, at the same share of the values there are."""
    if rank is None:
        return None
    position = min(len(values) - 1, max(0, math.ceil(rank / math.floor(size) * len(values)) - 1))
    return float(np.partition(values, position)[position])


def _estimate(
    value: float | None, low: float | None, high: float | None, *, q: float, level: float, n: int, unit: Unit
) -> Estimate:
    method = f"order statistics of the {100 * q:g}th percentile"
    return Estimate(value=value, low=low, high=high, level=level, n=n, unit=unit, method=method)
