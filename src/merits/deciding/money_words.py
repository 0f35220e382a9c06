"""At most two sentences for the verdict: how probable it is that the choice is right, and what money would turn it."""

from __future__ import annotations

import math

from merits.core.economics import BreakEven, Economics
from merits.core.estimate import Estimate

__all__ = ["money_words"]

_FAR = 10  # times today's amount, from which nobody need be told where it is


def money_words(p_best: Estimate | None, p_right: Estimate | None, economics: Economics | None) -> str:
    """The sentences, "" where there is nothing to say. `p_best` and `p_right` are the named one's."""
    return " ".join(part for part in (_probability(p_best, p_right), _turning(economics)) if part)


def _probability(p_best: Estimate | None, p_right: Estimate | None) -> str:
    if p_best is None or p_right is None:
        return ""
    within = "" if p_right == p_best else f", that no other is better by more than the tie margin {_share(p_right)}"
    return f"The probability that it is the best of them is {_share(p_best)}{within} (n = {p_best.n:,})."


def _share(p: Estimate) -> str:
    """A probability as the draws tell it: never 100 %, because that many draws cannot."""
    low, high = p.low or 0.0, 1.0 if p.high is None else p.high
    if high > 0.999:
        return f"above {100 * min(low, 0.999):.1f} %"
    if low < 0.001:
        return f"under {100 * max(high, 0.001):.1f} %"
    return p.text()


def _turning(economics: Economics | None) -> str:
    """The break-even point that is nearest to today's amount, in proportion; that none is near, where none is."""
    if economics is None:
        return ""
    told = [point for point in economics.break_evens if point.at.value is not None and point.at.value > 0.0]
    if not told:
        return ""
    nearest = min(told, key=_distance)
    if nearest.now is not None and _distance(nearest) > math.log(_FAR):
        return f"No amount of money within {_FAR} times of today's would turn this, as it looks."
    return nearest.text


def _distance(point: BreakEven) -> float:
    """How far the point is from today's amount, as the logarithm of their ratio; 0 where none was given today."""
    if point.now is None:
        return 0.0
    return abs(math.log((point.at.value or 0.0) / point.now)) if point.now > 0.0 else math.inf
