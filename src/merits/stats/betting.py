"""The mean of scores between 0 and 1 from few or skewed values, with an interval that is valid at every n.

A fair bet against "the mean is m" cannot be expected to win; where the wealth won from betting on the data reaches
1/alpha, m is given up. Stakes are a fixed mixture, so that the order of the values does not matter.
Waudby-Smith & Ramdas (2024), doi:10.1093/jrsssb/qkad009.
"""

from __future__ import annotations

import numpy as np
import scipy

from merits.stats.critical import Floats

__all__ = ["betting_limits", "log_wealth"]

_STAKES = 24
_HALVINGS = 24  # 2**-24: the bisection ends far below any digit that is shown


def log_wealth(values: Floats, counts: Floats, mean: float) -> float:
    """The log of what betting on "the mean is above `mean`" has won; large where the values lie above it.

    The stakes c / mean, c between 1/(5√n) and 0.99, are mixed with equal weights: E[wealth] <= 1 whenever the true
    mean is at most `mean`, so P(wealth >= 1/alpha) <= alpha (Ville).

    >>> log_wealth(np.array([1.0]), np.array([20.0]), 0.5) > 3.0
    True
    """
    smallest = min(0.1, 0.2 / np.sqrt(counts.sum()))
    stakes = np.geomspace(smallest, 0.99, _STAKES)
    factors = np.log1p(stakes[:, None] * (values[None, :] - mean) / mean)
    return float(scipy.special.logsumexp(factors @ counts) - np.log(_STAKES))


def betting_limits(values: Floats, level: float = 0.95) -> tuple[float, float]:
    """The ends of the interval for the mean of values in [0, 1]; each end alone is exceeded with at most (1-level)/2.

    Never of zero width, whatever the values; (0, 1) for none.

    >>> low, high = betting_limits(np.ones(20))
    >>> 0.7 < low < 0.8, high
    (True, 1.0)
    """
    if len(values) == 0:
        return 0.0, 1.0
    distinct, counts = np.unique(np.clip(values, 0.0, 1.0), return_counts=True)
    weights = counts.astype(np.float64)
    log_bar = float(np.log(2.0 / (1.0 - level)))
    low = _lower(distinct, weights, log_bar)
    return low, 1.0 - _lower(1.0 - distinct, weights, log_bar)


def _lower(values: Floats, counts: Floats, log_bar: float) -> float:
    """The largest mean that the wealth gives up; the wealth falls as the mean rises, so bisection finds it."""
    low, high = 0.0, float(values @ counts / counts.sum())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle > 0 and log_wealth(values, counts, middle) >= log_bar:
            low = middle
        else:
            high = middle
    return low
