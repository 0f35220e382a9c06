"""How many examples it takes: before anything is spent, and to settle what is still open."""

from __future__ import annotations

import math

import scipy

from merits.stats.critical import normal_critical

__all__ = [
    "examples_for_difference",
    "examples_for_gate",
    "examples_for_margin",
    "minimal_detectable_difference",
    "with_power",
]

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


def examples_for_margin(
    behind: float, error: float, n: int, margin: float, *, critical: float, power: float = 0.8
) -> int | None:
    """How many examples bring the upper end of a difference under a margin with probability `power`.

    n·((critical + z_{power})·error / (margin - behind))², for a true difference of `behind`; `error` is the standard
    error on the n examples at hand. None when the difference is at the margin or past it. With a power of one half
    the end comes out under the margin as often as not: that is no advice.

    >>> [examples_for_margin(0.01, 0.05, 100, 0.05, critical=2.0, power=power) for power in (0.5, 0.8)]
    [625, 1262]
    """
    if behind >= margin or not math.isfinite(error):
        return None
    return _whole(n * ((critical + float(scipy.special.ndtri(power))) * error / (margin - behind)) ** 2)


def examples_for_gate(rate: float, bar: float, *, level: float = 0.95, power: float = 0.8) -> int | None:
    """How many examples put the exact one-sided bound of a rate past a bar with probability `power`.

    A true rate above the bar is shown to be above it, one below it to be below. None when the rate is on the bar: more
    examples would then settle it one way or the other, nobody can say when.

    >>> examples_for_gate(0.8, 0.7), examples_for_gate(0.95, 0.95), examples_for_gate(1.0, 0.95)
    (127, None, 59)
    """
    if rate < bar:
        return examples_for_gate(1.0 - rate, 1.0 - bar, level=level, power=power)
    if rate - bar < 1e-9:
        return None
    low, high = 0, 1
    while _gate_power(rate, bar, high, level) < power:
        low, high = high, high * 2
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _gate_power(rate, bar, middle, level) >= power else (middle, high)
    return high


def with_power(level: float, power: float = 0.8) -> float:
    """How much further than its one-sided bound an estimate must lie from a bar, to clear it with probability `power`.

    >>> round(with_power(0.95), 3)
    1.512
    """
    return 1.0 + float(scipy.special.ndtri(power) / scipy.special.ndtri(level))


def _gate_power(rate: float, bar: float, n: int, level: float) -> float:
    """P(the exact lower bound of X of n is at or above the bar) for X ~ Bin(n, rate)."""
    if bar <= 0.0:
        return 1.0
    needed = _fewest(bar, n, level)
    return 0.0 if needed > n else float(scipy.special.bdtrc(needed - 1, n, rate)) if rate < 1.0 else 1.0


def _fewest(bar: float, n: int, level: float) -> int:
    """The fewest successes of n with P(X >= that | bar) <= 1 - level: from there on the bound clears the bar."""
    low, high = 0, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if scipy.special.bdtrc(middle - 1, n, bar) <= 1.0 - level else (middle, high)
    return high


def _planned(level: float, power: float, comparisons: int) -> float:
    corrected = 1.0 - (1.0 - level) / max(comparisons, 1)
    return normal_critical(corrected) + float(scipy.special.ndtri(power))


def _whole(examples: float) -> int | None:
    return math.ceil(examples - 1e-9) if examples < _MOST else None
