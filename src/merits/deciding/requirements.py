"""Each requirement for each candidate: met, not met, or not yet known, and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

import msgspec

from merits.core.decision import Met, RequirementResult
from merits.core.estimate import Estimate
from merits.core.facts import fact_met, facts_of, ruled_out
from merits.core.needs import Needs, Requirement
from merits.deciding.amounts import ODDS, about_more, round_up
from merits.deciding.cases import Cases
from merits.deciding.measuring import Measured, Part, measured, rival_of
from merits.deciding.metrics import QUANTILES, Question
from merits.stats.power import examples_for_gate, with_power

__all__ = ["considered", "facts", "judge", "overall", "required"]

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
    return _all_met([result.met for result in results])


def _all(needs: Needs) -> tuple[Requirement, ...]:
    if needs.worth_of_solved is None:
        return needs.requirements
    worth_it = Requirement(metric="net_value_per_case", op=">=", bar=0.0, confidence=needs.confidence, text=_WORTH_IT)
    return (*needs.requirements, worth_it)


def facts(cases: Cases, needs: Needs, k: int) -> tuple[RequirementResult, ...]:
    """What became of the requirements that need no evidence, for a candidate that has none."""
    return tuple(_fact(requirement, cases, k) for requirement in needs.requirements if requirement.is_fact)


def considered(cases: Cases, needs: Needs) -> int:
    """How many candidates the one that is named is picked from: those with outcomes that no fact rules out."""
    return sum(not ruled_out(cases.evaluation.candidates[k], needs) for k in cases.assessed)


def _fact(requirement: Requirement, cases: Cases, k: int) -> RequirementResult:
    candidate = cases.evaluation.candidates[k]
    met = fact_met(requirement, candidate)
    settle = (
        f"Say it in the recipe of {candidate.name}: metadata: {{{requirement.metric}: ...}}; nothing is asked again."
        if met == "not yet known"
        else ""
    )
    return RequirementResult(
        requirement=requirement, met=met, estimate=None, settle=settle, found=facts_of(requirement, candidate)
    )


def _result(requirement: Requirement, cases: Cases, needs: Needs, k: int, n_considered: int) -> RequirementResult:
    if requirement.is_fact:
        return _fact(requirement, cases, k)
    level = 1.0 - (1.0 - requirement.confidence) / max(n_considered, 1)
    question = Question(cases, needs, k, level)
    found = measured(requirement, question)
    met = _all_met([judge(part.bar, part.judged) for part in found.parts])
    is_open = met == "not yet known"
    more, settle = _settled(requirement, found, question) if is_open else (None, "")
    return RequirementResult(
        requirement=requirement,
        met=met,
        estimate=None if found.shown is None else _noted(requirement, found, n_considered),
        settle=settle,
        found=found.missing,
        more_examples=more,
    )


def _all_met(parts: Sequence[Met]) -> Met:
    return "not met" if "not met" in parts else "not yet known" if "not yet known" in parts else "met"


def _noted(requirement: Requirement, found: Measured, n_considered: int) -> Estimate:
    """The estimate with what a reader must know about how it was judged."""
    assert found.shown is not None
    notes = [found.shown.method]
    alone = found.parts[0].judged if len(found.parts) == 1 else None
    if alone is not None and alone is not found.shown and requirement.is_plain:
        notes.append(f"judged on the share within the bar, {alone.text()}")
    if n_considered > 1:
        notes.append(f"{100 * requirement.confidence:g} % corrected for {n_considered} candidates")
    return msgspec.structs.replace(found.shown, method="; ".join(notes))


def _settled(requirement: Requirement, found: Measured, question: Question) -> tuple[int | None, str]:
    """How many more examples settle it, and that in words: by the first part that misses the bar, where one seems to;
    else by the part that takes most of them.
    """
    open_parts = [part for part in found.parts if judge(part.bar, part.judged) == "not yet known"]
    missing = [part for part in open_parts if part.judged is not None and not _on_good_side(part.bar, part.judged)]
    pick: Callable[..., Part] = min if missing else max
    part = pick(missing or open_parts, key=lambda each: _MOST if (more := _more(each)) is None else more)
    more, name = _more(part), question.cases.evaluation.names[question.k]
    if more is None:
        return None, _no_record(requirement, found, part, question)
    so_far = "meets" if _on_good_side(part.bar, part.judged) else "misses"
    many = about_more(more, question.cases)
    if part.where and part.judged is not None:
        many = f"{many} {'under' if requirement.under else 'of'} {part.where}, which has {part.judged.n:,},"
    return more, f"{many} would show {ODDS} whether {name} meets {requirement} (so far it {so_far} it)."


def _no_record(  # noqa: PLR0911  one line for each reason
    requirement: Requirement, found: Measured, part: Part, question: Question
) -> str:
    cases, k = question.cases, question.k
    name = cases.evaluation.names[k]
    if requirement.metric in _MONEY and not cases.evaluation.priced[k]:
        return f"The price of {name} is unknown: give it in its recipe (price:) or in the price table."
    if requirement.metric in QUANTILES and not cases.timed[k]:
        return (
            f"How long {name} takes was not measured (answers of a batch tell no wait, nor do some results of other "
            "tools): merits run --refresh without --batch measures it."
        )
    if requirement.metric in _OF_PROBABILITIES and k not in _with_probabilities(cases):
        return f"{name} gives no probabilities, so this cannot be measured."
    if requirement.against and found.missing:
        return f"Evaluate {rival_of(requirement, question.needs)} and {name} on the same examples: {found.missing}."
    if requirement.under and found.missing:
        return f"Evaluate {name} on examples under {requirement.under} too: it has no answers there."
    if part.where and part.judged is None:
        return f"{name} has no answer to judge in {part.where}: add examples of it, or run again."
    where = f" in {part.where}" if part.where else ""
    return f"{requirement} cannot be settled for {name}{where} by a number of examples that can be told now."


def _with_probabilities(cases: Cases) -> Collection[int]:
    labels = cases.evaluation.labels
    return () if labels is None else labels.probabilities.keys()


def _on_good_side(requirement: Requirement, estimate: Estimate | None) -> bool:
    if estimate is None or estimate.value is None:
        return False
    return estimate.value >= requirement.bar if requirement.op == ">=" else estimate.value <= requirement.bar


def _more(part: Part) -> int | None:
    """About how many more examples (or groups) settle a part with 80 % power; None when nobody can say."""
    if part.judged is None or part.judged.n == 0:
        return None
    total = _needed(part.bar, part.judged)
    return None if total is None or total > _MOST else round_up(max(1, total - part.judged.n))


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
