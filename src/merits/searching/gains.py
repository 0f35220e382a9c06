"""What is left on test of what a search found on dev, and whether it was worth what the search cost.

The pairs were chosen before test was seen, so their differences on test are unbiased; their intervals are corrected
for how many pairs there are (Bonferroni). How many candidates were searched changes nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import msgspec

from merits.core.estimate import Estimate, cases_to_hold
from merits.core.evaluation import Evaluation
from merits.core.improvement import Gain, Improvement, TechniqueRecord, TrialRecord
from merits.core.needs import Needs
from merits.core.task import Task
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.changes import Change, changes
from merits.deciding.economics import cost_per_case
from merits.deciding.fixed import spread
from merits.deciding.pairing import Side
from merits.deciding.values import objective_of
from merits.improving.searching.importance import importances
from merits.searching.ranking import MARGIN, memorised_by
from merits.searching.steering import Found

__all__ = ["improvement_of"]


def improvement_of(found: Found, task: Task, test: Evaluation | None) -> Improvement:
    """The record of a search, with its gains on test; `test` is None where nothing went there."""
    needs = task.needs
    gains = () if test is None or found.dev is None else _gains(found, found.dev, test, needs)
    kept = {name for record in found.records for name in record.kept}
    trials = tuple(_kept(one.record, kept=one.candidate.name in kept) for one in found.trials)
    given = tuple(_kept(one.record, kept=False) for one in found.plan.given)
    return Improvement(
        task=task.id,
        task_name=task.name,
        objective=objective_of(needs),
        best_given=found.best_given.candidate.name,
        techniques=(*found.records, *_skipped(found)),
        trials=(*sorted(given, key=lambda one: one.number), *trials),
        gains=gains,
        importances=importances_of(found),
        seconds=found.seconds,
        spent=found.spent,
        cost=found.cost,
        currency=needs.currency,
        budget=str(found.plan.budget),
        stopped=cast(Literal["done", "budget", "interrupted"], found.stopped),
        n_searched=len({one.candidate.id for one in found.trials}),
        n_finalists=len(found.finalists),
        text=_told(found, gains),
    )


def importances_of(found: Found) -> dict[str, dict[str, float]]:
    """By the name of a given candidate the share of each parameter in what made its variations good on dev."""
    told: dict[str, dict[str, float]] = {}
    for given in found.plan.given:
        like = [one for one in found.trials if one.candidate.kind == given.candidate.kind]
        history = [(one.candidate, one.record.value) for one in (given, *like)]
        shares = importances(history) if like else {}
        if shares:
            told[given.candidate.name] = dict(shares)
    return told


def _kept(record: TrialRecord, *, kept: bool) -> TrialRecord:
    return msgspec.structs.replace(record, kept=kept)


def _skipped(found: Found) -> list[TechniqueRecord]:
    tried = {record.name for record in found.records}
    return [
        TechniqueRecord(
            name=one.name,
            title=one.title,
            effort=one.effort,
            ended="skipped",
            skipped=one.why_not or "the budget ended before its turn",
        )
        for one in found.plan.techniques
        if one.name not in tried
    ]


def _gains(found: Found, dev: Evaluation, test: Evaluation, needs: Needs) -> tuple[Gain, ...]:
    level = 1.0 - (1.0 - needs.confidence) / len(found.pairs)
    named = [r for r in needs.requirements if r.against and r.metric == "accuracy" and not r.of and r.bar <= 0.0]
    margin = -named[0].bar if named else MARGIN
    return tuple(_gain(pair, found, (dev, test), needs, level=level, margin=margin) for pair in found.pairs)


def _gain(
    pair: tuple[str, str, str],
    found: Found,
    evaluations: tuple[Evaluation, Evaluation],
    needs: Needs,
    *,
    level: float,
    margin: float,
) -> Gain:
    goal, given, better = pair
    on_dev, on_test = (_change(evaluation, given, better, level) for evaluation in evaluations)
    cases = Cases(spread(evaluations[1], needs), POLICIES[0])
    costs = [
        cost_per_case(cases, cases.evaluation.index(name), level)
        if cases.evaluation.priced[cases.evaluation.index(name)]
        else None
        for name in (given, better)
    ]
    gain = Gain(
        goal=cast(Literal["better", "cheaper"], goal),
        given=given,
        found=better,
        on_dev=_without(on_dev.difference, memorised_by(evaluations[0].candidates[evaluations[0].index(better)])),
        on_test=on_test.difference,
        cost_on_dev=on_dev.cost,
        cost_on_test=on_test.cost,
        cost_given=costs[0],
        cost_found=costs[1],
        holds=_holds(on_test, margin),
        margin=margin,
        pays_back_after=_pay_back(found.cost, on_test, needs),
    )
    return msgspec.structs.replace(gain, text=_words(gain))


def _without(difference: Estimate, memorised: float) -> Estimate:
    """The difference in quality less what the found one is known to have learned from these very rows."""
    ends = {name: getattr(difference, name) for name in ("value", "low", "high")}
    moved = {name: end - memorised for name, end in ends.items() if end is not None}
    return msgspec.structs.replace(difference, **moved) if memorised else difference


def _change(evaluation: Evaluation, given: str, found: str, level: float) -> Change:
    sides = [Side(name, evaluation, evaluation.index(name)) for name in (given, found)]
    return changes(sides[0], sides[1:], confidence=level)[0]


def _holds(change: Change, margin: float) -> Literal["better", "cheaper at no loss", "not shown", "worse"]:
    if change.verdict != "cannot be told apart":
        return change.verdict
    at_least = change.difference.low
    if change.difference_answered is not None and change.difference_answered.low is not None and at_least is not None:
        at_least = min(at_least, change.difference_answered.low)
    cheaper = change.cost is not None and change.cost.high is not None and change.cost.high < 0.0
    return "cheaper at no loss" if cheaper and at_least is not None and at_least >= -margin else "not shown"


def _pay_back(spent: float | None, change: Change, needs: Needs) -> Estimate | None:
    """After how many cases the search is paid back: by what a case costs less, and what more solved ones are worth."""
    if not spent or change.cost is None or change.cost.value is None:
        return None
    worth = needs.worth_of_solved or 0.0
    worth = worth + needs.loss_of_wrong if worth else 0.0
    value, low, high = (
        worth * (solved or 0.0) - (cost or 0.0)
        for solved, cost in (
            (change.difference.value, change.cost.value),
            (change.difference.low, change.cost.high),
            (change.difference.high, change.cost.low),
        )
    )
    if high <= 0.0 or (not worth and value <= 0.0):  # better and dearer: nobody said what better is worth
        return None
    return Estimate(
        value=max(spent / value, 1.0) if value > 0.0 else None,
        low=max(spent / high, 1.0),
        high=max(spent / low, 1.0) if low > 0.0 else None,
        level=change.difference.level,
        n=change.difference.n,
        unit="count",
        method="what the search cost over what a case brings more; its ends are those of quality and cost together",
    )


def _words(gain: Gain) -> str:
    points = f"{gain.on_test.text()} on test, {gain.on_dev.number(gain.on_dev.value)} on dev where it was searched for"
    what = {
        "better": f"{gain.found} is certainly better than {gain.given}",
        "worse": f"{gain.found} is certainly worse than {gain.given}, though dev said otherwise",
        "cheaper at no loss": f"{gain.found} is certainly cheaper than {gain.given}, and solves no less by more than "
        f"{100 * gain.margin:g} point{'s' * (gain.margin != 0.01)}",
        "not shown": f"{gain.found} is not shown to be {'better' if gain.goal == 'better' else 'as good'} "
        f"{'than' if gain.goal == 'better' else 'as'} {gain.given}",
    }[gain.holds]
    return f"{what}: {points}.{_cost_words(gain)}{_pay_back_words(gain)}"


def _cost_words(gain: Gain) -> str:
    before, after = gain.cost_given, gain.cost_found
    if before is None or after is None or before.value is None or after.value is None:
        return ""
    n = cases_to_hold(min(before.value, after.value) or max(before.value, after.value))
    cases = "A case costs" if n == 1 else f"{n:,} cases cost"
    said = f" {cases} {after.times(n).text()} instead of {before.times(n).text()}"
    share = after.value / before.value - 1.0 if before.value else 0.0
    return f"{said}, {abs(share):.0%} {'less' if share < 0.0 else 'more'}." if share else f"{said}."


def _pay_back_words(gain: Gain) -> str:
    """Of a gain that is shown: what may be none pays nothing back."""
    after = gain.pays_back_after
    if after is None or not gain.is_shown:
        return ""
    if after.value is None:
        return " As it looks the search is never paid back."
    if after.high == 1.0:
        return " The first case pays the search back."
    return f" The search is paid back after {after.text()} cases."


def _told(found: Found, gains: Sequence[Gain]) -> str:
    """What came of the search, in a paragraph."""
    n = len({one.candidate.id for one in found.trials})
    tried = f"{n:,} candidate{'s' * (n != 1)} {'were' if n != 1 else 'was'} tried on dev in {found.seconds:,.0f} s."
    if not found.pairs:
        return f"{tried} None looks better than {found.best_given.candidate.name} there, or cheaper at no loss."
    return " ".join([tried, *(gain.text for gain in gains)])
