"""The measures of a column of predictions agree with their definitions, and are silent where they mean nothing."""

from __future__ import annotations

import numpy as np
import pytest

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation, Labels
from merits.core.outcome import Status
from merits.scorers import corpus

CLASSES = ("ham", "spam", "worm")


def evaluation(target, predicted, probabilities=None, status=None, confidence=None, classes=CLASSES):
    """An evaluation of one candidate with these codes."""
    n = len(target)
    status = np.full(n, Status.SCORED) if status is None else np.array(status)
    zeros, texts = np.zeros((1, n)), np.array([str(i) for i in range(n)])
    given = {} if probabilities is None else {0: np.array(probabilities, dtype=np.float32)}
    predicted = np.array([predicted], dtype=np.int32)
    return Evaluation(
        task="t",
        task_name="t",
        kind="classification",
        split="test",
        candidates=(Candidate(name="a", kind="k"),),
        versions=("v",),
        scorer="label",
        examples=texts,
        input_hashes=texts,
        repeats=np.zeros(n, dtype=np.int32),
        perturbations=np.array([""] * n),
        group=np.arange(n, dtype=np.int32),
        tags={},
        status=status.astype(np.int8)[None],
        value=zeros,
        solved=predicted == np.array(target),
        scores={},
        latency_s=zeros,
        machine_s=zeros,
        tokens={},
        attempts=np.ones((1, n), dtype=np.int32),
        cost=zeros,
        priced=np.array([False]),
        currency="USD",
        labels=Labels(classes, np.array(target, dtype=np.int32), predicted, given),
        confidence={} if confidence is None else {0: np.array(confidence)},
    )


TARGET = [0, 0, 0, 1, 1, 2]
PREDICTED = [0, 0, 1, 1, -1, 2]


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("accuracy", "", 4 / 6),
        ("recall", "ham", 2 / 3),
        ("precision", "ham", 1.0),
        ("recall", "spam", 1 / 2),
        ("precision", "spam", 1 / 2),
        ("f1", "spam", 1 / 2),
        ("f1", "ham", 0.8),
        ("macro_f1", "", (0.8 + 0.5 + 1) / 3),
        ("macro_recall", "", (2 / 3 + 1 / 2 + 1) / 3),
        ("macro_precision", "", (1 + 1 / 2 + 1) / 3),
        ("weighted_f1", "", (3 * 0.8 + 2 * 0.5 + 1 * 1) / 6),
    ],
)
def test_measures_of_labels_by_hand(name, of, expected):
    """An off-list prediction is wrong, and no class's false positive."""
    assert corpus.metric(evaluation(TARGET, PREDICTED), 0, name, of) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("name", "part"), [("precision", 0), ("recall", 1), ("f1", 2)])
def test_averages_over_classes_are_those_of_scikit_learn(name, part, seed):
    """With classes that never occur, that are never said, and answers that name none."""
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(seed)
    classes = tuple("abcdefghij"[: 2 + seed % 8])
    n = int(rng.integers(1, 60))
    target, predicted = rng.integers(0, len(classes), n), rng.integers(-1, len(classes), n)
    present = sorted({*target, *predicted} - {-1})
    for average in ("macro", "weighted"):
        if f"{average}_{name}" in corpus.METRICS:
            expected = precision_recall_fscore_support(
                target, predicted, labels=present, average=average, zero_division=0.0
            )[part]
            found = corpus.metric(evaluation(target, predicted, classes=classes), 0, f"{average}_{name}")
            assert found == pytest.approx(expected)


def test_only_scored_rows_with_a_target_count():
    """A failed row is not a wrong one, and a row without target cannot be measured."""
    status = [Status.SCORED] * 3 + [Status.FAILED, Status.UNSCORED, Status.SCORED]
    found = corpus.metric(evaluation([0, 0, 0, 1, 1, -1], PREDICTED, status=status), 0, "accuracy")
    assert found == pytest.approx(2 / 3)


def test_log_loss_by_its_definition():
    """The mean of -log of the target's probability; rows are brought to sum 1 and rows without any are left out."""
    probabilities = [[0.7, 0.2, 0.1], [0.5, 0.25, 0.25], [2, 1, 1], [0, 0, 0], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]
    expected = -np.mean(np.log([0.7, 0.5, 0.5, 0.8, 0.4]))
    assert corpus.metric(evaluation(TARGET, PREDICTED, probabilities), 0, "log_loss") == pytest.approx(expected)


def test_roc_auc_is_the_share_of_pairs_in_the_right_order():
    """Ties count half (Hanley & McNeil 1982); with two classes the second is the positive one."""
    rng = np.random.default_rng(1)
    target, score = rng.integers(0, 2, 60), np.round(rng.random(60), 1)
    found = corpus.metric(evaluation(target, target, np.c_[1 - score, score], classes=("no", "yes")), 0, "roc_auc")
    pairs = score[target == 1][:, None] - score[target == 0][None]
    assert found == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)), abs=1e-6)


