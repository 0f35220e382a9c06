"""What a change takes once and brings back: the months until it is paid back, and the return over the horizon."""

from __future__ import annotations

import numpy as np

from merits.core.economics import Payback
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.deciding.fixed import fixed_per_month, one_off
from merits.deciding.versus import Versus, difference
from merits.stats.crossing import Moments

__all__ = ["payback"]


def payback(found: Versus, asked: Evaluation) -> Payback | None:
    """The pay-back of changing to the subject; None without a worth, a volume, or anything to change from.

    Changed from is the candidate in use, else the commonest answer, else the cheapest other. Where the subject is in
    use already, it is the nearest rival that is held against it. `asked` is the evaluation as it was priced, before
    anything was spread over it: what it cost is part of what is invested.
    """
    needs = found.needs
    pair = _change(found)
    if needs.worth_of_solved is None or not needs.volume_per_month or pair is None:
        return None
    new, old = (asked.candidates[k] for k in pair)
    sums = difference(found.assessment, *pair)
    if sums.n_groups < 2:
        return None
    spent = _evaluation_cost(asked)
    once = max(one_off(new, needs) - one_off(old, needs), 0.0)
    investment = once if spent is None else once + spent
    # What is spread of the one-off costs is taken out again: it is what must be paid back.
    back = (one_off(new, needs) - one_off(old, needs)) / needs.horizon_months
    gain = _gain_per_month(found, sums, back)
    months = _months(investment, gain)
    return Payback(
        candidate=new.name,
        baseline=old.name,
        investment=investment,
        evaluation_cost=spent,
        gain_per_month=gain,
        months=months,
        return_on_investment=_return(investment, gain, needs.horizon_months) if once > 0.0 else None,
        horizon_months=needs.horizon_months,
        text=f"{new.name} instead of {old.name} {_words(gain, months, investment, spent, fixed_per_month(new))}",
    )


def _change(found: Versus) -> tuple[int, int] | None:
    """Whom to change to, and from."""
    evaluation, cases = found.assessment.cases.evaluation, found.assessment.cases
    if found.name(found.subject) == found.needs.incumbent:
        nearest = min(found.rivals, key=lambda k: (found.ahead(k), k), default=None)
        return None if nearest is None else (nearest, found.subject)
    others = [k for k in cases.assessed if k != found.subject and evaluation.priced[k]]
    if not others:
        return None
    named = [k for k in others if evaluation.names[k] == found.needs.incumbent]
    simple = [k for k in others if evaluation.candidates[k].kind == "most-common"]
    cheapest = sorted(others, key=lambda k: (cases.mean_cost(k) or 0.0, k))
    return found.subject, (named or simple or cheapest)[0]


def _gain_per_month(found: Versus, sums: Moments, back: float) -> Estimate:
    """The paired difference in net value, times the volume, plus what was spread of the one-off costs."""
    volume = found.needs.volume_per_month or 0.0
    value = sums.mean(found.weights)
    low, high = sums.limits(found.weights, found.level, found.span)
    return Estimate(
        value=value * volume + back,
        low=None if low is None else min(low, value) * volume + back,
        high=None if high is None else max(high, value) * volume + back,
        level=found.level,
        n=sums.n_groups,
        unit="money",
        method="paired difference in net value, Bonett–Price with t, times the volume; without what is paid once",
        currency=found.currency,
    )


def _evaluation_cost(asked: Evaluation) -> float | None:
    """What all answers of the evaluation cost; None where the price of anyone who answered is unknown."""
    if not asked.priced[np.flatnonzero((asked.status != 0).any(axis=1))].all():
        return None
    return float(asked.cost.sum())


_DAY = 1.0 / 31.0  # of a month


def _months(investment: float, gain: Estimate) -> Estimate | None:
    """Investment over gain; no upper end where the gain may be nothing, None where it certainly is."""
    if investment <= 0.0 or (gain.high is not None and gain.high <= 0.0):
        return None
    low, high = (None if end is None else (investment / end if end > 0.0 else None) for end in (gain.high, gain.low))
    return Estimate(
        value=investment / gain.value if gain.value and gain.value > 0.0 else None,
        low=low,
        high=high,
        level=gain.level,
        n=gain.n,
        unit="months",
        method="what is paid once over the gain a month",
    )


def _return(investment: float, gain: Estimate, months: float) -> Estimate | None:
    """(Gain over the horizon - investment) / investment; None where nothing is invested."""
    if investment <= 0.0:
        return None
    value, low, high = (
        None if end is None else end * months / investment - 1.0 for end in (gain.value, gain.low, gain.high)
    )
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=gain.level,
        n=gain.n,
        unit="rate",
        method=f"gain of {months:g} months less what is paid once, over what is paid once",
    )


def _words(gain: Estimate, months: Estimate | None, investment: float, spent: float | None, monthly: float) -> str:
    """What the change brings and takes, as the rest of a sentence."""
    every = f" (its {gain.number(monthly)} a month is counted)" if monthly else ""
    brings = f"brings {gain.text()} a month{every}"
    if investment <= 0.0:
        return f"{brings}; {'what this evaluation cost is unknown' if spent is None else 'nothing is paid once'}."
    only = "this evaluation cost" if spent is not None and investment <= spent else "is paid once"
    paid = f"the {gain.number(investment)} that {only}"
    if months is None:
        return f"{brings}: {paid} would never be paid back."
    if months.value is None:
        return f"{brings}: as it looks {paid} is never paid back, at best in {months.number(months.low)}."
    if months.high is not None and months.high < _DAY:
        return f"{brings}: {paid} is back within a day."
    return f"{brings}: {paid} is back in {months.text()}."
