"""What changed from one evaluation to another: who pairs with whom, what is claimed, and what is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import ArrayLike

from merits.core.errors import DataError
from merits.core.evaluation import Evaluation
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.changes import Change, changes
from merits.deciding.gate import Gate, judge_gate, margin_of
from merits.deciding.pairing import Side, pair
from merits.stats.paired import bonett_price, mcnemar_mid_p
from tests.deciding.evaluations import evaluation_of, first


def renamed(evaluation: Evaluation, ids: ArrayLike, inputs: ArrayLike | None = None) -> Evaluation:
    """The evaluation with other example ids, and other inputs if given."""
    hashes = evaluation.input_hashes if inputs is None else np.asarray(inputs, dtype=np.str_)
    return dataclasses.replace(evaluation, examples=np.asarray(ids, dtype=np.str_), input_hashes=hashes)


def side(evaluation: Evaluation, label: str = "model") -> Side:
    return Side(label, evaluation, 0)


def changed(old: ArrayLike, new: ArrayLike, **more: object) -> Change:
    """From one row of outcomes to another, in evaluations of their own."""
    before, after = (evaluation_of({"model": solved}, **more) for solved in (old, new))  # type: ignore[arg-type]
    return changes(side(before, "old"), [side(after, "new")])[0]


def repeated(shares: ArrayLike, repeats: int) -> Evaluation:
    """Each example asked several times, solved in so many of them."""
    wins = np.asarray(shares)
    n = len(wins)
    solved = np.concatenate([wins > repeat for repeat in range(repeats)])
    names = [f"e{i}" for i in range(n)] * repeats
    inputs = [f"h{i}" for i in range(n)] * repeats
    evaluation = evaluation_of({"model": solved}, group=np.tile(np.arange(n), repeats))
    return dataclasses.replace(renamed(evaluation, names, inputs), repeats=np.repeat(np.arange(repeats), n))


# who pairs with whom


def test_examples_pair_by_id_and_input_in_whatever_order_they_are() -> None:
    old = evaluation_of({"model": first(2, 4)})
    new = renamed(evaluation_of({"model": first(2, 4)}), ["e3", "e2", "e1", "e0"], ["h3", "h2", "h1", "h0"])
    (change,) = changes(side(old), [side(new)])
    assert change.pairing.n_paired == 4
    assert [flip.example for flip in change.lost] == ["e0", "e1"]
    assert [flip.example for flip in change.gained] == ["e2", "e3"]


def test_examples_with_other_ids_pair_by_their_input() -> None:
    """Another tool numbers them in its own way."""
    old = evaluation_of({"model": first(2, 4)})
    new = renamed(old, ["1", "2", "3", "4"])
    assert pair(side(old), side(new)).counts.by == "input"
    assert pair(side(old), side(new)).counts.n_paired == 4


def test_examples_without_a_known_input_pair_by_their_id() -> None:
    """A table of scores knows no inputs."""
    old = evaluation_of({"model": first(2, 4)})
    new = renamed(old, ["e0", "e1", "x", "y"], ["", "", "", ""])
    counts = pair(side(old), side(new)).counts
    assert (counts.n_paired, counts.n_only_first, counts.n_only_second, counts.by) == (2, 2, 2, "example id")
    assert pair(side(new), side(old)).counts.n_paired == 2


def test_an_example_whose_input_has_changed_is_not_compared() -> None:
    """The same id with another question is another example, and it is said."""
    old = evaluation_of({"model": first(2, 4)})
    new = renamed(old, old.examples, ["h0", "h1", "h2", "changed"])
    (change,) = changes(side(old), [side(new)])
    assert (change.pairing.n_paired, change.pairing.n_changed) == (3, 1)
    assert any("another input by now" in caution for caution in change.cautions)


def test_nothing_in_common_is_an_error_that_shows_both_sides() -> None:
    old = evaluation_of({"model": first(2, 4)})
    new = renamed(old, ["x0", "x1", "x2", "x3"], ["i0", "i1", "i2", "i3"])
    with pytest.raises(DataError, match=r"no example in common: the first has e0, e1, e2, …; the second x0, x1"):
        changes(side(old), [side(new)])


def test_runs_with_different_numbers_of_repeats_can_be_compared() -> None:
    """Repeats are averaged first: three lucky answers are not three examples."""
    once, thrice = repeated([1, 1, 0, 0] * 20, 1), repeated([3, 2, 1, 0] * 20, 3)
    (change,) = changes(side(once), [side(thrice)])
    assert change.n_compared == 80
    assert change.difference.n == 80
    assert change.difference.value == pytest.approx(0.0)
    assert change.second.n_repeated == 80
    assert len(change.second.flaky) == 40
    assert change.first.flaky == ()


# what is claimed


def test_a_difference_has_its_interval_and_the_mid_p_value() -> None:
    """The interval is Bonett and Price's with t, so a little wider than with z."""
    row = np.arange(200)
    change = changed(row < 100, (row >= 10) & (row < 135))
    z = bonett_price(35, 10, 200)
    assert change.difference.value == pytest.approx(0.125)
    assert change.difference.low is not None
    assert z.low is not None
    assert z.low - 0.01 < change.difference.low < z.low
    assert change.p_value == pytest.approx(mcnemar_mid_p(35, 10))
    assert change.verdict == "better"
    assert (len(change.lost), len(change.gained)) == (10, 35)


