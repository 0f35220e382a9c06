"""What would turn the choice, in money: from which worth, loss, price or volume on another candidate brings more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from merits.core.economics import BreakEven
from merits.core.estimate import Estimate, Unit, cases_to_hold
from merits.deciding.versus import Versus
from merits.stats.critical import Floats
from merits.stats.crossing import Crossing, crossing

__all__ = ["Input", "break_evens", "inputs", "meeting"]


@dataclass(frozen=True)
class Input:
    """An amount that the net value is linear in: `constant` + amount · `slope`, as weights of the components.

    `now` is the amount today, None where it was not given. `reach` is how far the outcome of one case can move each.
    """

    name: str
    field: str
    now: float | None
    constant: Floats
    slope: Floats
    reach: tuple[float, float]
    unit: Unit = "money"

    def at(self, amount: float) -> Floats:
        """The weights of the components where the amount is this."""
        return np.asarray(self.constant + amount * self.slope)


def inputs(found: Versus) -> tuple[Input, ...]:
    """The amounts in play: always the worth of a solved case and the loss of a wrong one, others where they count."""
    needs = found.needs
    named = [
        ("worth of a solved case", "worth_of_solved", "solved", needs.worth_of_solved),
        ("loss of a wrong answer", "loss_of_wrong", "wrong", needs.loss_of_wrong),
        ("loss of abstaining", "loss_of_abstaining", "abstained", needs.loss_of_abstaining),
        ("price of a second of waiting", "price_of_waiting", "waited", needs.price_of_waiting or None),
        ("price of a review", "review_price", "reviewed", needs.review_price),
    ]
    shown = []
    for name, field, component, now in named:
        if needs.worth_of_solved is None and field != "worth_of_solved":
            continue
        if now is None and field != "worth_of_solved":
            continue
        sign = 1.0 if component == "solved" else -1.0
        constant = found.weights - found.only(component, float(found.weights @ found.only(component)))
        rest = found.span - (abs(now or 0.0) if component in ("solved", "wrong") else 0.0)
        slope = found.only(component, sign)
        shown.append(Input(name, field, now, constant, slope, (max(rest, 0.0), 0.0 if component == "waited" else 1.0)))
    return tuple(shown)


def break_evens(found: Versus) -> tuple[BreakEven, ...]:
    """The nearest point on either side of today at which another candidate takes over, for every input that has one."""
    return (*_of_amounts(found), *_of_prices(found), *_of_volume(found))


def meeting(found: Versus, k: int, what: Input) -> Crossing:
    """Where the subject and rival k bring the same, over one input."""
    return crossing(found.against[k], what.constant, what.slope, found.level, made_up=what.reach)


def as_estimate(found: Versus, k: int, where: Crossing, unit: Unit = "money") -> Estimate:
    """A crossing as an estimate."""
    return Estimate(
        value=where.value,
        low=where.low,
        high=where.high,
        level=found.level,
        n=found.against[k].n_groups,
        unit=unit,
        method="where two paired means meet, Fieller with Bonett–Price's made-up rows and t",
        currency=found.currency if unit == "money" else "",
    )


def _of_amounts(found: Versus) -> Iterator[BreakEven]:
    for what in inputs(found):
        points = {k: meeting(found, k, what) for k in found.rivals}
        nearest = _nearest(found, what, points)
        for k in nearest:
            rising = found.against[k].mean(what.slope) > 0  # whether more of it favours the subject
            yield _point(found, k, what, points[k], above=found.subject if rising else k)
        maybe = None if nearest else _first_open(points, what.now or 0.0)
        if maybe is not None:
            yield _open(found, maybe, what, points[maybe])


def _nearest(found: Versus, what: Input, points: dict[int, Crossing]) -> list[int]:
    """The rivals whose crossing is nearest below and nearest above today's amount; with none today, the lowest.

    Only where the two bring more than everyone else: elsewhere it is not they who are chosen between.
    """
    now = what.now
    known = [
        (where.value, k)
        for k, where in points.items()
        if where.value is not None and found.leads(what.at(where.value)) in (found.subject, k)
    ]
    if now is None:
        told = [k for _, k in sorted(known)] or [k for k in (found.assessment.leader,) if k in points]
        return [k for k in told if points[k].value is not None][:1]
    above = min(((at, k) for at, k in known if at >= now), default=None)
    below = max(((at, k) for at, k in known if at < now), default=None)
    return [side[1] for side in (below, above) if side is not None]


def _point(found: Versus, k: int, what: Input, where: Crossing, *, above: int) -> BreakEven:
    below = k if above == found.subject else found.subject
    at = as_estimate(found, k, where, what.unit)
    names = found.name(below), found.name(above)
    today = "" if what.now is None else f" (today it is {at.number(what.now)})"
    many = cases_to_hold(at.value or 0.0) if at.unit == "money" and what.now is None else 1
    held = at.times(many)
    shown = held.number(held.value) + f" [{_span(held)}]" + (f" for {many:,}," if many > 1 else "")
    text = f"Up to a {what.name} of {shown} {names[0]} brings more, above it {names[1]}, as it looks{today}."
    return BreakEven(input=what.name, below=names[0], above=names[1], now=what.now, at=at, text=text)


def _first_open(points: dict[int, Crossing], now: float) -> int | None:
    """The rival that may bring more from the lowest amount above today's on, though it does not look so."""
    lows = {k: where.low or 0.0 for k, where in points.items() if where.value is None and where.possible}
    return min((k for k, low in lows.items() if low > now), key=lambda k: (lows[k], k), default=None)


