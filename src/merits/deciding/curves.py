"""The break-even curve: what other candidates bring more or less than the subject over one input, and where they meet.

Differences, not net values: those of good candidates lie on each other, and their intervals are wide where the paired
difference is known well. Where the band of a difference leaves zero is where the interval of the crossing ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from merits.core.economics import BreakEven, Curve, CurveLine
from merits.deciding.break_even import inputs
from merits.deciding.versus import Versus, half_and_middle
from merits.stats.critical import Floats

__all__ = ["curves"]

_POINTS = 25
_FAR = 6.0  # times today's amount: farther off a crossing would squeeze all else
_MOST = 3  # rivals on one curve


def curves(found: Versus, points: Sequence[BreakEven]) -> tuple[Curve, ...]:
    """Over the worth of a solved case, and over the volume where there are fixed costs."""
    by_worth = _over_worth(found, [p for p in points if p.input == "worth of a solved case"])
    by_volume = _over_volume(found, [p for p in points if p.input == "volume a month"])
    return tuple(curve for curve in (by_worth, by_volume) if curve is not None)


def _over_worth(found: Versus, points: Sequence[BreakEven]) -> Curve | None:
    what = inputs(found)[0]
    most = _reach(what.now, points)
    if most is None or not found.rivals:
        return None
    at = np.linspace(0.0, most, _POINTS)
    return _curve(found, what.name, what.now, points, at=at, weights=lambda k, x: what.at(x))


def _over_volume(found: Versus, points: Sequence[BreakEven]) -> Curve | None:
    volume = found.needs.volume_per_month
    if not volume or not found.rivals or not any(found.fixed(k) for k in (found.subject, *found.rivals)):
        return None
    most = _reach(volume, points) or 2.0 * volume
    at = most * np.linspace(0.2, 1.0, _POINTS) ** 2  # closer together where fixed costs weigh most

    def weights(k: int, x: float) -> Floats:
        moved = found.weights.copy()
        shift = found.spread_over(x)
        moved[-1] = shift[found.subject] - shift[k]
        return moved

    return _curve(found, "volume a month", volume, points, at=at, weights=weights)


def _reach(now: float | None, points: Sequence[BreakEven]) -> float | None:
    """How far the axis goes: past today's amount, every crossing not far from it, and its interval if that is near."""
    ends = [] if not now else [1.6 * now]
    for point in points:
        if point.at.value is not None and (not now or point.at.value <= _FAR * now):
            high = point.at.high
            ends.append(2.0 * point.at.value)
            ends += [1.1 * high] if high is not None and high < 4.0 * point.at.value else []
    return max(ends, default=None) or None


def _curve(
    found: Versus,
    name: str,
    now: float | None,
    points: Sequence[BreakEven],
    *,
    at: Floats,
    weights: Callable[[int, float], Floats],
) -> Curve:
    crossing = {name for point in points for name in (point.below, point.above)}
    order = sorted(found.rivals, key=lambda k: (found.name(k) not in crossing, found.ahead(k), k))
    lines = tuple(_line(found, k, [weights(k, float(x)) for x in at]) for k in order[:_MOST])
    names = {found.name(found.subject), *(line.candidate for line in lines)}
    crossings = tuple(p for p in points if {p.below, p.above} <= names)
    return Curve(
        input=name,
        subject=found.name(found.subject),
        now=now,
        at=tuple(float(x) for x in at),
        lines=lines,
        crossings=crossings,
        level=found.level,
        n=found.own[found.subject].n_groups,
    )


def _line(found: Versus, k: int, weights: Sequence[Floats]) -> CurveLine:
    """What rival k brings more than the subject."""
    sums = found.against[k]
    values = [-sums.mean(each) for each in weights]
    spans = [2.0 * half_and_middle(each)[0] for each in weights]
    ends = [sums.limits(each, found.level, span) for each, span in zip(weights, spans, strict=True)]
    return CurveLine(
        candidate=found.name(k),
        values=tuple(values),
        lows=tuple(v if high is None else min(-high, v) for v, (_, high) in zip(values, ends, strict=True)),
        highs=tuple(v if low is None else max(-low, v) for v, (low, _) in zip(values, ends, strict=True)),
    )
