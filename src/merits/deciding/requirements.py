"""Each requirement for each candidate: met, not met, or not yet known, and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from merits.core.decision import Met, RequirementResult
from merits.core.estimate import Estimate
from merits.core.needs import Needs, Requirement
from merits.deciding.cases import Cases
from merits.deciding.metrics import measure
from merits.stats.power import examples_for_gate

__all__ = ["judge", "more_examples", "overall", "required", "round_up"]

_MONEY = ("cost_per_case", "cost_per_1000", "cost_per_solved", "net_value_per_case")
_OF_PROBABILITIES = ("log_loss", "roc_auc", "pr_auc", "ece")
_QUANTILES = {"p50_latency": 0.50, "p95_latency": 0.95, "p99_latency": 0.99}
_MOST = 10_000_000


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


def more_examples(requirement: Requirement, estimate: Estimate | None) -> int | None:
    """About how many more examples settle a requirement, if things stay as they are; None when nobody can say.

    Rates: exactly. Others: an interval shrinks with the root of n.
    """
    if estimate is None or estimate.n == 0:
        return None
    total = _needed(requirement, estimate)
    return None if total is None or total > _MOST else max(1, total - estimate.n)


def round_up(n: int) -> int:
    """The number with two digits that count, rounded up: nobody should plan for 1,234 examples.

    >>> [round_up(n) for n in (7, 64, 341, 1234)]
    [7, 64, 350, 1300]
    """
    if n < 100:
        return n
    unit = int(10 ** (len(str(n)) - 2))
    return math.ceil(n / unit) * unit


def _all(needs: Needs) -> tuple[Requirement, ...]:
    if needs.worth_of_solved is None:
        return needs.requirements
    worth_it = Requirement(
        metric="net_value_per_case", op=">=", bar=0.0, confidence=needs.confidence, text="net value per case above 0"
    )
    return (*needs.requirements, worth_it)


def _result(requirement: Requirement, cases: Cases, needs: Needs, k: int, n_considered: int) -> RequirementResult:
    level = 1.0 - (1.0 - requirement.confidence) / max(n_considered, 1)
    estimate = measure(requirement, cases, needs, k, level)
    met = judge(requirement, estimate)
    if estimate is not None and n_considered > 1:
        note = f"{estimate.method}; {100 * requirement.confidence:g} % corrected for {n_considered} candidates"
        estimate = msgspec.structs.replace(estimate, method=note)
    settle = _settle(requirement, estimate, cases, k) if met == "not yet known" else ""
    return RequirementResult(requirement=requirement, met=met, estimate=estimate, settle=settle)


def _settle(requirement: Requirement, estimate: Estimate | None, cases: Cases, k: int) -> str:
    name = cases.evaluation.names[k]
    if estimate is None:
        return _no_record(requirement, cases, k)
    more = more_examples(requirement, estimate)
    if more is None:
        return f"{name} lies on the bar of {requirement}, as far as can be seen: more examples may not settle it."
    way = "meets" if _on_good_side(requirement, estimate) else "misses"
    return f"About {round_up(more):,} more examples would show whether {name} meets {requirement} (it {way} it so far)."


def _no_record(requirement: Requirement, cases: Cases, k: int) -> str:
    name = cases.evaluation.names[k]
    if requirement.metric in _MONEY and not cases.evaluation.priced[k]:
        return f"The price of {name} is unknown: give it in its recipe (price:) or in the price table."
    if requirement.metric in _OF_PROBABILITIES:
        return f"{name} gives no probabilities (or the examples hold one class only), so this cannot be measured."
    return f"No outcome of {name} bears on {requirement} yet."


def _on_good_side(requirement: Requirement, estimate: Estimate) -> bool:
    if estimate.value is None:
        return requirement.op == "<=" and estimate.high is None and (estimate.low or 0.0) <= requirement.bar
    return estimate.value >= requirement.bar if requirement.op == ">=" else estimate.value <= requirement.bar


def _needed(requirement: Requirement, estimate: Estimate) -> int | None:
    """How many examples there must be in all."""
    if requirement.metric in _QUANTILES and estimate.high is None and _on_good_side(requirement, estimate):
        return math.ceil(math.log(1.0 - estimate.level) / math.log(_QUANTILES[requirement.metric]))
    if estimate.value is None:
        return None
    if estimate.unit == "rate" and estimate.method.startswith("Clopper–Pearson, "):
        return examples_for_gate(estimate.value, requirement.bar, level=estimate.level)
    upward = estimate.value > requirement.bar
    end = estimate.low if upward else estimate.high
    distance = abs(estimate.value - requirement.bar)
    if end is None or distance < 1e-12:
        return None
    return min(math.ceil(estimate.n * ((estimate.value - end) / distance) ** 2), _MOST + 1)
