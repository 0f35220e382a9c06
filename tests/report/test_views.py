"""The view holds what the outcomes say, and nothing where they say nothing."""

from __future__ import annotations

import dataclasses
import itertools

import msgspec
import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.deciding.decide import decide
from merits.report.page import render
from merits.report.sections.examples import Reply
from merits.report.views import view
from tests.report.conftest import view_of
from tests.report.making import NEEDS, Made, labelled, synthetic


def test_the_same_outcomes_make_the_same_view():
    """Reports can be compared, and a test that holds today holds tomorrow."""
    one, other = (msgspec.json.encode(view_of(synthetic(200, k=3, n_classes=2))) for _ in range(2))
    assert one == other


def test_a_view_is_plain_data(report):
    """Programs read its JSON; a NaN in it would be refused by most of them."""
    text = msgspec.json.encode(report)
    assert b"NaN" not in text
    assert msgspec.json.decode(text)["schema"] == "merits.report/1"


def test_the_named_candidate_comes_first_and_those_not_compared_last(report):
    """The reader looks for the first there."""
    assert report.verdict.candidate == report.candidates[0].name
    assert report.candidates[-1].name == "remote-large"


def test_an_unknown_price_is_named_and_never_drawn(report):
    """A missing price at 0 would win every comparison."""
    assert report.frontier.unpriced == ("remote-large",)
    assert "remote-large" not in {point.name for point in report.frontier.points}
    remote = next(row for row in report.spent.rows if row.name == "remote-large")
    assert remote.cost is None
    assert report.spent.n_unpriced == 1


def test_who_is_certainly_dominated_is_beaten_in_both_as_it_looks(report):
    """What is certain must at least be so on the examples at hand; the named one is not dominated here."""
    points = {point.name: point for point in report.frontier.points}
    dominated = [point for point in points.values() if point.place == "certainly dominated"]
    assert dominated
    for point in dominated:
        better = points[point.by]
        assert better.cost.value <= point.cost.value
        assert better.quality.value > point.quality.value
    assert points[report.verdict.candidate].place != "certainly dominated"


def test_pairs_are_counted_on_the_examples_both_were_scored_on(made, report):
    """The slow definition beside the fast product of matrices."""
    found, names = report.disagreement, made.evaluation.names
    for (i, a), (j, b) in itertools.permutations(enumerate(found.names), 2):
        k, m = names.index(a), names.index(b)
        both = made.evaluation.scored[k] & made.evaluation.scored[m]
        expected = int((made.evaluation.solved[k] & ~made.evaluation.solved[m] & both).sum())
        assert found.only[i][j] == expected
        assert found.n_pairs[i][j] == both.sum()


def test_solved_by_any_all_none_and_alone_agree_with_the_rows(made, report):
    """On the examples that all were scored on."""
    common = made.evaluation.scored.all(axis=0)
    n_solved = made.evaluation.solved[:, common].sum(axis=0)
    found = report.disagreement
    assert found.n_common == common.sum()
    assert found.by_any.value == pytest.approx((n_solved > 0).mean())
    assert found.by_all.value == pytest.approx((n_solved == 6).mean())
    assert found.by_none.value == pytest.approx((n_solved == 0).mean())
    assert sum(alone.n for alone in found.alone) == (n_solved == 1).sum()


def test_slices_add_up_to_the_whole(made, report):
    """Each slice's rate is over its rows; weighted by them they give the whole."""
    for group in report.slices.groups:
        total = sum(s.n_rows * s.rates[0].value for s in group.slices) / made.evaluation.n_rows
        assert total == pytest.approx(report.slices.overall.value)


def test_latency_shares_sum_to_one(report):
    """No answer falls off the axis."""
    for row in report.latency.rows:
        assert sum(row.shares) == pytest.approx(1, abs=1e-4)
        assert row.p05_s <= row.p50_s <= row.p95_s


def test_the_hardest_examples_show_what_everyone_said(made, report):
    """The reader judges the target himself; a failure shows its kind, not a blank."""
    first = report.hardest[0]
    assert first.n_solved <= report.hardest[-1].n_solved
    assert [reply.candidate for reply in first.replies] == [row.name for row in report.candidates]
    row = int(first.id.removeprefix("row-"))
    for reply in first.replies:
        k = made.evaluation.names.index(reply.candidate)
        assert (reply.mark == "solved") == bool(made.evaluation.solved[k, row])


def test_a_failed_answer_shows_why():
    """The word failed alone is no answer."""
    status = [[Status.SCORED, Status.SCORED], [Status.FAILED, Status.SCORED]]
    found = view_of(labelled(["a", "b"], ["x", "y"], [0, 1], [[1, 0], [0, 1]], status=status))
    example = next(example for example in found.hardest if example.id == "row-0")
    assert Reply("b", "failed", "timeout: no answer within 60 s") in example.replies
    assert found.conditions.errors[0].kind == "timeout"


def test_a_label_stands_beside_the_probability_that_it_was_given():
    """Wrong with 98 % is another mistake than wrong with 51 %, and often a wrong target."""
    made = labelled(["a", "b"], ["x", "y"], [0, 1], [[1, 0], [0, 1]])
    sure = {
        key: Answer(output=a.output, probabilities={"x": 0.02, "y": 0.98}) for key, a in made.said["version-0"].items()
    }
    found = view_of(dataclasses.replace(made, said={**made.said, "version-0": sure}))
    example = next(example for example in found.hardest if example.id == "row-0")
    assert [reply.probability for reply in example.replies if reply.candidate == "a"] == [0.98]
    assert [reply.probability for reply in example.replies if reply.candidate == "b"] == [None]
    assert 'y <span class="soft">98 %</span>' in render(found)