def test_identical_outcomes_cannot_be_told_apart() -> None:
    change = changed(first(60, 100), first(60, 100))
    assert change.verdict == "cannot be told apart"
    assert change.p_value == 1.0
    assert change.difference.low is not None
    assert change.difference.low < 0.0
    assert change.settle.startswith("No number of examples")


def test_a_small_difference_says_how_many_more_examples_would_settle_it() -> None:
    change = changed(first(60, 100), first(64, 100))
    assert change.verdict == "cannot be told apart"
    assert change.settle.startswith("About ")
    assert "more examples would tell them apart" in change.settle


def test_where_failures_decide_nothing_is_claimed() -> None:
    """30 timeouts are not 30 wrong answers."""
    old = evaluation_of({"model": np.ones(100, dtype=bool)})
    status = np.where(np.arange(100) < 30, Status.FAILED, Status.SCORED)
    new = evaluation_of({"model": np.ones(100, dtype=bool)}, status={"model": status})
    (change,) = changes(side(old), [side(new)])
    assert change.verdict == "cannot be told apart"
    assert change.difference_answered is not None
    assert "only what failed is asked again" in change.settle
    assert {flip.now for flip in change.lost} == {"failed"}


def test_where_everything_failed_nothing_is_claimed() -> None:
    old = evaluation_of({"model": np.ones(50, dtype=bool)})
    new = evaluation_of({"model": np.zeros(50, dtype=bool)}, status={"model": np.full(50, Status.FAILED)})
    assert changes(side(old), [side(new)])[0].verdict == "cannot be told apart"


def test_what_another_tool_did_not_get_to_is_missing_and_not_failed() -> None:
    """An unfinished run with one error did not fail on all that it never asked."""
    status = np.where(np.arange(50) < 25, Status.SCORED, Status.MISSING)
    status[0] = Status.FAILED
    old = evaluation_of({"model": np.ones(50, dtype=bool)})
    new = evaluation_of({"model": np.ones(50, dtype=bool)}, status={"model": status})
    imported = dataclasses.replace(new, facts={"tool": "Inspect"})
    (change,) = changes(side(old), [side(imported)])
    assert (change.n_compared, change.second.n_failed, change.second.n_missing) == (25, 1, 25)


def test_what_was_not_judged_is_in_no_figure() -> None:
    old = evaluation_of({"model": np.ones(50, dtype=bool)})
    status = np.where(np.arange(50) < 20, Status.UNSCORED, Status.SCORED)
    new = evaluation_of({"model": np.ones(50, dtype=bool)}, status={"model": status})
    (change,) = changes(side(old), [side(new)])
    assert change.n_compared == 30
    assert change.lost == ()
    assert any("20 examples: not judged" in caution for caution in change.cautions)


def test_the_more_are_compared_the_more_it_takes() -> None:
    """Nine others against the first are nine chances for luck."""
    row = np.arange(200)
    old = evaluation_of({"model": row < 100})
    new = evaluation_of({"model": row < 106})
    alone = changes(side(old), [side(new)])[0]
    among = changes(side(old), [side(new), *[side(old)] * 8])[0]
    assert among.p_value > alone.p_value
    assert among.difference.low is not None
    assert alone.difference.low is not None
    assert among.difference.low < alone.difference.low


def test_graded_scores_are_compared_by_their_mean() -> None:
    """Where nobody said from which score on a case is solved."""
    generator = np.random.default_rng(0)
    scores = generator.uniform(0.2, 0.8, 200)
    graded = dataclasses.replace(
        evaluation_of({"model": np.zeros(200, dtype=bool)}), value=scores[None], facts={"measure": "score"}
    )
    better = dataclasses.replace(graded, value=scores[None] + 0.1)
    (change,) = changes(side(graded), [side(better)])
    assert change.measure == "score"
    assert change.difference.value == pytest.approx(0.1)
    assert change.verdict == "better"
    assert change.p_method.startswith("paired permutation")


