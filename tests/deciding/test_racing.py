"""The schedule of a race, and what is decided on a raced evaluation."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation, Raced
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.core.racing import UNLIMITED, Allowance, Budget, Racing
from merits.deciding.bars import raced_bars
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.decide import decide
from merits.deciding.racing import replay, schedule
from tests.deciding.evaluations import evaluation_of

N = 600


def truth(rates: dict[str, float], n: int = N, seed: int = 0, **more: object) -> Evaluation:
    """What everybody would answer, if asked everything."""
    generator = np.random.default_rng(seed)
    return evaluation_of({name: generator.random(n) < rate for name, rate in rates.items()}, **more)  # type: ignore[arg-type]


CERTIFIED, NOTHING = Racing(), Needs()


def raced(
    whole: Evaluation, racing: Racing = CERTIFIED, needs: Needs = NOTHING, *, allowance: Allowance = UNLIMITED
) -> tuple[Evaluation, list[str]]:
    """The race over these outcomes: what was asked of whom is there, the rest is missing; and what was noted."""
    status = np.full_like(whole.status, Status.MISSING)
    rounds = schedule(racing, needs, seed=1)(replace(whole, status=status.copy()), allowance)
    notes: list[str] = []
    try:
        now = next(rounds)
        while True:
            notes += now.notes
            at = np.ix_(now.candidates, now.rows)
            assert (status[at] == Status.MISSING).all(), "nothing is asked twice"
            status[at] = whole.status[at]
            if isinstance(allowance, Allowed):
                allowance.left -= len(now.candidates) * len(now.rows)
            now = rounds.send(replace(whole, status=status.copy()))
    except StopIteration as end:
        result: Raced | None = end.value
    return replace(whole, status=status, raced=result), notes


def test_who_is_clearly_worse_is_asked_less_and_the_best_is_adopted() -> None:
    evaluation, notes = raced(truth({"good": 0.9, "fair": 0.6, "poor": 0.3}))
    decision = decide(evaluation, Needs())
    assert (decision.verdict, decision.candidate) == ("adopt", "good")
    assert decision.race is not None
    assert decision.race.n_asked < 0.5 * decision.race.n_without
    assert decision.race.stopped == "decided"
    assert "poor is out of the race after" in notes[0]
    standing = decision.standing("poor")
    assert (standing.relation, standing.n_missing, standing.n_failed) == ("worse", 0, 0)
    assert standing.quality is not None
    assert "every look" in standing.quality.method
    assert "certified" in decision.summary


def test_the_economy_race_says_everywhere_that_it_is_not_certified() -> None:
    evaluation, _ = raced(truth({"good": 0.9, "poor": 0.5}), Racing(mode="economy"))
    decision = decide(evaluation, Needs())
    assert decision.race is not None
    assert decision.race.label == "calibrated, not certified"
    assert "calibrated, not certified" in decision.summary


def test_both_targets_are_reported_and_what_would_tell_the_tied_apart() -> None:
    """On these examples one is best; of future traffic nobody knows yet."""
    a = np.random.default_rng(0).random(300) < 0.8
    b = np.where(np.arange(300) == int(np.flatnonzero(a)[0]), False, a)
    evaluation, _ = raced(evaluation_of({"a": a, "b": b, "poor": np.random.default_rng(1).random(300) < 0.3}))
    decision = decide(evaluation, Needs())
    assert decision.race is not None
    here = [runner.candidate for runner in decision.race.runners if runner.may_be_best_here]
    ahead = [runner.candidate for runner in decision.race.runners if runner.may_be_best_ahead]
    assert here == ["a"]
    assert ahead == ["a", "b"]
    assert "more examples would show" in decision.race.would_shrink
    assert decision.race.would_shrink in decision.summary


def test_who_was_dropped_is_out_of_the_race_in_the_report() -> None:
    """Not "worse than the leader": the race stopped before that could be known of each pair."""
    from merits.report.page import relation
    from merits.report.sections.candidates import candidate_rows
    from merits.report.sections.subject import Subject

    evaluation, _ = raced(truth({"good": 0.9, **{f"fair{i}": 0.76 for i in range(9)}}))
    decision = decide(evaluation, Needs())
    rows = candidate_rows(Subject(evaluation, decision))
    assert "out of the race" in {relation(row) for row in rows}
    assert "dropped" in {reason.code for reason in decision.reasons}
    assert all(s.behind is not None and s.behind.low < 0 for s in decision.standings if s.relation == "dropped")


def test_the_race_is_judged_again_under_other_needs() -> None:
    """With a worth of a case, money decides: what was dropped for quality may still be the best buy, or not known."""
    evaluation, _ = raced(truth({"good": 0.9, "poor": 0.3}, cost={"good": 0.5, "poor": 0.0}))
    by_quality = replay(evaluation, evaluation.raced, Needs(), POLICIES[0])  # type: ignore[arg-type]
    assert by_quality.ahead.tolist() == [True, False]
    by_money = replay(evaluation, evaluation.raced, Needs(worth_of_solved=0.01), POLICIES[0])  # type: ignore[arg-type]
    assert by_money.ahead[1]


def test_a_certain_miss_of_a_latency_bar_is_out_of_the_race() -> None:
    whole = truth({"slow": 0.9, "quick": 0.8}, latency_s={"slow": 3.0, "quick": 0.1})
    needs = Needs(requirements=(Requirement(metric="p95_latency", op="<=", bar=0.8),))
    evaluation, notes = raced(whole, needs=needs)
    assert "slow is out of the race" in notes[0]
    assert "misses a requirement" in notes[0]
    assert decide(evaluation, needs).candidate == "quick"


def test_failures_are_asked_and_count_and_what_was_not_asked_is_nobodys_failure() -> None:
    """The order is fixed before; no item is passed over for one candidate because it failed there."""
    status = {"shaky": np.where(np.arange(N) % 4 == 0, Status.FAILED, Status.SCORED)}
    evaluation, _ = raced(truth({"good": 0.9, "shaky": 0.95, "poor": 0.2}, status=status))
    cases = Cases(evaluation, POLICIES[0])
    assert not cases.failed[2].any()
    share = cases.failed[1].sum() / cases.due[1].sum()
    assert 0.1 < share < 0.4


class Allowed:
    """An allowance of so many answers in all."""

    def __init__(self, n_answers: int) -> None:
        self.left = n_answers
        self.ended = False

    def affords(self, candidates, rows, *, times=1) -> bool:  # type: ignore[no-untyped-def]
        return len(candidates) * len(rows) <= self.left

    def waits_for(self, candidates, rows=None):  # type: ignore[no-untyped-def]
        return np.zeros(len(candidates), np.bool_)


def test_an_allowance_ends_the_race_with_what_is_known() -> None:
    same = np.random.default_rng(0).random(N) < 0.8
    evaluation, _ = raced(evaluation_of({"a": same, "b": same}), allowance=Allowed(300))
    decision = decide(evaluation, Needs())
    assert decision.race is not None
    assert decision.race.stopped == "budget"
    assert "budget was spent" in decision.summary
    assert (evaluation.status != Status.MISSING).sum() == 300


def test_the_first_round_keeps_to_the_allowance_too() -> None:
    evaluation, _ = raced(truth({f"m{k}": 0.8 for k in range(12)}), allowance=Allowed(30))
    assert (evaluation.status != Status.MISSING).sum() == 24


@pytest.mark.parametrize("text", ["", "five USD", "5", "5 dollars", "-3 USD", "5 m tokens", "1 token call"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no budget"):
        Budget.of(text)


@pytest.mark.parametrize("delta", [0.0, 0.5, -0.1, 2.0])
def test_an_error_probability_that_cannot_be_is_refused(delta: float) -> None:
    with pytest.raises(UsageError, match="error probability"):
        Racing(delta=delta)


def test_examples_of_one_group_are_asked_together() -> None:
    """Half a customer is no independent piece of evidence."""
    group = np.arange(N) // 4
    evaluation, _ = raced(truth({"good": 0.9, "poor": 0.3}, group=group))
    asked = evaluation.status[1] != Status.MISSING
    assert np.isin(np.bincount(group[asked], minlength=N // 4), (0, 4)).all()
    assert decide(evaluation, Needs()).candidate == "good"


def test_a_candidate_that_was_given_up_is_not_asked_any_more() -> None:
    """Its later answers are missing and were not asked for; it stays not assessed."""
    status = {"gone": np.full(N, Status.MISSING)}
    evaluation, _ = raced(truth({"a": 0.8, "gone": 0.8, "b": 0.3}, status=status))
    decision = decide(evaluation, Needs())
    assert decision.candidate == "a"
    assert decision.standing("gone").relation == "not assessed"


LICENCE = Requirement("licence", "in", values=("MIT",))


def licensed(evaluation: Evaluation, **licences: str) -> Evaluation:
    stated = (
        msgspec.structs.replace(c, metadata={"licence": licences[c.name]}) if c.name in licences else c
        for c in evaluation.candidates
    )
    return replace(evaluation, candidates=tuple(stated))


def test_who_is_ruled_out_by_what_it_says_is_not_asked_and_drops_nobody() -> None:
    """It would win, and would leave those that may be used with too little evidence."""
    whole = licensed(truth({"closed": 0.95, "good": 0.85, "poor": 0.5}), closed="closed", good="MIT", poor="MIT")
    needs = Needs(requirements=(LICENCE,))
    evaluation, _ = raced(whole, needs=needs)
    assert not (evaluation.status[0] != Status.MISSING).any()
    decision = decide(evaluation, needs)
    assert (decision.verdict, decision.candidate) == ("adopt", "good")
    assert [reason.code for reason in decision.reasons if reason.candidate == "closed"] == ["ruled-out"]
    freed = decide(evaluation, Needs())
    assert freed.standing("closed").relation == "not assessed"


def test_a_race_where_everybody_is_ruled_out_asks_nothing() -> None:
    """And none is worth it."""
    whole = licensed(truth({"a": 0.9, "b": 0.8}), a="closed", b="closed")
    needs = Needs(requirements=(LICENCE,))
    evaluation, _ = raced(whole, needs=needs)
    assert (evaluation.status == Status.MISSING).all()
    assert decide(evaluation, needs).verdict == "none worth it"


def test_a_bar_on_every_slice_races_slice_by_slice_and_a_margin_as_a_difference() -> None:
    """`worst_slice(accuracy by language)` is no floor on the accuracy."""
    tags = {"language": np.where(np.arange(N) % 3 == 0, "de", "en")}
    bars = [Requirement("accuracy", ">=", 0.8, by="language"), Requirement("accuracy", ">=", -0.02, against="a")]
    found = raced_bars(Needs(requirements=tuple(bars)), truth({"a": 0.9, "b": 0.8}, tags=tags))
    assert [(bar.slice, bar.rival, round(bar.floor, 3)) for bar in found] == [
        ("de", "", 0.8),
        ("en", "", 0.8),
        ("", "a", 0.49),
    ]


def test_a_slice_that_is_certainly_missed_takes_a_candidate_out() -> None:
    german = np.arange(N) % 3 == 0
    generator = np.random.default_rng(2)
    uneven = np.where(german, generator.random(N) < 0.3, True)
    even = generator.random(N) < 0.75
    whole = evaluation_of({"uneven": uneven, "even": even}, tags={"language": np.where(german, "de", "en")})
    needs = Needs(requirements=(Requirement("accuracy", ">=", 0.6, by="language"),))
    evaluation, notes = raced(whole, needs=needs)
    assert any("uneven is out of the race" in note and "misses a requirement" in note for note in notes)
    assert decide(evaluation, needs).candidate == "even"


def test_who_certainly_loses_too_much_under_a_perturbation_is_out() -> None:
    """Clean and perturbed rows of an example are asked together, and the drop is that of pairs."""
    perturbed = np.arange(N) % 2 == 1
    generator = np.random.default_rng(4)
    fragile = generator.random(N) < np.where(perturbed, 0.4, 0.95)
    steady = generator.random(N) < 0.8
    steady[1::2] = steady[::2]
    whole = evaluation_of(
        {"fragile": fragile, "steady": steady},
        perturbations=np.where(perturbed, "typos", ""),
        group=np.arange(N) // 2,
    )
    whole = replace(whole, examples=np.array([f"e{i // 2}" for i in range(N)]))
    needs = Needs(requirements=(Requirement("accuracy", "<=", 0.1, under="typos"),))
    evaluation, notes = raced(whole, needs=needs)
    assert any("fragile is out of the race" in note and "misses a requirement" in note for note in notes)
    assert decide(evaluation, needs).candidate == "steady"


def test_what_could_not_be_judged_is_no_miss_of_a_bar() -> None:
    """Three of ten answers unscored, nine of ten of the others right: 0.8 is not missed."""
    status = {"good": np.where(np.arange(N) % 10 < 3, Status.UNSCORED, Status.SCORED)}
    needs = Needs(requirements=(Requirement("accuracy", ">=", 0.8),))
    evaluation, notes = raced(truth({"good": 0.93, "poor": 0.5}, status=status), needs=needs)
    assert not any("good is out" in note for note in notes)
    assert decide(evaluation, needs).race.runners[0].may_be_best_ahead  # type: ignore[union-attr]


def test_an_economy_race_drops_nobody_for_one_that_may_not_meet_the_bar() -> None:
    """The best answers in time in 93 of 100: it may not be named, so it does not drop the one that may."""
    late = {"best": 0.93, "legal": 0.99}
    generator = np.random.default_rng(3)
    latency = {name: np.where(generator.random(N) < share, 0.1, 3.0) for name, share in late.items()}
    needs = Needs(requirements=(Requirement("p95_latency", "<=", 0.8),))
    evaluation, _ = raced(truth({"best": 0.95, "legal": 0.8}, latency_s=latency), Racing(mode="economy"), needs)
    race = replay(evaluation, evaluation.raced, needs, POLICIES[0])  # type: ignore[arg-type]
    assert race.ahead[1]


def test_a_dear_tail_makes_the_scale_wider_and_nobody_is_dropped_on_values_that_were_cut() -> None:
    """One call in twenty costs 8 instead of 0.01: on the whole it is three times as dear as the other."""
    wrong = 0
    for seed in range(12):
        generator = np.random.default_rng(seed)
        tail = np.where(generator.random(N) < 0.05, 8.0, 0.01)
        whole = truth({"tail": 0.9, "flat": 0.9}, seed=seed, cost={"tail": tail, "flat": 0.15})
        evaluation, _ = raced(whole, needs=Needs(worth_of_solved=1.0))
        race = replay(evaluation, evaluation.raced, Needs(worth_of_solved=1.0), POLICIES[0])  # type: ignore[arg-type]
        wrong += not race.ahead[1]
    assert wrong <= 1


def test_without_a_price_nobody_races_by_net_value() -> None:
    """An unknown price is not 0: it would drop those whose price is known."""
    whole = truth({"unknown": 0.95, "dear": 0.9, "cheap": 0.6}, cost={"dear": 0.2, "cheap": 0.1})
    needs = Needs(worth_of_solved=1.0)
    evaluation, notes = raced(whole, needs=needs)
    assert "unknown cannot race by net value without a price" in notes[0]
    assert (evaluation.status[0] == Status.MISSING).all()
    decision = decide(evaluation, needs)
    assert decision.candidate == "dear"
    assert ("unknown-price", "unknown") in {(reason.code, reason.candidate) for reason in decision.reasons}


def test_the_last_one_is_asked_all_the_rest_where_a_bar_takes_all_of_it() -> None:
    """Cost per solved case does not race: to stop early would leave it open for good."""
    rates = {"good": 0.9, "poor": 0.3}
    needs = Needs(requirements=(Requirement("cost_per_solved", "<=", 0.02),))
    evaluation, _ = raced(truth(rates, cost={"good": 0.01, "poor": 0.01}), needs=needs)
    assert (evaluation.status[0] != Status.MISSING).all()
    assert (evaluation.status[1] == Status.MISSING).sum() > N / 2
    assert decide(evaluation, needs).candidate == "good"


def test_a_race_claims_no_better_than_beyond_what_the_pair_shows() -> None:
    """On these examples one more solved decides; of future traffic that says nothing."""
    solved = {"a": np.arange(40) < 30, "b": np.arange(40) < 29}
    evaluation, _ = raced(evaluation_of(solved), Racing(target="examples"))
    decision = decide(evaluation, Needs())
    assert not [reason for reason in decision.reasons if reason.code in ("better", "worse")]
    assert "It is better than" not in decision.summary


def test_a_margin_to_a_rival_in_a_race_holds_at_every_look() -> None:
    """The race stopped on what it saw; the explanation says that they raced."""
    needs = Needs(requirements=(Requirement("accuracy", ">=", -0.2, against="fair"),))
    evaluation, _ = raced(truth({"good": 0.9, "fair": 0.6}), needs=needs)
    decision = decide(evaluation, needs)
    (found,) = decision.standing("good").requirements
    assert found.estimate is not None
    assert "time-uniform" in found.estimate.method
    assert found.met == "met"
    assert "raced" in [step.code for step in decision.steps]