def test_answers_are_asked_for_only_where_they_are_shown(made):
    """A store of a million answers is not read for ten examples."""
    asked = []

    def answers(version, keys):
        asked.append(len(keys))
        return made.answers(version, keys)

    evaluation = dataclasses.replace(made.evaluation, labels=None, kind="generation")
    view(evaluation, made.decision, examples=made.examples, answers=answers)
    assert max(asked) <= 20
    assert len(asked) <= 20


def test_wrong_answers_of_one_class_are_counted_in_the_matrix(made, report):
    """The matrix is of the candidate in focus."""
    labels, k = made.evaluation.labels, made.evaluation.names.index(report.confusion.candidate)
    assert np.array(report.confusion.matrix).sum() == made.evaluation.scored[k].sum()
    assert report.confusion.matrix[3][7] == ((labels.target == 3) & (labels.predicted[k] == 7)).sum()


def test_more_than_twenty_classes_give_pairs_instead_of_a_matrix():
    """A grid of 77 by 77 cells is a blur."""
    found = view_of(synthetic(600, k=2, n_classes=35)).confusion
    assert found.matrix == ()
    assert found.pairs[0].n >= found.pairs[-1].n > 0


def test_measures_have_intervals_around_their_values(report):
    """No naked numbers."""
    estimates = [e for row in report.measures.rows for e in row.estimates if e is not None]
    assert len(estimates) > 10
    assert all(e.low <= e.value <= e.high for e in estimates)


def test_measures_of_many_rows_are_over_all_of_them():
    """The value is that of all rows, the interval that of a sample narrowed: it must hold the value of all."""
    made = synthetic(6_000, k=2, n_classes=2)
    found = view_of(made).measures
    for row in found.rows:
        k = made.evaluation.names.index(row.name)
        estimate = row.estimates[found.names.index("macro F1")]
        target, predicted = made.evaluation.labels.target, made.evaluation.labels.predicted[k]
        from sklearn.metrics import f1_score

        assert estimate.value == pytest.approx(f1_score(target, predicted, average="macro"))
        assert estimate.n == 6_000
        assert 0.005 < estimate.high - estimate.low < 0.05


def generation(made: Made) -> Made:
    """The same outcomes without classes."""
    evaluation = dataclasses.replace(made.evaluation, kind="generation", labels=None)
    return dataclasses.replace(made, evaluation=evaluation, decision=decide(evaluation, made.decision.needs))


def test_sections_without_data_are_left_out_with_a_reason(made):
    """Nothing is drawn empty."""
    bare = dataclasses.replace(generation(made).evaluation, tags={}, latency_s=np.zeros_like(made.evaluation.latency_s))
    found = view_of(dataclasses.replace(made, evaluation=bare, decision=decide(bare, NEEDS)))
    assert found.confusion is found.curves is found.measures is found.slices is found.latency is None
    left_out = {left.section for left in found.left_out}
    no_classes = {"Mistakes by class", "Measures", "Ranking and calibration"}
    assert left_out == no_classes | {"Latency", "Slices", "Asked again", "Robustness"}


def test_a_candidate_that_was_never_scored_is_shown_without_figures():
    """It is part of the story, with no numbers to its name."""
    status = np.full((2, 30), Status.SCORED)
    status[1] = Status.FAILED
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 30)
    found = view_of(labelled(["good", "dead"], ["x", "y"], target, [target, target], status=status))
    assert found.candidates[-1].name == "dead"
    assert found.candidates[-1].standing.n_failed == 30
    assert found.disagreement is None


@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiny_evaluations_have_a_report_too(n):
    """The first try of a new user."""
    target = np.arange(n) % 2
    found = view_of(labelled(["a", "b"], ["x", "y"], target, [target, 1 - target], needs=Needs()))
    assert found.verdict.headline
    assert [row.standing.quality.value for row in found.candidates] == [1.0, 0.0]


def test_nothing_scored_at_all_has_a_report():
    """Saying so is the report."""
    status = np.full((2, 5), Status.FAILED)
    found = view_of(labelled(["a", "b"], ["x", "y"], [0] * 5, [[0] * 5] * 2, status=status))
    assert found.verdict.verdict == "undecided"
    assert found.hardest == ()


def test_dev_examples_are_marked_as_no_ground_for_a_decision():
    """Tuned on them, candidates look better than they are."""
    made = synthetic(60, k=2, n_classes=2)
    evaluation = dataclasses.replace(made.evaluation, split="dev")
    found = view_of(dataclasses.replace(made, evaluation=evaluation, decision=decide(evaluation)))
    assert "not for deciding" in found.verdict.caution


def test_small_costs_are_given_for_more_cases(report):
    """0.00000202 of a dollar means nothing to anybody."""
    assert report.units.solved == 1_000
    assert report.frontier.n_cases == 1_000
    figure = next(figure for figure in report.verdict.figures if "solved case" in figure.label)
    assert figure.label == "cost of 1,000 solved cases"
    named = report.candidates[0].standing
    assert figure.estimate.value == pytest.approx(1_000 * named.cost_per_solved.value)


def test_an_answer_that_several_rows_share_is_billed_once():
    """Examples with the same input are asked once, and the bill says so; what a case costs stays per case."""
    made = synthetic(100, k=2, n_classes=2)
    evaluation = dataclasses.replace(
        made.evaluation,
        input_hashes=np.repeat([f"{n:032x}" for n in range(50)], 2),
        cost=np.full(made.evaluation.cost.shape, 0.01),
        priced=np.ones(2, np.bool_),
        status=np.full(made.evaluation.status.shape, Status.SCORED, np.int8),
    )
    spent = view_of(dataclasses.replace(made, evaluation=evaluation)).spent
    assert [round(row.cost, 6) for row in spent.rows] == [0.5, 0.5]
    assert [row.n_scored for row in spent.rows] == [100, 100]
