"""How a race went and what it shows, for people and programs: who may be the best, here and on future traffic."""

from __future__ import annotations

import numpy as np

from merits.core.decision import RaceResult, RaceRunner
from merits.core.facts import ruled_out
from merits.deciding.amounts import ODDS, about_more, listed
from merits.deciding.assessment import Assessment

__all__ = ["race_result", "race_sentences"]

_LABELS = {"certified": "certified", "economy": "calibrated, not certified"}
_STOPS = {
    "decided": "It stopped when it was decided.",
    "exhausted": "It ended when every example had been asked.",
    "budget": "It stopped when the budget was spent, and says what was known by then.",
}


def race_result(assessment: Assessment) -> RaceResult | None:
    """The race as the decision judges it; None where everybody was asked everything."""
    raced, race = assessment.cases.evaluation.raced, assessment.race
    if raced is None or race is None:
        return None
    cases = assessment.cases
    rows = int(np.count_nonzero(cases.clean))
    may_race = [k for k, one in enumerate(cases.evaluation.candidates) if not ruled_out(one, assessment.needs)]
    left = race.here if raced.target == "examples" else race.ahead
    runners = tuple(
        RaceRunner(
            candidate=name,
            n_asked=int(np.count_nonzero(cases.due[k])),
            n_units=int(raced.asked[k]),
            dropped=not bool(left[k]),
            may_be_best_here=bool(race.here[k]),
            may_be_best_ahead=bool(race.ahead[k]),
        )
        for k, name in enumerate(assessment.names)
    )
    return RaceResult(
        mode=raced.mode,
        label=_LABELS[raced.mode],
        target=raced.target,
        delta=raced.delta,
        stopped=raced.stopped,
        n_asked=sum(runner.n_asked for runner in runners),
        n_without=rows * len(may_race),
        n_units=int(raced.place[cases.clean].max()) + 1,
        runners=runners,
        would_shrink=_would_shrink(assessment),
    )


def race_sentences(result: RaceResult) -> str:
    """What a reader must know of a race, in three or four sentences."""
    error = f"error at most {100 * result.delta:g} %" if result.mode == "certified" else f"aimed at {_error(result)}"
    saved = f"{result.n_asked:,} of {result.n_without:,} questions were asked"
    here = [runner.candidate for runner in result.runners if runner.may_be_best_here]
    ahead = [runner.candidate for runner in result.runners if runner.may_be_best_ahead]
    if here == ahead:
        best = f"The best on these examples, and on future traffic, is {_one_of(here)}."
    else:
        best = f"The best on these examples is {_one_of(here)}, the best on future traffic {_one_of(ahead)}."
    shrink = f" {result.would_shrink}" if len(ahead) > 1 else ""
    return f"The candidates raced ({result.label}, {error}): {saved}. {_STOPS[result.stopped]} {best}{shrink}"


def _error(result: RaceResult) -> str:
    return f"an error of {100 * result.delta:g} %"


def _one_of(names: list[str]) -> str:
    if len(names) < 2:
        return names[0] if names else "nobody who may be named"
    return (
        f"one of {listed(names)}, which cannot be told apart" if len(names) > 2 else f"either {names[0]} or {names[1]}"
    )


def _would_shrink(assessment: Assessment) -> str:
    """What would tell the two apart that may both be the best on future traffic; "" where there are no two."""
    race, leader = assessment.race, assessment.leader
    if race is None or leader is None or not assessment.members:
        return ""
    compared = assessment.compared
    among = [k for k in assessment.members if k != leader and race.ahead[k]]
    rivals = [k for k in among if not compared.better(leader, k)]
    if not rivals:
        return ""
    totals = {k: compared.examples_to_tell(leader, k) for k in rivals}
    known = {k: total for k, total in totals.items() if total is not None}
    if not known:
        return "No number of examples can be promised to tell them apart: so far they do not differ."
    k = min(known, key=lambda rival: known[rival])
    more = about_more(known[k] - compared.n_common(leader, k), assessment.cases)
    names = assessment.names
    return (
        f"{more} would show {ODDS} whether {names[leader]} or {names[k]} is better, if the difference stays as it is."
    )
