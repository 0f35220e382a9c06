"""A machine of one's own, kept on, against paying by the case: from which volume on it is worth having.

Machines come whole, so what they cost is a staircase: past the volume of the first, a second one may make it dearer
again. The first volume at which they pay is searched step by step, not divided out.
"""

from __future__ import annotations

import math

import numpy as np

from merits.core.economics import Hosting
from merits.core.estimate import Estimate
from merits.deciding.fixed import fixed_per_month, one_off
from merits.deciding.values import net_values
from merits.deciding.versus import Versus
from merits.stats.critical import Bools, Floats
from merits.stats.means import mean

__all__ = ["HOURS_PER_MONTH", "first_paying", "hosting", "paying_for_good"]

HOURS_PER_MONTH = 730.0
_DRAWS = 4_000
_OPEN = 1e15  # a volume past this is no volume


def hosting(found: Versus) -> tuple[Hosting, ...]:
    """Each candidate that is paid by the hour of a machine, against the best one that is paid by what it is asked."""
    evaluation = found.assessment.cases.evaluation
    everyone = (found.subject, *sorted(found.rivals, key=lambda k: (found.ahead(k), k)))
    prices = {k: evaluation.candidates[k].price for k in everyone}
    own = [k for k in everyone if (p := prices[k]) is not None and p.machine_per_hour]
    by_case = [k for k in everyone if (p := prices[k]) is None or not (p.machine_per_hour or p.per_month)]
    if not own or not by_case or not found.assessment.cases.mean_cost(by_case[0]):
        return ()
    return tuple(one for k in own if (one := _against(found, k, by_case[0])) is not None)


