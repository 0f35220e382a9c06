"""What a reader must know besides the verdict: who is tied or worse, who fails what, what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from merits.core.decision import Reason, Standing
from merits.core.facts import ruled_out
from merits.deciding.again import is_imported, not_here
from merits.deciding.amounts import ODDS, about_more, pieces
from merits.deciding.assessment import Assessment
from merits.deciding.human import is_labelled, n_labelled
from merits.deciding.limits import limits
from merits.deciding.reasons import because
from merits.deciding.unpriced import why_unpriced
from merits.stats.clusters import FEW_GROUPS
from merits.stats.powered import FEWEST_LABELS

__all__ = ["circumstances"]

_MANY = 0.10  # the share of unscored or missing answers from which it is said
_MANY_OFF_LIST = 0.5  # the share of answers that are no label from which it is said
_LOOKS = 3  # different sets of candidates decided on with the same test examples, from which it is said


def circumstances(assessment: Assessment, standings: tuple[Standing, ...], test_looks: int) -> tuple[Reason, ...]:
    """The reasons that hold whatever the verdict is."""
    asked = tuple(s for k, s in enumerate(standings) if not _not_asked(assessment, k))
    found = [*_off_list(assessment), *_relations(assessment, standings), *_rival(assessment)]
    found += [*_missed(asked), *_incomplete(assessment, asked)]
    return (*found, *_prices(assessment), *limits(assessment), *_evidence(assessment, test_looks))


def _relations(assessment: Assessment, standings: tuple[Standing, ...]) -> Iterator[Reason]:
    leader = "" if assessment.leader is None else assessment.names[assessment.leader]
    for k, standing in enumerate(standings):
        name = standing.candidate
        if standing.relation == "tied":
            yield because("tied", f"{name} cannot be told apart from {leader}: behind by {standing.behind}.", name)
        if standing.relation == "worse":
            yield because("worse", f"{name} is worse than {leader}: behind by {standing.behind}.", name)
        if standing.relation == "dropped":
            yield because("dropped", _dropped_text(assessment, k, leader, standing), name)
        if k not in assessment.cases.assessed and _not_asked(assessment, k):
            out = ruled_out(assessment.cases.evaluation.candidates[k], assessment.needs)
            yield because("ruled-out", f"{name} was not asked: {out}.", name)
        elif k not in assessment.cases.assessed and _without_price(assessment, k):
            yield because("unknown-price", f"{name} has no price, so it could not race by net value: give it.", name)
        elif k not in assessment.cases.assessed:
            counts = f"{standing.n_failed} failed, {standing.n_unscored} unscored, {standing.n_missing} missing"
            yield because("not-assessed", f"{name} has no scored answer ({counts}), so it was left out.", name)


def _dropped_text(assessment: Assessment, k: int, leader: str, standing: Standing) -> str:
    raced, missed = assessment.cases.evaluation.raced, assessment.misses_gate(k)
    n = 0 if raced is None else int(raced.asked[k])
    why = "it certainly misses a requirement" if missed else "it cannot be the best"
    if raced is not None and raced.mode == "economy" and not missed:
        why = "it is hardly the best (calibrated, not certified)"
    out = f"the race dropped it after {pieces(n, assessment.cases.examples_a_group)}"
    return f"{standing.candidate}: {out}, for {why}; {standing.behind} behind {leader} there."


def _without_price(assessment: Assessment, k: int) -> bool:
    """Whether candidate k was kept out of a race by net value because it has no price."""
    evaluation, by_money = assessment.cases.evaluation, assessment.needs.worth_of_solved is not None
    return evaluation.raced is not None and by_money and not evaluation.priced[k]


def _not_asked(assessment: Assessment, k: int) -> bool:
    """Whether candidate k was spared every question because a fact rules it out."""
    cases = assessment.cases
    return not cases.asked[k].any() and bool(ruled_out(cases.evaluation.candidates[k], assessment.needs))


def _rival(assessment: Assessment) -> Iterator[Reason]:
    """What is seen, what could be seen, and what would settle it, for the leader and the nearest tied with it."""
    leader = assessment.leader
    tied = [k for k in assessment.tied if k != leader]
    if leader is None or not tied:
        return
    compared = assessment.compared
    rival = max(tied, key=lambda k: compared.means[k])
    detectable, total = compared.detectable(leader, rival), compared.examples_to_tell(leader, rival)
    if detectable is None:
        return
    difference = compared.difference(leader, rival)
    n = compared.n_common(leader, rival)
    shown = difference.number(detectable).lstrip("+")
    settle = "no number of examples can be promised to tell them apart"
    if total is not None:
        settle = f"{about_more(total - n, assessment.cases).lower()} would tell them apart {ODDS}, if it stays as it is"
    text = (
        f"{assessment.names[leader]} and {assessment.names[rival]}: {pieces(n, assessment.cases.examples_a_group)} "
        f"show a difference of {shown} or more {ODDS}; seen is {difference.number(difference.value)}; {settle}."
    )
    yield because("closest-rival", text, assessment.names[rival])


def _missed(standings: tuple[Standing, ...]) -> Iterator[Reason]:
    for standing in standings:
        for result in standing.requirements:
            if result.met == "not met":
                text = f"{standing.candidate} does not meet {result.requirement}: {result.evidence}."
                yield because("requirement-not-met", text, standing.candidate)


def _off_list(assessment: Assessment) -> Iterator[Reason]:
    """Who mostly answers with something that is no label: a model that knows the answer can look bad for it."""
    labels = assessment.cases.evaluation.labels
    if labels is None:
        return
    for k in assessment.cases.assessed:
        answered = assessment.cases.scored[k]
        n, of = int(np.count_nonzero(answered & (labels.predicted[k] < 0))), int(np.count_nonzero(answered))
        if n >= _MANY_OFF_LIST * of:
            name = assessment.names[k]
            step = "look at them in the report; a model is held to the labels by worked examples (few_shot: 4)"
            yield because("off-list", f"{n:,} of {of:,} answers of {name} are none of the labels: {step}.", name)


def _incomplete(assessment: Assessment, standings: tuple[Standing, ...]) -> Iterator[Reason]:
    imported = {candidate.name for candidate in assessment.cases.evaluation.candidates if is_imported(candidate)}
    for standing in standings:
        name = standing.candidate
        n = standing.n_scored + standing.n_failed + standing.n_unscored + standing.n_missing
        if standing.n_failed:
            step = not_here([name]) if name in imported else _after_failures(assessment, standing)
            text = f"{name} failed on {standing.n_failed:,} of {n:,}{'. ' if name in imported else ': '}{step}"
            yield because("failures", text, name)
        if standing.quality_assisted is not None and standing.assisted_variance is not None:
            text = (
                f"{name} was asked {standing.n_scored:,} of {n:,}; with the help of the candidates that were asked all "
                f"it solves {standing.quality_assisted.text()} of the cases, with "
                f"{100 * standing.assisted_variance:.0f} % of the variance that its own answers alone leave."
            )
            yield because("assisted", text, name)
        if standing.n_unscored > _MANY * n:
            text = f"{standing.n_unscored:,} of {n:,} answers of {name} could not be judged and are in no figure."
            yield because("many-unscored", text, name)
        if standing.n_missing > _MANY * n:
            step = "import a file that has them" if name in imported else "run again"
            how = "count as failed" if standing.n_failed else "are in no figure"
            text = f"{standing.n_missing:,} of {n:,} answers of {name} are missing and {how}: {step}."
            yield because("many-missing", text, name)


def _after_failures(assessment: Assessment, standing: Standing) -> str:
    """Whether to ask again helps: what cannot be asked as it is (a broken file, a long text) fails every time."""
    said = assessment.cases.evaluation.facts.get(f"failures of {standing.candidate}", "")
    if said.startswith(f"{standing.n_failed} bad_request ("):
        return "they fail every time; mend what is wrong, or leave these examples out."
    return "run again to ask these again."


def _prices(assessment: Assessment) -> Iterator[Reason]:
    evaluation = assessment.cases.evaluation
    unpriced = [k for k in assessment.cases.assessed if not evaluation.priced[k]]
    matters = evaluation.priced.any() or assessment.needs.worth_of_solved is not None
    for k in unpriced if matters else []:
        name = evaluation.names[k]
        hope = (
            "it may be the better buy" if assessment.may_beat_unpriced(k) else "it would not win even if it were free"
        )
        if k == assessment.leader or not evaluation.priced.any():
            hope = "what it costs is unknown"
        why = why_unpriced(evaluation, k, assessment.needs)
        yield because("unknown-price", f"{name} {why}: {hope}.", name)


def _of_people(assessment: Assessment) -> Iterator[Reason]:
    """What labels of people say of the verdicts, and that nothing is said where there are none and a model judged."""
    cases, names = assessment.cases, assessment.names
    judge = next((each for each in cases.evaluation.judged if each.deciding), None)
    if judge is not None and judge.given_up:
        yield because("judge-given-up", f"The judge {judge.model} was given up: {judge.given_up}")
    if not is_labelled(cases):
        if judge is not None and judge.n_verdicts:
            text = (
                f"{judge.model} judged the answers, and nobody checked it: the judge's error is in no interval here. "
                "Label some (merits judge draw), and it will be."
            )
            yield because("judge-unchecked", text)
        return
    counts = {k: n_labelled(cases, k) for k in assessment.members}
    who = judge.model if judge is not None else cases.evaluation.scorer
    text = (
        f"People labelled {sum(counts.values()):,} answers: quality, differences and net value are the verdicts of "
        f"{who} on all answers, corrected by what people said (prediction-powered), so their errors are in the "
        "intervals. That holds if chance decided which answers were labelled. More labels narrow the intervals. The "
        "cost per solved case is by the verdicts alone."
    )
    yield because("judge-corrected", text)
    for k, n in counts.items():
        if n < FEWEST_LABELS:
            text = f"Only {n} answers of {names[k]} are labelled: label {FEWEST_LABELS} or more, drawn by chance."
            yield because("few-labels", text, names[k])


def _evidence(assessment: Assessment, test_looks: int) -> Iterator[Reason]:
    yield from _of_people(assessment)
    groups = assessment.cases.groups
    if groups is not None and int(np.max(groups)) + 1 < FEW_GROUPS:
        n = int(np.max(groups)) + 1
        yield because("few-groups", f"The examples fall into {n} groups only: the intervals rest on little.")
    incumbent = assessment.needs.incumbent
    if incumbent and assessment.incumbent is None:
        text = f"{incumbent}, the candidate in use, has no outcome here that can be compared."
        yield because("incumbent-not-assessed", text, incumbent)
    if assessment.cases.evaluation.split == "dev":
        text = "This rests on development examples, which candidates may be tuned on: decide on the test examples."
        yield because("not-on-test", text)
    if test_looks >= _LOOKS:
        text = (
            f"These test examples were used for {test_looks} different sets of candidates. The best of many tries "
            "looks better than it is: confirm it on new examples."
        )
        yield because("test-reused", text)
