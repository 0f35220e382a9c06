"""Every measure of the labels is in the report, with an interval that holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from merits.core.evaluation import Counted, Raced
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.deciding.decide import decide
from merits.report import terminal
from merits.report.numbers import bare
from merits.report.page import render
from merits.report.sections.measures import measure_section
from merits.report.sections.mistakes import confusion_section
from merits.report.sections.subject import Subject
from merits.report.views import view
from merits.scorers.picture_sets import DIMENSIONS, fid_counts
from merits.stats import wilson
from tests.deciding.evaluations import evaluation_of, first
from tests.report.making import labelled, synthetic

AVERAGES = {
    "macro F1": ("f1_score", "macro"),
    "weighted F1": ("f1_score", "weighted"),
    "macro precision": ("precision_score", "macro"),
    "macro recall": ("recall_score", "macro"),
}


@pytest.mark.parametrize("name", AVERAGES)
def test_averages_over_classes_have_a_column_with_intervals(made, report, name):
    """Teams with rare classes decide on one of these; which, they know best."""
    import sklearn.metrics

    function, average = AVERAGES[name]
    place = report.measures.names.index(name)
    for row in report.measures.rows:
        k = made.evaluation.names.index(row.name)
        scored = made.evaluation.scored[k]
        target, predicted = made.evaluation.labels.target[scored], made.evaluation.labels.predicted[k][scored]
        expected = getattr(sklearn.metrics, function)(
            target, predicted, average=average, labels=range(10), zero_division=0
        )
        estimate = row.estimates[place]
        assert estimate.value == pytest.approx(expected)
        assert estimate.low < estimate.value < estimate.high
    assert f'<th scope="col">{name}<span class="range">higher is better</span></th>' in render(report)


def test_every_class_has_its_f1_with_an_interval_on_the_page(report):
    """Recall and precision alone leave the reader to weigh them."""
    page = render(report)
    for row in report.confusion.rows:
        expected = 2 * row.recall.value * row.precision.value / (row.recall.value + row.precision.value)
        assert row.f1.value == pytest.approx(expected)
        assert row.f1.low < row.f1.value <= row.f1.high
        shown = bare(row.f1)
        assert f'{shown.number(shown.value)}<span class="range">{shown.interval()}</span>' in page


def test_a_class_of_one_example_claims_no_certainty():
    """Found once of once is an F1 of 1, and says next to nothing."""
    target = np.array([0] * 30 + [1])
    found = confusion_section(subject(target, target))
    rare = next(row for row in found.rows if row.name == "rare")
    assert rare.f1.value == 1.0
    assert rare.f1.low is None or rare.f1.low < 0.1


def test_a_class_that_never_occurs_has_no_record():
    """Neither 0 nor 1."""
    target = np.zeros(30, int)
    found = confusion_section(subject(target, target))
    assert next(row for row in found.rows if row.name == "rare").f1 is None


@pytest.mark.parametrize("together", [1, 3])
def test_the_interval_of_an_f1_holds_the_truth_as_often_as_it_says(together):
    """On 300 draws of 120 units; with `together` rows in each unit that come out alike."""
    rng = np.random.default_rng(5)
    truth = 2 * 0.3 * 0.8 / (0.3 + 0.3 * 0.8 + 0.7 * 0.1)
    held = []
    for _ in range(300):
        target = (rng.random(120) < 0.3).astype(int)
        said = (rng.random(120) < np.where(target, 0.8, 0.1)).astype(int)
        rows = np.repeat(np.arange(120), together)
        found = confusion_section(subject(target[rows], said[rows], group=rows))
        f1 = next(row for row in found.rows if row.name == "rare").f1
        held.append(f1.low <= truth <= f1.high)
    assert 0.92 <= np.mean(held) <= 0.995


def subject(target, predicted, group=None) -> Subject:
    """One candidate on examples of a common and a rare class."""
    made = labelled(["a"], ["common", "rare"], target, [predicted], group=group)
    return Subject(made.evaluation, made.decision)


@pytest.mark.parametrize("raced", [False, True])
def test_measures_leave_out_perturbed_rows_of_which_some_were_asked_of_nobody(raced):
    """An input that could not be perturbed, in a whole run or in a race."""
    made = synthetic(120, k=2, n_classes=2)
    evaluation = made.evaluation
    perturbations = np.array(["typos 0.1" if row >= 100 else "" for row in range(120)])
    unasked = np.zeros((2, 120), bool)
    unasked[:, -3:] = True
    status = np.where(unasked, Status.MISSING, evaluation.status).astype(np.int8)
    race = Raced(
        *("certified", "examples", 0.05, 0),
        place=np.arange(120),
        rounds=np.array([120]),
        asked=np.array([120, 120]),
        stopped="exhausted",
    )
    noisy = replace(
        evaluation, perturbations=perturbations, unasked=unasked, status=status, raced=race if raced else None
    )
    found = measure_section(Subject(noisy, made.decision))
    assert found is not None
    assert {row.estimates[found.names.index("macro F1")].n for row in found.rows} == {100}


def test_further_scorers_have_their_mean_with_an_interval_and_failures_left_out():
    """ "The first decides, the others are shown": the docs promise it, and examples name two."""
    made = labelled(["one"], ["no", "yes"], [0, 1] * 20, [[0, 1] * 20])
    given = np.array([[1.0, 0.5, 0.0, 1.0] * 10])
    status = made.evaluation.status.copy()
    status[0, :4] = Status.FAILED
    evaluation = replace(made.evaluation, scores={"normalised": given}, status=status)
    section = measure_section(Subject(evaluation, made.decision))
    assert section.names[0] == "normalised"
    assert section.n_of_scorers == 1
    (estimate, *_) = section.rows[0].estimates
    assert (estimate.value, estimate.n) == (pytest.approx(given[0, 4:].mean()), 36)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.level == made.decision.level


def test_a_further_scorer_of_yes_and_no_has_the_interval_of_a_share():
    """Two columns of one report should not disagree on how sure 30 of 40 is."""
    made = labelled(["one"], ["no", "yes"], [0, 1] * 20, [[0, 1] * 20])
    evaluation = replace(made.evaluation, scores={"exact": np.array([[1.0, 1.0, 1.0, 0.0] * 10])})
    (estimate, *_) = measure_section(Subject(evaluation, made.decision)).rows[0].estimates
    assert (estimate.low, estimate.high) == pytest.approx((wilson(30, 40).low, wilson(30, 40).high))


def test_the_f1_of_words_is_not_taken_for_that_of_labels():
    """A generation has no labels, so that F1 had no record, neither in the report nor for `f1 >= 0.5`."""
    made = labelled(["one"], ["no", "yes"], [0, 1] * 20, [[0, 1] * 20])
    evaluation = replace(made.evaluation, kind="generation", labels=None, scores={"f1": np.array([[0.25, 0.75] * 20])})
    (estimate, *_) = measure_section(Subject(evaluation, made.decision)).rows[0].estimates
    assert estimate.value == pytest.approx(0.5)


def test_what_a_reader_must_know_of_a_distance_of_pictures_stands_beside_it(capsys):
    """It is no published FID, and is read as one."""
    generator = np.random.default_rng(0)
    pictures = generator.normal(0.0, 1.0, (2, 60, DIMENSIONS))
    counts = np.stack([[fid_counts(one, pictures[0, i]) for i, one in enumerate(side)] for side in pictures[::-1]])
    evaluation = replace(
        evaluation_of({"a": first(40, 60), "b": first(30, 60)}),
        counts={"fid": Counted("fid", counts), "kid": Counted("fid", counts)},
    )
    section = measure_section(Subject(evaluation, decide(evaluation, Needs())))
    assert section.lower_is_better == ("fid", "kid")
    ((remark, names),) = section.remarked().items()
    assert names == ["fid", "kid"]
    found = view(evaluation, decide(evaluation, Needs()), examples=(), answers=lambda version, keys: {})
    terminal.render(found, Console(width=300))
    for text in (render(found), capsys.readouterr().out):
        assert f"fid, kid: {remark}." in text
        assert "no published figure" in text