def first_paying(per_machine: Floats, fixed: Floats, capacity: Floats, saved: Floats) -> Floats:
    """The smallest volume a month at which whole machines pay; inf where none does. All arguments (draws,).

    `saved` is what each case saves, `per_machine` and `fixed` are money a month, `capacity` cases a month and
    machine. With m machines it takes (m · per_machine + fixed) / saved cases, and they must fit on m machines.

    >>> first_paying(*(np.array([x]) for x in (100.0, 150.0, 1000.0, 0.2))).tolist()
    [1750.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        left = saved * capacity - per_machine  # what a full machine leaves over
        machines = np.maximum(np.ceil(fixed / left - 1e-12), 1.0)
        volume = np.maximum((machines * per_machine + fixed) / saved, (machines - 1.0) * capacity)
        known = (saved > 0.0) & (left >= 0.0) & ((left > 0.0) | (fixed <= 0.0))
    return np.where(known, volume, np.inf)


def paying_for_good(per_machine: Floats, fixed: Floats, capacity: Floats, saved: Floats) -> Floats:
    """The smallest volume past which they always pay, also just after another machine was added; inf where none is.

    >>> paying_for_good(*(np.array([x]) for x in (100.0, 150.0, 1000.0, 0.2))).tolist()
    [2250.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        left = saved * capacity - per_machine
        # Just past m full machines there are m + 1: that pays from the first m on with m · left >= per_machine + fixed.
        full = np.maximum(np.ceil((per_machine + fixed) / left - 1e-12), 1.0)
        volume = (full * per_machine + fixed) / saved
        known = (saved > 0.0) & (left > 0.0)
    return np.where(known, volume, np.inf)


def _against(found: Versus, own: int, other: int) -> Hosting | None:
    cases, needs = found.assessment.cases, found.needs
    evaluation = cases.evaluation
    mask = np.asarray(cases.counted[own] & cases.counted[other] & ~cases.failed[own])
    price = evaluation.candidates[own].price
    seconds = mean(evaluation.machine_s[own][mask], cases.groups_at(mask), found.level, unit="seconds")
    if price is None or not price.machine_per_hour or not seconds.value or mask.sum() < 2:
        return None
    saved = mean(_saved(found, own, other, mask), cases.groups_at(mask), found.level)
    monthly = price.machine_per_hour * HOURS_PER_MONTH
    candidate = evaluation.candidates[own]
    fixed = fixed_per_month(candidate) + one_off(candidate, needs) / needs.horizon_months
    drawn_s, drawn_saved = _drawn(seconds, saved)
    capacity = HOURS_PER_MONTH * 3600.0 / np.maximum(drawn_s, 1e-12) / needs.peak_load * (price.utilisation or 1.0)
    rent, extra = np.full(_DRAWS + 1, monthly), np.full(_DRAWS + 1, fixed)
    volume = first_paying(rent, extra, capacity, drawn_saved)
    n = seconds.n
    shown = _estimate(found, volume, n, "count")
    always = _estimate(found, paying_for_good(rent, extra, capacity, drawn_saved), n, "count")
    with np.errstate(invalid="ignore"):
        used = np.where(np.isfinite(volume), volume / (capacity * np.maximum(np.ceil(volume / capacity), 1.0)), np.inf)
    return Hosting(
        own=found.name(own),
        other=found.name(other),
        machine_per_month=monthly,
        capacity=_estimate(found, capacity, n, "count"),
        volume=shown,
        always_from=always,
        utilisation=_estimate(found, used, n, "rate"),
        now=_now(needs.volume_per_month, float(drawn_saved[0]), float(capacity[0]), rent=monthly, fixed=fixed),
        text=_words(found.name(own), found.name(other), shown, always),
    )


def _saved(found: Versus, own: int, other: int, mask: Bools) -> Floats:
    """What a case on one's own machine brings more than one of the other, before machines and fixed costs."""
    cases, needs = found.assessment.cases, found.needs
    cost = cases.evaluation.cost
    if needs.worth_of_solved is None:
        return np.asarray(cost[other][mask] - found.fixed(other))
    values = net_values(cases, needs)
    return np.asarray(values[own][mask] + cost[own][mask] - values[other][mask] - found.fixed(other))


def _drawn(seconds: Estimate, saved: Estimate) -> tuple[Floats, Floats]:
    """Both means as they are, then as the data leave them open (normal, always the same draws)."""
    generator = np.random.default_rng(0)
    found = []
    for estimate in (seconds, saved):
        value = estimate.value or 0.0
        half = 0.0 if estimate.high is None else (estimate.high - value) / 1.96
        found.append(np.concatenate([[value], value + half * generator.standard_normal(_DRAWS)]))
    return found[0], found[1]


def _estimate(found: Versus, drawn: Floats, n: int, unit: str) -> Estimate:
    """The first draw with the percentiles of the others; no end where they are not finite."""
    tails = [(1.0 - found.level) / 2.0, (1.0 + found.level) / 2.0]
    low, high = np.quantile(drawn[1:], tails, method="inverted_cdf")
    value = float(drawn[0])
    return Estimate(
        value=value if value < _OPEN else None,
        low=float(min(low, value)) if low < _OPEN else None,
        high=float(max(high, value)) if max(high, value) < _OPEN else None,
        level=found.level,
        n=n,
        unit="rate" if unit == "rate" else "count",
        method=f"search over whole machines, {_DRAWS:,} draws of the means of cost and machine time",
    )


def _now(volume: float | None, saved: float, capacity: float, *, rent: float, fixed: float) -> str:
    """What it comes to at the volume of today."""
    if not volume:
        return ""
    machines = max(math.ceil(volume / capacity), 1)
    paid = machines * rent + fixed
    many = "1 machine" if machines == 1 else f"{machines:,} machines"
    word = "less" if saved * volume > paid else "more"
    used = volume / (machines * capacity)
    return (
        f"At {volume:,.0f} cases a month it takes {many}, {100 * used:.0f} % used, which cost {word} than they save, "
        "as it looks."
    )


def _words(own: str, other: str, volume: Estimate, always: Estimate) -> str:
    if volume.value is None:
        least = "" if volume.low is None else f", at least {volume.number(volume.low)} cases a month"
        return f"As it looks a machine for {own} never pays against {other}{least}."
    safe = (
        ""
        if always.value is None or always.value <= volume.value * 1.001
        else f", and from {always.number(always.value)} on whatever machines are added"
    )
    return f"A machine for {own} pays against {other} from {volume.text()} cases a month{safe}."
