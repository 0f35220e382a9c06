"""At most two sentences for the verdict: how probable it is that the choice is right, and what money would turn it."""

from __future__ import annotations

from merits.core.economics import Economics
from merits.core.estimate import Estimate

__all__ = ["money_words"]


def money_words(p_right: Estimate | None, *, strictly: bool, economics: Economics | None) -> str:
    """The sentences, "" where there is nothing to say. `strictly`: right means best, not best within the margin."""
    return " ".join(part for part in (_probability(p_right, strictly=strictly), _turning(economics)) if part)


def _probability(p_right: Estimate | None, *, strictly: bool) -> str:
    if p_right is None or p_right.value is None:
        return ""
    claim = "it is the best of them" if strictly else "no other is better by more than the tie margin"
    return f"The probability that {claim} is {_share(p_right)} (n = {p_right.n:,})."


def _share(p: Estimate) -> str:
    """A probability as the draws tell it: never 100 %, because that many draws cannot."""
    low, high = p.low or 0.0, 1.0 if p.high is None else p.high
    if high > 0.999:
        return f"above {100 * min(low, 0.999):.1f} %"
    if low < 0.001:
        return f"under {100 * max(high, 0.001):.1f} %"
    return p.text()


def _turning(economics: Economics | None) -> str:
    """The worth of a solved case at which another would be the better buy; else the first break-even point."""
    if economics is None:
        return ""
    told = [point for point in economics.break_evens if point.at.value is not None and point.at.value > 0.0]
    return told[0].text if told else ""