def test_groups_are_one_piece_of_evidence_on_whichever_side_they_are_known() -> None:
    row = np.arange(100)
    plain, grouped = evaluation_of({"model": row < 50}), evaluation_of({"model": row < 60}, group=row // 10)
    for old, new in ((plain, grouped), (grouped, plain)):
        (change,) = changes(side(old), [side(new)])
        assert change.difference.n == 10
        assert "between groups" in change.difference.method


def test_slices_that_lose_are_named_and_the_others_are_not() -> None:
    topic = np.repeat(["fraud", "sales", "spare"], [60, 140, 5])
    row = np.arange(205)
    change = changed(row >= 0, row >= 40, tags={"topic": topic, "id": [f"{i}" for i in row]})
    assert [(s.value, s.verdict) for s in change.slices] == [("fraud", "loses"), ("sales", "cannot be told")]
    assert change.n_slices == 2
    assert change.slices[0].difference.level == pytest.approx(0.975)


def test_costs_and_latencies_are_paired_and_unknown_ones_stay_unknown() -> None:
    n = 50
    old = evaluation_of({"model": first(25, n)}, cost={"model": 0.01}, latency_s={"model": 0.2})
    new = evaluation_of({"model": first(25, n)}, cost={"model": 0.03}, latency_s={"model": np.linspace(0.2, 0.4, n)})
    (change,) = changes(side(old), [side(new)])
    assert change.cost is not None
    assert change.cost.value == pytest.approx(0.02)
    assert change.latency_s is not None
    assert change.latency_s.value == pytest.approx(0.1)
    unpriced = evaluation_of({"model": first(25, n)}, latency_s={"model": 0.0})
    (change,) = changes(side(old), [side(unpriced)])
    assert change.cost is None
    assert change.latency_s is None


def test_another_scorer_is_said() -> None:
    old = evaluation_of({"model": first(5, 10)})
    (change,) = changes(side(old), [side(dataclasses.replace(old, scorer="judge"))])
    assert any("judged differently" in caution for caution in change.cautions)


# the gate


def gated(old: ArrayLike, new: ArrayLike, *, margin: float, needs: Needs | None = None, **more: object) -> Gate:
    before = evaluation_of({"model": old})
    after = evaluation_of({"model": new}, **more)  # type: ignore[arg-type]
    return judge_gate(side(after, "new"), side(before, "old"), needs or Needs(), margin=margin, confidence=0.95)


@pytest.mark.parametrize(
    ("n", "solved", "outcome"), [(2000, 1600, "passed"), (2000, 1500, "failed"), (60, 48, "inconclusive")]
)
def test_a_gate_looks_at_the_bound_of_the_difference(n: int, solved: int, outcome: str) -> None:
    """The same difference of nothing passes on 2,000 examples, and on 60 is not known."""
    gate = gated(first(int(n * 0.8), n), first(solved, n), margin=0.01)
    assert gate.outcome == outcome
    assert bool(gate.next_step) == (outcome == "inconclusive")


def test_a_gate_that_is_open_says_how_many_examples_would_close_it() -> None:
    gate = gated(first(48, 60), first(48, 60), margin=0.02)
    assert "more examples would settle it" in gate.next_step


def test_a_requirement_that_is_missed_fails_a_gate() -> None:
    needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.9),))
    gate = gated(first(1600, 2000), first(1600, 2000), margin=0.05, needs=needs)
    assert gate.outcome == "failed"
    assert [check.outcome for check in gate.checks] == ["passed", "failed"]


def test_a_requirement_that_is_not_yet_known_leaves_a_gate_open() -> None:
    needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.8),))
    gate = gated(first(1600, 2000), first(1600, 2000), margin=0.05, needs=needs)
    assert gate.outcome == "inconclusive"


def test_854_errors_in_861_rows_are_inconclusive() -> None:
    """Neither a regression nor a pass: almost nothing was answered."""
    status = np.where(np.arange(861) < 854, Status.FAILED, Status.SCORED)
    gate = gated(first(861, 861), first(861, 861), margin=0.01, status={"model": status})
    assert gate.outcome == "inconclusive"
    assert "depends on what failed" in gate.checks[0].text


def test_too_much_that_could_not_be_judged_is_inconclusive() -> None:
    """A judge that was down for a third of the examples says nothing about that third."""
    status = np.where(np.arange(3000) < 1000, Status.UNSCORED, Status.SCORED)
    gate = gated(first(3000, 3000), first(3000, 3000), margin=0.05, status={"model": status})
    assert gate.outcome == "inconclusive"
    assert "that is too many" in gate.checks[1].text


def test_the_baseline_stands_in_for_a_candidate_that_was_not_evaluated() -> None:
    """A CI machine evaluates one candidate: "non-inferior to incumbent" is then the question to the baseline."""
    rival = Requirement(metric="accuracy", op=">=", bar=-0.01, against="incumbent")
    needs = Needs(requirements=(rival,), incumbent="old")
    gate = gated(first(1600, 2000), first(1600, 2000), margin=margin_of(needs), needs=needs)
    assert [(check.name, check.outcome) for check in gate.checks] == [("not inferior", "passed")]
    assert gate.margin == 0.01


def test_a_gate_without_a_baseline_looks_at_the_requirements_alone() -> None:
    needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.5),))
    candidate = side(evaluation_of({"model": first(80, 100)}), "new")
    gate = judge_gate(candidate, None, needs, margin=0.01, confidence=0.95)
    assert gate.outcome == "passed"
    assert gate.change is None


def test_what_was_never_judged_is_inconclusive() -> None:
    candidate = side(evaluation_of({"model": first(0, 9)}, status={"model": np.full(9, Status.FAILED)}), "new")
    assert judge_gate(candidate, None, Needs(), margin=0.01, confidence=0.95).outcome == "inconclusive"
