"""Each requirement for each candidate: met, not met, or not yet known, and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import msgspec

from merits.core.decision import Met, RequirementResult
from merits.core.estimate import Estimate
from merits.core.needs import Needs, Requirement
from merits.deciding.amounts import ODDS, about_more
from merits.deciding.cases import Cases
from merits.deciding.metrics import measure, share_in_time
from merits.stats.power import examples_for_gate, with_power

__all__ = ["judge", "more_examples", "overall", "required"]

_MONEY = ("cost_per_case", "cost_per_1000", "cost_per_solved", "net_value_per_case")
_OF_PROBABILITIES = ("log_loss", "roc_auc", "pr_auc", "ece")
_MOST = 10_000_000
_WORTH_IT = "net value per case above 0"


def required(cases: Cases, needs: Needs, k: int, n_considered: int) -> tuple[RequirementResult, ...]:
    """What became of every requirement for candidate k, each judged at its confidence over all candidates considered.

    The one that is named in the end was picked from `n_considered`, so each is judged at 1 - (1 - confidence) /
    n_considered: then the probability of naming one that truly misses a bar stays under 1 - confidence. Within one
    candidate nothing is corrected, because it must pass every gate. With a worth of a solved case, a net value above
    0 is required too.
    """
    return tuple(_result(requirement, cases, needs, k, n_considered) for requirement in _all(needs))


def judge(requirement: Requirement, estimate: Estimate | None) -> Met:
    """Whether both ends of an estimate (one-sided bounds) leave no doubt about a bar.

    >>> from merits.stats import clopper_pearson_bounds
    >>> bar = Requirement(metric="accuracy", op=">=", bar=0.7)
    >>> [judge(bar, clopper_pearson_bounds(k, 20)) for k in (19, 17, 5)]
    ['met', 'not yet known', 'not met']
    """
    if estimate is None:
        return "not yet known"
    low, high = estimate.low, estimate.high
    above, below = low is not None and low >= requirement.bar, high is not None and high <= requirement.bar
    certainly_under = high is not None and high < requirement.bar
    if requirement.text == _WORTH_IT:  # "above 0" is not "at least 0": what brings nothing is not worth using
        above, certainly_under = low is not None and low > 0.0, high is not None and high <= 0.0
    certainly_over = low is not None and low > requirement.bar
    met, missed = (above, certainly_under) if requirement.op == ">=" else (below, certainly_over)
    return "met" if met else "not met" if missed else "not yet known"


def overall(results: Sequence[RequirementResult]) -> Met:
    """All requirements together: not met if one certainly is not, met if all are.

    >>> overall(())
    'met'
    """
    if any(result.met == "not met" for result in results):
        return "not met"
    return "met" if all(result.met == "met" for result in results) else "not yet known"


def more_examples(result: RequirementResult, cases: Cases, k: int) -> int | None:
    """About how many more examples (or groups) settle a requirement with 80 % power; None when nobody can say."""
    if result.estimate is None:
        return None
    in_time = share_in_time(result.requirement, cases, k, result.estimate.level)
    return _more(*(in_time or (result.requirement, result.estimate)))


def _all(needs: Needs) -> tuple[Requirement, ...]:
    if needs.worth_of_solved is None:
        return needs.requirements
    worth_it = Requirement(metric="net_value_per_case", op=">=", bar=0.0, confidence=needs.confidence, text=_WORTH_IT)
    return (*needs.requirements, worth_it)


def _result(requirement: Requirement, cases: Cases, needs: Needs, k: int, n_considered: int) -> RequirementResult:
    level = 1.0 - (1.0 - requirement.confidence) / max(n_considered, 1)
    estimate = measure(requirement, cases, needs, k, level)
    # What is judged is what is shown, but for percentiles of latency, which are judged on the share in time.
    bar, judged = share_in_time(requirement, cases, k, level) or (requirement, estimate)
    met = judge(bar, judged)
    return RequirementResult(
        requirement=requirement,
        met=met,
        estimate=None if estimate is None else _noted(requirement, estimate, judged, n_considered),
        settle=_settle(requirement, cases, k, bar, judged) if met == "not yet known" else "",
    )


def _noted(requirement: Requirement, estimate: Estimate, judged: Estimate | None, n_considered: int) -> Estimate:
    """The estimate with what a reader must know about how it was judged."""
    notes = [estimate.method]
    if judged is not None and judged is not estimate:
        notes.append(f"judged on the share within the bar, {judged.text()}")
    if n_considered > 1:
        notes.append(f"{100 * requirement.confidence:g} % corrected for {n_considered} candidates")
    return msgspec.structs.replace(estimate, method="; ".join(notes))


def _settle(requirement: Requirement, cases: Cases, k: int, bar: Requirement, judged: Estimate | None) -> str:
    name = cases.evaluation.names[k]
    more = _more(bar, judged)
    if more is None:
        return _no_record(requirement, cases, k)
    so_far = "meets" if _on_good_side(bar, judged) else "misses"
    many = about_more(more, cases)
    return f"{many} would show {ODDS} whether {name} meets {requirement} (so far it {so_far} it)."


def _no_record(requirement: Requirement, cases: Cases, k: int) -> str:
    name = cases.evaluation.names[k]
    if requirement.metric in _MONEY and not cases.evaluation.priced[k]:
        return f"The price of {name} is unknown: give it in its recipe (price:) or in the price table."
    if requirement.metric in _OF_PROBABILITIES and k not in _with_probabilities(cases):
        return f"{name} gives no probabilities, so this cannot be measured."
    return f"{requirement} cannot be settled for {name} by a number of examples that can be told now."


def _with_probabilities(cases: Cases) -> Collection[int]:
    labels = cases.evaluation.labels
    return () if labels is None else labels.probabilities.keys()


def _on_good_side(requirement: Requirement, estimate: Estimate | None) -> bool:
    if estimate is None or estimate.value is None:
        return False
    return estimate.value >= requirement.bar if requirement.op == ">=" else estimate.value <= requirement.bar


def _more(bar: Requirement, judged: Estimate | None) -> int | None:
    if judged is None or judged.n == 0:
        return None
    total = _needed(bar, judged)
    return None if total is None or total > _MOST else max(1, total - judged.n)


def _needed(bar: Requirement, judged: Estimate) -> int | None:
    """How many examples there must be in all. Rates: exactly. Others: an interval shrinks with the root of n.

    To clear the bar with the planned power the estimate must lie as many standard errors further from it.
    """
    if judged.value is None:
        return None
    if judged.unit == "rate" and judged.method.startswith("Clopper–Pearson, "):
        return examples_for_gate(judged.value, bar.bar, level=judged.level)
    end = judged.low if judged.value > bar.bar else judged.high
    distance = abs(judged.value - bar.bar)
    if end is None or distance < 1e-12 or judged.level <= 0.5:
        return None
    reach = (judged.value - end) * with_power(judged.level)
    return min(math.ceil(judged.n * (reach / distance) ** 2), _MOST + 1)
