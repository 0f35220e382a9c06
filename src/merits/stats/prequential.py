"""Quality along a stream: of windows, and of all so far, at every moment at once.

What is estimated is the mean of the chances that the cases had of being solved, each given all that came before it.
These chances may move in any way (the model learns, the world changes, cases hang together), for what is left of a case
after its chance is taken away has mean 0 whatever came before: a martingale. So no case is assumed to be independent of
another; and nothing is said of another stream.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from merits.core.estimate import Estimate
from merits.stats.critical import normal_critical
from merits.stats.proportions import wilson_limits
from merits.stats.sequences import time_uniform

__all__ = ["autocorrelation", "gain_of_counts", "running_gain", "running_rate", "window_gain", "window_rate"]

_AT_ANY_TIME = "time-uniform confidence sequence of the mean chance given the past"


def window_rate(solved: ArrayLike, level: float = 0.95) -> Estimate | None:
    """The share solved in one window that was fixed before, by Wilson's interval; None of no case.

    Chances that differ within the window make a sum vary less than equal ones do (Hoeffding 1956), so it holds.

    >>> print(window_rate([True] * 17 + [False] * 3))
    85.0 % [64.0–94.8 %], n = 20
    """
    right = np.asarray(solved, np.float64)
    if not right.size:
        return None
    low, high = wilson_limits(right.sum(), right.size, level)
    return _rate(float(right.mean()), float(low), float(high), level, n=right.size, method="Wilson, of a window")


def running_rate(solved: ArrayLike, level: float = 0.95) -> Estimate | None:
    """The share solved of all cases so far, with an interval that holds at every moment at once; None of no case.

    Agresti and Coull's centre and spread, reaching as far as `stats.sequences.time_uniform`: asymptotically valid for
    means that move (Waudby-Smith et al. 2024, doi:10.1214/24-AOS2408, theorem 2.5), wide rather than narrow because the
    spread takes all cases to be as uncertain as the mean (`tests/simulation`).

    >>> print(running_rate([True] * 170 + [False] * 30))
    85.0 % [75.7–91.3 %], n = 200
    """
    right = np.asarray(solved, np.float64)
    n = right.size
    if not n:
        return None
    reach = float(time_uniform(level, n))
    if not np.isfinite(reach):
        return _rate(float(right.mean()), 0.0, 1.0, level, n=n, method=_AT_ANY_TIME)
    size = n + reach**2
    centre = (float(right.sum()) + reach**2 / 2) / size
    half = reach * float(np.sqrt(centre * (1 - centre) / size))
    return _rate(float(right.mean()), max(0.0, centre - half), min(1.0, centre + half), level, n=n, method=_AT_ANY_TIME)


def window_gain(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Estimate | None:
    """How many more cases of one window the first solved than the second, as a share; None of no case."""
    return _gain(first, second, level, float(normal_critical(level)), "paired, Bonett–Price, of a window")


def running_gain(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Estimate | None:
    """The same of all cases so far, with an interval that holds at every moment at once.

    >>> print(running_gain([True] * 300, [True] * 240 + [False] * 60))
    +20.0 points [+12.7 to +27.0 points], n = 300
    """
    return _gain(first, second, level, float(time_uniform(level, np.asarray(first).size)), f"paired, {_AT_ANY_TIME}")


def gain_of_counts(gained: int, lost: int, n: int, level: float = 0.95) -> Estimate:
    """`running_gain` where only counts are known: n > 0 cases, of which the first alone solved so many, and the second.

    >>> gain_of_counts(60, 0, 300) == running_gain([True] * 300, [True] * 240 + [False] * 60)
    True
    """
    return _gain_of_counts(
        gained, lost, n, level, reach=float(time_uniform(level, n)), method=f"paired, {_AT_ANY_TIME}"
    )


def autocorrelation(solved: ArrayLike) -> float | None:
    """Of being solved, from one case to the next (lag 1); None where all were, none was, or there are fewer than 3.

    >>> round(autocorrelation([1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0]), 2)
    0.42
    """
    right = np.asarray(solved, np.float64)
    if right.size < 3:
        return None
    apart = right - right.mean()
    total = float(apart @ apart)
    return None if total == 0 else float(apart[1:] @ apart[:-1]) / total


def _gain(first: ArrayLike, second: ArrayLike, level: float, reach: float, method: str) -> Estimate | None:
    one, other = np.asarray(first, np.bool_), np.asarray(second, np.bool_)
    if not one.size:
        return None
    gained, lost = int(np.sum(one & ~other)), int(np.sum(other & ~one))
    return _gain_of_counts(gained, lost, one.size, level, reach=reach, method=method)


def _gain_of_counts(gained: int, lost: int, n: int, level: float, *, reach: float, method: str) -> Estimate:
    """Bonett and Price's centre and standard error, reaching as far as `reach`."""
    value = (gained - lost) / n
    more, less, size = gained + 1.0, lost + 1.0, n + 2.0
    centre = (more - less) / size
    error = float(np.sqrt(max((more + less) / size - centre**2, 0.0) / size))
    half = float(reach * error) if np.isfinite(reach) else np.inf
    return Estimate(
        value=value,
        low=max(-1.0, min(centre - half, value)),
        high=min(1.0, max(centre + half, value)),
        level=level,
        n=n,
        unit="points",
        method=method,
    )


def _rate(value: float, low: float, high: float, level: float, *, n: int, method: str) -> Estimate:
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), level=level, n=n, unit="rate", method=method
    )
