"""What a case costs, what a solved one costs, and what is left over: each with its interval.

Knows prices only as the costs in an evaluation: a candidate without a price has no figure here, never a 0.
"""

from __future__ import annotations

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.core.needs import Needs
from merits.deciding.cases import Cases
from merits.deciding.human import corrected_mean
from merits.deciding.values import gain_bounds, gains, net_values, waited_s
from merits.stats.critical import Bools, Floats
from merits.stats.means import mean
from merits.stats.rates import rate, rate_bounds
from merits.stats.ratios import combined_limits, correlation, cost_per_solved

__all__ = ["cost_per_case", "gain_if_free", "net_value", "net_values", "per_month", "solved_cost"]


def cost_per_case(cases: Cases, k: int, level: float) -> Estimate | None:
    """What one case costs, failures and retries included; None when the candidate has no price or was not asked."""
    mask = cases.asked[k]
    if not cases.evaluation.priced[k] or not mask.any():
        return None
    estimate = mean(cases.cost_at(k, mask), cases.groups_at(mask), level, currency=cases.evaluation.currency)
    method = f"{estimate.method}{_with_fixed(cases, k)}"
    return msgspec.structs.replace(
        estimate, low=None if estimate.low is None else max(estimate.low, 0.0), method=method
    )


def solved_cost(cases: Cases, k: int, level: float, *, one_sided: bool = False) -> Estimate | None:
    """What one solved case costs: all that was paid over all that was solved. None without a price.

    Unscored rows are left out on both sides: what they solved is not known.
    """
    mask = cases.scored[k] | cases.failed[k]
    if not cases.evaluation.priced[k] or not mask.any():
        return None
    return cost_per_solved(
        cases.cost_at(k, mask),
        cases.solved[k][mask],
        cases.groups_at(mask),
        level,
        currency=cases.evaluation.currency,
        one_sided=one_sided,
    )


def net_value(cases: Cases, k: int, needs: Needs, level: float, *, one_sided: bool = False) -> Estimate | None:
    """The expected net value of one case; None without a worth of a solved case, a price, or a row that counts.

    The outcome's part has a rate's interval (so that 10 of 10 solved is not certain), the cost's a mean's; they are
    joined by the method of variance estimates recovery.
    """
    mask = cases.counted[k]
    unknown = not cases.evaluation.priced[k] or (needs.price_of_waiting and not cases.timed[k])
    if needs.worth_of_solved is None or unknown or not mask.any():
        return None
    gain = _gain(cases, k, needs, level, one_sided=one_sided)
    cost = cases.cost_at(k, mask)
    if needs.price_of_waiting:
        cost = cost + needs.price_of_waiting * waited_s(cases, needs, k)[mask]
    spent = mean(cost, cases.groups_at(mask), 2.0 * level - 1.0 if one_sided else level)
    low, high = combined_limits(gain, spent, correlation(_shares(cases, k, needs, mask), cost))
    return msgspec.structs.replace(
        gain,
        value=(gain.value or 0.0) - (spent.value or 0.0),
        low=low,
        high=high,
        method=f"{gain.method} for the outcome, t for the cost, joined by recovered variances",
    )


def gain_if_free(cases: Cases, k: int, needs: Needs, level: float) -> Estimate | None:
    """The net value of one case if the candidate cost nothing: all that one without a price can be worth."""
    if needs.worth_of_solved is None or not cases.counted[k].any():
        return None
    return _gain(cases, k, needs, level, one_sided=False)


def per_month(estimate: Estimate | None, needs: Needs) -> Estimate | None:
    """A value per case times the volume of a month; None when either is unknown."""
    return None if estimate is None or not needs.volume_per_month else estimate.times(needs.volume_per_month)


def _with_fixed(cases: Cases, k: int) -> str:
    """What must be said of a cost that holds a share of fixed costs."""
    price = cases.evaluation.candidates[k].price
    fixed = price is not None and (price.one_off or price.per_month)
    return "; what is paid once or by month is spread over the volume" if fixed else ""


def _gain(cases: Cases, k: int, needs: Needs, level: float, *, one_sided: bool) -> Estimate:
    """The outcome's part of the net value, in money: between the greatest loss and the worth."""
    mask = cases.counted[k]
    shares = _shares(cases, k, needs, mask)
    groups = cases.groups_at(mask)
    shown = rate_bounds if one_sided else rate
    least, most = gain_bounds(needs)
    neither = -least / (most - least) if most > least else 0.0
    everywhere = np.ones_like(mask)
    by_people = corrected_mean(
        cases, k, lambda each: _shares(each, k, needs, everywhere), level, failed=neither, one_sided=one_sided
    )
    part = shown(shares, groups, level, anytime=cases.anytime) if by_people is None else by_people
    value, low, high = (
        None if end is None else end * (most - least) + least for end in (part.value, part.low, part.high)
    )
    return msgspec.structs.replace(
        part, value=value, low=low, high=high, unit="money", currency=cases.evaluation.currency
    )


def _shares(cases: Cases, k: int, needs: Needs, mask: Bools) -> Floats:
    """Each outcome on a scale from 0 (the greatest loss) to 1 (solved); a failure lies where nothing is lost."""
    least, most = gain_bounds(needs)
    span = most - least
    plain = needs.loss_of_abstaining is None and needs.review_below is None and not needs.loss_by_class
    if plain:
        neither = -least / span if span > 0 else 0.0
        return np.asarray(cases.solved[k][mask] + neither * cases.failed[k][mask])
    return np.asarray((gains(cases, needs, k)[mask] - least) / span if span > 0 else np.zeros(mask.sum()))