def _open(found: Versus, k: int, what: Input, where: Crossing) -> BreakEven:
    at = as_estimate(found, k, where, what.unit)
    names = found.name(found.subject), found.name(k)
    text = (
        f"As it looks no {what.name} makes {names[1]} bring more than {names[0]}; the data leave open that one of "
        f"{at.number(at.low)} or more does."
    )
    return BreakEven(input=what.name, below=names[0], above=names[1], now=what.now, at=at, text=text)


def _span(at: Estimate) -> str:
    """The interval in words where it is open: no upper end means that it may never happen."""
    return f"{at.interval()}, perhaps never" if at.high is None and at.low is not None else at.interval()


def _of_prices(found: Versus) -> Iterator[BreakEven]:
    """How dear the subject may become, and how cheap the nearest rival must, for the choice to turn."""
    if found.needs.worth_of_solved is None:
        yield from _of_tied_prices(found)
        return
    ahead = {k: found.ahead(k) for k in found.rivals}
    if not ahead:
        return
    nearest = min(ahead, key=lambda k: (ahead[k], k))
    for priced, other in ((found.subject, nearest), (nearest, found.subject)):
        yield _price(found, nearest, priced, other)


def _price(found: Versus, rival: int, priced: int, other: int) -> BreakEven:
    """The cost of a case of `priced` at which it and `other` bring the same: today's cost plus what it is ahead by."""
    sums, own = found.against[rival], found.own[priced]
    sign = 1.0 if priced == found.subject else -1.0
    cost = own.mean(found.only("spent"))
    ends = sums.limits(found.weights * sign, found.level, found.span)
    middle = sums.mean(found.weights * sign) + cost
    low, high = (None if end is None else end + cost for end in ends)
    many = max(1_000, cases_to_hold(cost)) if cost else 1_000
    at = Estimate(
        value=middle,
        low=None if low is None else min(low, middle),
        high=None if high is None else max(high, middle),
        level=found.level,
        n=sums.n_groups,
        unit="money",
        method="today's cost plus the paired difference in net value, Bonett–Price with t",
        currency=found.currency,
    ).times(many)
    name, rest = found.name(priced), found.name(other)
    what = f"price of {many:,} cases of {name}"
    today = f"today it is {at.number(cost * many)}"
    if at.high is not None and at.high < 0.0:
        text = f"{name} would bring less than {rest} even if it were free."
    elif middle < 0.0:
        text = f"{name} would bring less than {rest} even if it were free, as it looks [{at.interval()}]."
    else:
        text = f"{name} brings more than {rest} while {many:,} cases of it cost less than {at.text()}; {today}."
    return BreakEven(input=what, below=name, above=rest, now=cost * many, at=at, text=text)


def _of_tied_prices(found: Versus) -> Iterator[BreakEven]:
    """Without a worth, price decides among the tied: the subject may cost as much as the cheapest other of them."""
    tied = [k for k in found.assessment.tied if k in found.rivals]
    own = found.own[found.subject].mean(found.only("spent"))
    dearer = [(found.own[k].mean(found.only("spent")), k) for k in tied]
    above = min(((cost, k) for cost, k in dearer if cost > own), default=None)
    if above is None or found.subject not in found.assessment.tied:
        return
    cost, k = above
    many = max(1_000, cases_to_hold(cost))
    low, high = found.own[k].limits(found.only("spent"), found.level)
    at = Estimate(
        value=cost,
        low=None if low is None else max(min(low, cost), 0.0),
        high=None if high is None else max(high, cost),
        level=found.level,
        n=found.own[k].n_groups,
        unit="money",
        method="the mean cost of the other, t",
        currency=found.currency,
    ).times(many)
    name, rest = found.name(found.subject), found.name(k)
    yield BreakEven(
        input=f"price of {many:,} cases of {name}",
        below=name,
        above=rest,
        now=own * many,
        at=at,
        text=f"{rest}, which cannot be told apart from it, would be named if {many:,} cases of {name} cost more than "
        f"{at.text()}; today it is {at.number(own * many)}.",
    )


def _of_volume(found: Versus) -> Iterator[BreakEven]:
    """The cases a month at which what one candidate costs more in fixed costs is earned back by each case."""
    volume = found.needs.volume_per_month
    if not volume or found.needs.worth_of_solved is None:
        return
    points: dict[int, tuple[Crossing, bool]] = {}
    for k in found.rivals:
        extra = (found.fixed(found.subject) - found.fixed(k)) * volume
        if extra == 0.0:
            continue
        constant = np.zeros(len(found.weights))
        constant[-1] = -extra
        slope = found.weights.copy()
        slope[-1] = extra / volume  # the net value of a case without its share of fixed costs
        where = crossing(found.against[k], constant, slope, found.level, made_up=(0.0, found.span))
        points[k] = (where, extra > 0.0)
    what = Input("volume a month", "volume_per_month", volume, found.weights, found.weights, (0.0, 0.0), "count")
    sides: dict[bool, list[tuple[float, int]]] = {False: [], True: []}
    for k, (where, _) in points.items():
        if where.value and found.leads(found.weights, found.spread_over(where.value)) in (found.subject, k):
            sides[where.value >= volume].append((where.value, k))
    for k in (side[1] for side in (max(sides[False], default=None), min(sides[True], default=None)) if side):
        yield _point(found, k, what, points[k][0], above=found.subject if points[k][1] else k)
