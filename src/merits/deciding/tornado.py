"""What the choice is sensitive to: every input alone at its 10 % and its 90 % point, the others as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from merits.core.economics import Swing
from merits.core.estimate import Estimate, Unit
from merits.deciding.break_even import Input, as_estimate, inputs, meeting
from merits.deciding.versus import Versus, half_and_middle
from merits.stats.critical import Floats

__all__ = ["tornado"]

Basis = Literal["declared", "measured", "half and twice"]
_NO_SPREAD = 1e-6  # a price by call differs by rounding only
_DECILE = 0.8  # the level of an interval between the 10 % and the 90 % point


def tornado(found: Versus) -> tuple[Swing, ...]:
    """The swings of the subject's net value of a case, the widest first; none without a worth of a solved case.

    Declared amounts move over their range, or from half to twice where none is given, and that is said. Measured ones
    (the share solved, the cost) move to the 10 % and 90 % point of what the data leave open.
    """
    if found.needs.worth_of_solved is None:
        return ()
    swings = [*_of_amounts(found), *_of_volume(found), *_of_measured(found)]
    return tuple(sorted(swings, key=lambda swing: (-swing.size, swing.input)))


def _of_amounts(found: Versus) -> Iterator[Swing]:
    for what in inputs(found):
        if not what.now and what.field not in found.needs.ranges:
            continue
        basis, low, high = _range(found, what.field, what.now or 0.0)
        ends = [what.at(amount) for amount in (low, high)]
        yield _swing(found, what.name, basis, (low, high), ends, switch=_switch(found, what, low, high))


def _range(found: Versus, field: str, now: float) -> tuple[Basis, float, float]:
    given = found.needs.ranges.get(field)
    return ("declared", *given) if given is not None else ("half and twice", now / 2.0, now * 2.0)


def _switch(found: Versus, what: Input, low: float, high: float) -> Estimate | None:
    """The point within the range that is nearest to today's amount and at which another candidate leads."""
    leads = [found.leads(what.at(amount)) for amount in (low, high)]
    crossed = []
    for k in dict.fromkeys(leads):
        if k == found.subject:
            continue
        where = meeting(found, k, what)
        if where.value is not None and low <= where.value <= high:
            crossed.append((abs(where.value - (what.now or 0.0)), k, where))
    if not crossed:
        return None
    _, k, where = min(crossed, key=lambda one: one[:2])
    return as_estimate(found, k, where, what.unit)


def _of_volume(found: Versus) -> Iterator[Swing]:
    volume = found.needs.volume_per_month
    if not volume or not any(found.fixed(k) for k in (found.subject, *found.rivals)):
        return
    basis, low, high = _range(found, "volume_per_month", volume)
    if low <= 0.0:
        return
    shifts = [found.spread_over(amount) for amount in (low, high)]
    at = [_net(found, found.weights, shift[found.subject]) for shift in shifts]
    leads = [found.name(found.leads(found.weights, shift)) for shift in shifts]
    yield Swing(
        input="volume a month",
        basis=basis,
        low=low,
        high=high,
        unit="count",
        at_low=at[0],
        at_high=at[1],
        leads_low=leads[0],
        leads_high=leads[1],
    )


def _of_measured(found: Versus) -> Iterator[Swing]:
    """The share solved and the cost of the subject, and the share solved of its nearest rival."""
    k = found.subject
    yield from _of_share(found, k, k)
    own = found.own[k]
    spent = own.mean(found.only("spent"))
    low, high = own.limits(found.only("spent"), _DECILE)
    if low is not None and high is not None and high - low > _NO_SPREAD * spent:
        rest = found.weights - found.only("spent", -1.0)
        at = [_net(found, rest, -end) for end in (low, high)]
        leads = [found.name(found.leads(found.weights, {k: spent - end})) for end in (low, high)]
        yield Swing(
            input=f"cost of a case of {found.name(k)}",
            basis="measured",
            low=low,
            high=high,
            unit="money",
            at_low=at[0],
            at_high=at[1],
            leads_low=leads[0],
            leads_high=leads[1],
        )
    if found.rivals:
        nearest = min(found.rivals, key=lambda j: (found.ahead(j), j))
        yield from _of_share(found, nearest, k)


def _of_share(found: Versus, of: int, k: int) -> Iterator[Swing]:
    """One more solved case is one wrong one less: it brings the worth, and what a wrong one loses on average."""
    own, solved = found.own[of], found.only("solved")
    share = own.mean(solved)
    low, high = own.limits(solved, _DECILE, 0.5, 0.5)
    if low is None or high is None:
        return
    low, high = max(min(low, share), 0.0), min(max(high, share), 1.0)
    each = (found.needs.worth_of_solved or 0.0) + _mean_loss(found, of)
    moved = [(end - share) * each for end in (low, high)]
    rest = found.weights.copy()
    if of == k:  # what the share decides is at its end; only cost and waiting are left open
        rest[: len(rest) - 1] = 0.0
        rest += found.only("spent", -1.0) + found.only("waited", -found.needs.price_of_waiting)
    constant = found.own[k].mean(found.weights) - found.own[k].mean(rest)
    at = [_net(found, rest, constant + (by if of == k else 0.0)) for by in moved]
    leads = [found.name(found.leads(found.weights, {of: by})) for by in moved]
    yield Swing(
        input=f"share solved by {found.name(of)}",
        basis="measured",
        low=low,
        high=high,
        unit="rate",
        at_low=at[0],
        at_high=at[1],
        leads_low=leads[0],
        leads_high=leads[1],
    )


def _mean_loss(found: Versus, k: int) -> float:
    """What a case that is not solved loses on average: wrong, abstained and mistakes by class together."""
    own = found.own[k]
    missed = 1.0 - own.mean(found.only("solved"))
    parts = ("wrong", "abstained", "mistakes")
    lost = sum(own.mean(found.only(name, -float(found.weights @ found.only(name)))) for name in parts)
    return lost / missed if missed > 0 else found.needs.loss_of_wrong


def _swing(
    found: Versus,
    name: str,
    basis: Basis,
    ends: tuple[float, float],
    weights: list[Floats],
    *,
    switch: Estimate | None,
    unit: Unit = "money",
) -> Swing:
    at_low, at_high = (_net(found, each) for each in weights)
    leads_low, leads_high = (found.name(found.leads(each)) for each in weights)
    return Swing(
        input=name,
        basis=basis,
        low=ends[0],
        high=ends[1],
        unit=unit,
        at_low=at_low,
        at_high=at_high,
        leads_low=leads_low,
        leads_high=leads_high,
        switch=switch,
    )


def _net(found: Versus, weights: Floats, constant: float = 0.0) -> Estimate:
    """The subject's net value of a case under some weights, with what the rest of the data leaves open."""
    own = found.own[found.subject]
    value = own.mean(weights) + constant
    half, middle = half_and_middle(weights)
    low, high = own.limits(weights, found.level, half, middle)
    return Estimate(
        value=value,
        low=None if low is None else min(low + constant, value),
        high=None if high is None else max(high + constant, value),
        level=found.level,
        n=own.n_groups,
        unit="money",
        method="mean net value with this input held, Bonett–Price with t",
        currency=found.currency,
    )
