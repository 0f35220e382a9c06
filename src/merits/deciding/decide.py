"""The decision: both policies on failures, one verdict, every number it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from merits.core.decision import Decision, Reason
from merits.core.evaluation import Evaluation
from merits.core.needs import Needs
from merits.core.step import Step
from merits.deciding.again import failed_candidates, settle_failures
from merits.deciding.assessment import Assessment, assess
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.chances import chances
from merits.deciding.circumstances import circumstances
from merits.deciding.fixed import spread
from merits.deciding.money import economics_of
from merits.deciding.money_words import money_words
from merits.deciding.raced import race_result
from merits.deciding.reasons import because
from merits.deciding.sound import check_sound
from merits.deciding.standings import standings
from merits.deciding.trace import QUESTIONS
from merits.deciding.values import objective_of
from merits.deciding.verdict import Ruling, rule
from merits.deciding.words import summarised, what_would_change

__all__ = ["decide"]


def decide(evaluation: Evaluation, needs: Needs | None = None, *, test_looks: int = 0) -> Decision:
    """Which candidate is worth using by these outcomes and needs, how sure that is, and what would change it.

    Pure: the same evaluation and needs give the same decision. `test_looks` is how many different sets of candidates
    were decided on with these examples, this one included; it is recorded, and said when it is 3 or more. Raises
    `RequirementError` for a requirement that names no metric of this evaluation, money in another currency and
    needs that cannot be (a confidence of 1), `UsageError` for costs that are negative or no numbers.

    The probability of calling any candidate better than another that is not is at most 1 - `needs.confidence`, for
    all pairs together; so is that of naming a candidate that truly misses one given requirement. Both are for one
    decision on examples chosen before: looking again after every new example is not covered. In a race both hold at
    every look, and the probability that it ever dropped the best is at most its own `delta` (certified); "dropped" is
    no claim that a candidate is worse than any one other.
    """
    wanted = needs if needs is not None else Needs()
    check_sound(evaluation, wanted)
    whole = spread(evaluation, wanted)
    counting = assess(Cases(whole, POLICIES[0]), wanted)
    answered = assess(Cases(whole, POLICIES[1]), wanted) if counting.cases.failed.any() else counting
    rulings = [rule(counting), rule(answered)] if answered is not counting else [rule(counting)] * 2
    ruling = _agreed(rulings, counting)
    return _decision(ruling, rulings, (counting, answered), test_looks, evaluation)


def _agreed(rulings: Sequence[Ruling], assessment: Assessment) -> Ruling:
    """The ruling where both policies give the same verdict for the same candidate; else undecided."""
    first, second = rulings
    if (first.verdict, first.chosen) == (second.verdict, second.chosen):
        return first
    text = (
        f"If failures count as wrong the verdict is {_said(first, assessment)!r}, if they are left out "
        f"{_said(second, assessment)!r}."
    )
    again = settle_failures(failed_candidates(assessment.cases.evaluation))
    step = f"{again} If it keeps failing, say whether that is a wrong answer to you."
    return Ruling("undecided", None, (because("failures-matter", text),), step, "it depends on questions that failed")


def _said(ruling: Ruling, assessment: Assessment) -> str:
    return ruling.verdict if ruling.chosen is None else f"{ruling.verdict} {assessment.names[ruling.chosen]}"


def _decision(
    ruling: Ruling,
    rulings: Sequence[Ruling],
    policies: tuple[Assessment, Assessment],
    test_looks: int,
    asked: Evaluation,
) -> Decision:
    """The record; `asked` is the evaluation as it was priced, before fixed costs were spread over it."""
    counting, answered = policies
    evaluation, needs = counting.cases.evaluation, counting.needs
    odds = chances(counting)
    table = standings(counting, answered.cases, odds)
    p_right = None if odds is None or ruling.chosen is None else odds.p_right(ruling.chosen)
    economics = economics_of(counting, ruling.chosen, odds, asked)
    p_best = None if ruling.chosen is None else table[ruling.chosen].p_best
    money = money_words(p_best, p_right, economics)
    change = what_would_change(ruling, counting, table)
    named = None if ruling.chosen is None else evaluation.candidates[ruling.chosen]
    return Decision(
        verdict=ruling.verdict,
        candidate="" if named is None else named.name,
        candidate_id="" if named is None else named.id,
        summary=summarised(ruling, counting, table, change, money),
        reasons=_once((*ruling.reasons, *circumstances(counting, table, test_looks))),
        standings=table,
        what_would_change_it=change,
        next_step=ruling.next_step,
        policies={policy: _said(one, counting) for policy, one in zip(POLICIES, rulings, strict=True)},
        objective=objective_of(needs),
        needs=needs,
        task=evaluation.task,
        task_name=evaluation.task_name,
        split=evaluation.split,
        currency=evaluation.currency,
        n_examples=int(np.count_nonzero(counting.cases.clean & (evaluation.repeats == 0))),
        n_compared=len(counting.members),
        test_looks=test_looks,
        level=needs.confidence,
        race=race_result(counting),
        steps=_steps(ruling, rulings, counting),
        p_right=p_right,
        economics=economics,
    )


def _steps(ruling: Ruling, rulings: Sequence[Ruling], counting: Assessment) -> tuple[Step, ...]:
    """The chain of reasoning: one where nothing failed, else one for each policy and what follows from both."""
    if rulings[0] is rulings[1]:
        return ruling.steps
    both = [
        msgspec.structs.replace(step, policy=policy)
        for policy, one in zip(POLICIES, rulings, strict=True)
        for step in one.steps
    ]
    same = len({_said(one, counting) for one in rulings}) == 1
    answer = "Yes." if same else "No: so it is undecided as long as these failures stand."
    return (*both, Step(code="policies", question=QUESTIONS["policies"], answer=answer))


def _once(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
