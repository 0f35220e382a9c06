"""What a run could not ask or was not told: its budget ended, it asked failures only, tokens were not reported."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from merits.core.decision import Reason
from merits.core.evaluation import Evaluation
from merits.deciding.amounts import listed
from merits.deciding.assessment import Assessment
from merits.deciding.reasons import because

__all__ = ["budget_sentence", "limits", "lost_sentence", "refusals"]


def limits(assessment: Assessment) -> Iterator[Reason]:
    """The reasons that say so."""
    evaluation = assessment.cases.evaluation
    yield from refusals(assessment)
    ended = budget_sentence(assessment)
    if ended:
        yield because("budget-ended", ended)
    elif evaluation.unasked is not None and (n := int(np.count_nonzero(_for_failures_only(evaluation)))):
        text = f"{n:,} answers were not asked for, for only what had failed was asked again: run again for the rest."
        yield because("not-asked", text)
    yield from _not_told(assessment)


def refusals(assessment: Assessment) -> Iterator[Reason]:
    """Whom a provider refused, and why: what was not answered is in no figure."""
    evaluation = assessment.cases.evaluation
    for k, name in enumerate(evaluation.names):
        why = evaluation.facts.get(f"given up on {name}", "")
        if evaluation.unasked is None or not why or not evaluation.unasked[k].any():
            continue
        n = int(np.count_nonzero(evaluation.unasked[k]))
        text = f"{name} could not be asked {n:,} of {evaluation.n_rows:,} questions, which are in no figure: {why}"
        yield because("refused", f"{text.rstrip('.')}. Mend that and run again.", name)


def lost_sentence(assessment: Assessment) -> str:
    """Whom their providers did not let answer everything; "" where there is nobody."""
    evaluation = assessment.cases.evaluation
    found = []
    for k, name in enumerate(evaluation.names):
        if evaluation.unasked is not None and f"given up on {name}" in evaluation.facts:
            n = int(np.count_nonzero(evaluation.unasked[k]))
            found += [f"{n:,} to {name}"] if n else []
    if not found:
        return ""
    return f"Not asked of {evaluation.n_rows:,} questions, for a provider refused or was down: {listed(found)}."


def _for_failures_only(evaluation: Evaluation) -> NDArray[np.bool_]:
    """What was not asked because only failures were asked again, and not because its input could not be perturbed."""
    assert evaluation.unasked is not None
    whole = [f"given up on {name}" not in evaluation.facts for name in evaluation.names]
    unasked = np.asarray(evaluation.unasked[whole])
    return unasked[:, evaluation.perturbations == ""] if "could not be perturbed" in evaluation.facts else unasked


def budget_sentence(assessment: Assessment) -> str:
    """That the budget ended, and after how much; "" where it did not."""
    evaluation = assessment.cases.evaluation
    budget = evaluation.budget
    if budget is None or not budget.ended:
        return ""
    asked, unasked = assessment.cases.asked, evaluation.unasked
    short = slice(None) if unasked is None else unasked.any(axis=1)  # whose answers were all stored is no measure
    there = int(np.count_nonzero(asked[short].any(axis=0)))
    total = int(np.count_nonzero(assessment.cases.clean))
    return (
        f"The budget of {budget.amount:,.12g} {budget.unit} ended after {there:,} of {total:,} questions "
        f"({budget.spent:,.4g} {budget.unit} spent): this rests on those, which were drawn at random."
    )


def _not_told(assessment: Assessment) -> Iterator[Reason]:
    evaluation = assessment.cases.evaluation
    if evaluation.unmetered is None:
        return
    for k, name in enumerate(evaluation.names):
        n = int(evaluation.unmetered[k][assessment.cases.asked[k]].sum())
        if not n:
            continue
        how = "each is counted as its mean answer" if evaluation.priced[k] else "so its price is unknown"
        of = int(evaluation.attempts[k][assessment.cases.asked[k]].sum())
        text = f"The cost of {n:,} of {of:,} attempts of {name} is not known, for their tokens were not told: {how}."
        yield because("cost-not-known", text, name)