def test_with_more_classes_the_area_is_the_mean_of_each_against_the_rest():
    """Over the classes that occur; `of` names one."""
    rng = np.random.default_rng(2)
    target = rng.integers(0, 2, 50)  # "worm" never occurs
    column = evaluation(target, target, rng.dirichlet(np.ones(3), 50))
    for name in ("roc_auc", "pr_auc"):
        each = [corpus.metric(column, 0, name, of) for of in ("ham", "spam")]
        assert corpus.metric(column, 0, name) == pytest.approx(np.mean(each))
        assert corpus.metric(column, 0, name, "worm") is None


def test_calibration_error_by_its_definition():
    """The gap between confidence and share of right answers, weighted by the rows of each bin."""
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(3), 400)
    predicted = probabilities.argmax(axis=1)
    target = np.where(rng.random(400) < 0.6, predicted, rng.integers(0, 3, 400))
    confidence, right = probabilities.max(axis=1).astype(np.float32), predicted == target
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    column = evaluation(target, predicted, probabilities)
    assert corpus.metric(column, 0, "ece") == pytest.approx(expected, abs=1e-6)
    curve = corpus.calibration(corpus.rows_of(column, 0))
    assert sum(curve.n) == 400
    assert len(curve.x) == len(curve.y) == len(curve.n)


def test_a_candidate_that_gives_only_its_confidence_is_calibrated_too():
    """A chat model may say how sure it is, without a probability for each class."""
    column = evaluation(TARGET, PREDICTED, confidence=[0.9, 0.9, 0.9, 0.9, 0.9, 0.0])
    assert corpus.metric(column, 0, "ece") == pytest.approx(0.9 - 3 / 5)
    assert corpus.metric(column, 0, "log_loss") is None


@pytest.mark.parametrize("name", ["log_loss", "roc_auc", "pr_auc", "ece"])
def test_without_probabilities_there_is_no_record(name):
    """Never 0 and never NaN."""
    assert corpus.metric(evaluation(TARGET, PREDICTED), 0, name) is None


@pytest.mark.parametrize("n_classes", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_small_and_odd_data_give_a_number_or_none_and_no_warning(n, n_classes):
    """scikit-learn warns in many corners; a user must see none of it."""
    rng = np.random.default_rng(n)
    classes = tuple("abcde"[:n_classes])
    target, predicted = rng.integers(0, n_classes, n), rng.integers(-1, n_classes, n)
    column = evaluation(target, predicted, rng.dirichlet(np.ones(n_classes), n), classes=classes)
    values = [corpus.metric(column, 0, name) for name in corpus.METRICS]
    values += [corpus.metric(column, 0, name, of) for name in corpus.PER_CLASS for of in classes]
    assert all(value is None or np.isfinite(value) for value in values)
    rows = corpus.rows_of(column, 0)
    assert corpus.confusion(rows).sum() == n
    assert sum(measures.n_target for measures in corpus.per_class(rows)) == n
    for curve in (corpus.roc(rows), corpus.precision_recall(rows), corpus.calibration(rows)):
        assert curve is None or (np.isfinite(curve.y).all() and np.all(np.diff(curve.x) >= 0))


def test_the_confusion_matrix_has_a_column_for_answers_off_the_list():
    """They are somebody's mistakes and must not vanish."""
    matrix = corpus.confusion(corpus.rows_of(evaluation(TARGET, PREDICTED), 0))
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]


def test_nothing_scored_means_no_record():
    """A candidate that could never be asked."""
    column = evaluation(TARGET, PREDICTED, status=[Status.FAILED] * 6)
    assert corpus.rows_of(column, 0) is None
    assert corpus.metric(column, 0, "accuracy") is None


def test_unknown_names_say_which_there_are():
    """A requirement with a wrong name is mended from the message."""
    with pytest.raises(KeyError, match="there are accuracy, ece, f1"):
        corpus.metric(evaluation(TARGET, PREDICTED), 0, "acuracy")
    with pytest.raises(KeyError, match="there are ham, spam, worm"):
        corpus.metric(evaluation(TARGET, PREDICTED), 0, "recall", "eggs")


def test_every_measure_of_a_set_of_rows_is_defined_for_its_own_rows():
    """A roc curve's area, by the trapezoid rule over its hundred points, is near the area reported."""
    rng = np.random.default_rng(4)
    target = rng.integers(0, 2, 2000)
    score = np.clip(target * 0.3 + rng.random(2000) * 0.7, 0, 1)
    column = evaluation(target, target, np.c_[1 - score, score], classes=("no", "yes"))
    curve = corpus.roc(corpus.rows_of(column, 0))
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(corpus.metric(column, 0, "roc_auc"), abs=0.005)


def test_what_was_asked_under_a_perturbation_is_no_measure_of_the_task():
    """Else a candidate that does badly in noise would look bad at the task itself."""
    from dataclasses import replace

    column = evaluation([0, 1, 0, 1], [0, 1, 1, 0])
    perturbed = replace(column, perturbations=np.array(["", "", "typos 0.1", "typos 0.1"]))
    assert corpus.metric(column, 0, "accuracy") == 0.5
    assert corpus.metric(perturbed, 0, "accuracy") == 1.0
    assert corpus.measurable(perturbed, 0).tolist() == [True, True, False, False]
