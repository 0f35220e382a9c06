"""How many examples it takes: before anything is spent, and to settle what is still open."""

from __future__ import annotations

import math

from scipy.special import ndtri

from merits.stats.critical import normal_critical
from merits.stats.proportions import clopper_pearson_bound

__all__ = ["examples_for_difference", "examples_for_gate", "examples_for_margin", "minimal_detectable_difference"]

_MOST = 10_000_000  # beyond this "more examples" is no advice


def minimal_detectable_difference(
    n: int, discordant: float = 0.2, *, level: float = 0.95, power: float = 0.8, comparisons: int = 1
) -> float:
    """The smallest difference of two paired rates that n examples show with probability `power` (0.05 is 5 points).

    Solves n = (z_{1-α/2} + z_{power})²·(ω - Δ²)/Δ² for Δ, with ω the share of examples that exactly one of the two
    solves, and α divided by the number of comparisons. Miller (2024), arXiv 2411.00640, section 5. 1 when n is 0.

    >>> [round(100 * minimal_detectable_difference(n), 1) for n in (50, 200, 1000, 5000)]
    [16.5, 8.7, 3.9, 1.8]
    """
    if n <= 0:
        return 1.0
    z2 = _planned(level, power, comparisons) ** 2
    return min(1.0, math.sqrt(z2 * discordant / (n + z2)))


def examples_for_difference(
    difference: float, discordant: float = 0.2, *, level: float = 0.95, power: float = 0.8, comparisons: int = 1
) -> int | None:
    """How many examples show a difference of two paired rates with probability `power`; None when it is 0.

    >>> examples_for_difference(0.05, 0.2)
    621
    """
    if difference == 0.0:
        return None
    spread = max(discordant, abs(difference)) - difference**2
    return _whole(_planned(level, power, comparisons) ** 2 * spread / difference**2)


def examples_for_margin(behind: float, error: float, n: int, margin: float, *, critical: float) -> int | None:
    """How many examples bring the upper end of a difference under a margin, if the difference stays as it is.

    `error` is the standard error on the n examples at hand. None when the difference is at the margin or past it.

    >>> examples_for_margin(0.01, 0.05, 100, 0.05, critical=2.0)
    625
    """
    if behind >= margin or not math.isfinite(error):
        return None
    return _whole(n * (critical * error / (margin - behind)) ** 2)


def examples_for_gate(rate: float, bar: float, *, level: float = 0.95) -> int | None:
    """How many examples put the one-sided bound of a rate past a bar, if the rate stays as it is.

    A rate above the bar is shown to be above it, one below it to be below. None when the rate is on the bar: more
    examples would then settle it one way or the other, nobody can say when.

    >>> examples_for_gate(0.8, 0.7), examples_for_gate(0.95, 0.95), examples_for_gate(0.6, 0.7)
    (64, None, 69)
    """
    if rate < bar:
        return examples_for_gate(1.0 - rate, 1.0 - bar, level=level)
    if rate - bar < 1e-9:
        return None
    low, high = 0, 1
    while not _clears(rate, bar, high, level):
        low, high = high, high * 2
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _clears(rate, bar, middle, level) else (middle, high)
    return high


def _clears(rate: float, bar: float, n: int, level: float) -> bool:
    """Whether n examples at this rate (a fractional count: the course of things, not its steps) clear the bar."""
    return float(clopper_pearson_bound(rate * n, n, level, side="low")) >= bar


def _planned(level: float, power: float, comparisons: int) -> float:
    corrected = 1.0 - (1.0 - level) / max(comparisons, 1)
    return normal_critical(corrected) + float(ndtri(power))


def _whole(examples: float) -> int | None:
    return math.ceil(examples - 1e-9) if examples < _MOST else None
