"""Everything about money beside the verdict, in one record."""

from __future__ import annotations

from merits.core.economics import Economics
from merits.core.evaluation import Evaluation
from merits.deciding.assessment import Assessment
from merits.deciding.break_even import break_evens
from merits.deciding.chances import Chances
from merits.deciding.curves import curves
from merits.deciding.fixed import fixed_per_case, has_fixed
from merits.deciding.hosting import hosting
from merits.deciding.labelling import labelling
from merits.deciding.payback import payback
from merits.deciding.positions import positions
from merits.deciding.tornado import tornado
from merits.deciding.versus import versus

__all__ = ["economics_of"]


def economics_of(
    assessment: Assessment, chosen: int | None, odds: Chances | None, asked: Evaluation
) -> Economics | None:
    """The economics of the named candidate, or of the leader where none is named; None where no money is known.

    `asked` is the evaluation as it was priced, before fixed costs were spread over it.
    """
    evaluation, needs = assessment.cases.evaluation, assessment.needs
    subject = chosen if chosen is not None else assessment.leader
    if subject is None or not any(evaluation.priced[k] for k in assessment.cases.assessed):
        return None
    found = versus(assessment, subject)
    places = positions(assessment)
    points = () if found is None else break_evens(found)
    return Economics(
        subject=assessment.names[subject],
        currency=evaluation.currency,
        net_value_now=None
        if found is None or needs.worth_of_solved is None
        else found.own[subject].mean(found.weights),
        break_evens=points,
        tornado=() if found is None else tornado(found),
        curves=() if found is None else curves(found, points),
        payback=None if found is None else payback(found, asked),
        hosting=() if found is None else hosting(found),
        labelling=None if odds is None else labelling(odds),
        positions=() if places is None else places.each,
        positions_method="" if places is None else places.method,
        dimensions=() if places is None else places.dimensions,
        fixed_per_case={
            candidate.name: share
            for candidate in evaluation.candidates
            if has_fixed(candidate, needs) and (share := fixed_per_case(candidate, needs)) is not None
        },
    )
