"""Measures of a whole column of predictions, as scikit-learn defines them.

What is a count of labels is counted here, because importing scikit-learn takes two seconds of CPU and 130 MB, which a
run of remote models would notice; what ranks or bins probabilities is scikit-learn's. The tests hold both together.

Knows nothing about candidates' names, money or what is good enough. Where a measure is not defined (one class only,
no probabilities) the answer is None, "no record"; it is never NaN or 0. A prediction of -1 names no class of the
task: it counts as wrong, and as no class's prediction. Rows whose target is -1 are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.evaluation import Evaluation, Labels

__all__ = [
    "METRICS",
    "PER_CLASS",
    "ClassMeasures",
    "Curve",
    "Metric",
    "Rows",
    "calibration",
    "confusion",
    "measurable",
    "metric",
    "per_class",
    "precision_recall",
    "roc",
    "rows_of",
]

Codes: TypeAlias = NDArray[np.integer]
Probabilities: TypeAlias = NDArray[np.floating]
Metric: TypeAlias = Callable[[Codes, Codes, Probabilities | None, Sequence[str]], float | None]
PerClass: TypeAlias = Callable[[Codes, Codes, Probabilities | None, int], float | None]

_BINS = 15  # of the calibration error, as in Guo et al. 2017
_POINTS = 101  # of a drawn curve: one per hundredth of the axis


class Curve(msgspec.Struct, frozen=True):
    """A line to draw: `x` rises or stays, `n` counts the rows behind each point where that is meaningful."""

    x: list[float]
    y: list[float]
    n: list[int] = []


class ClassMeasures(msgspec.Struct, frozen=True):
    """What one class came to, as counts, so that whoever shows a rate can give its interval."""

    name: str
    n_target: int
    n_predicted: int
    n_right: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Rows:
    """The rows of one candidate that can be measured: scored, and with a known target.

    `probabilities` has only the rows `with_probabilities` (an index into the others), or is None.
    """

    target: Codes
    predicted: Codes
    probabilities: Probabilities | None
    with_probabilities: NDArray[np.intp]
    confidence: NDArray[np.float64] | None
    classes: tuple[str, ...]


def rows_of(evaluation: Evaluation, k: int) -> Rows | None:
    """The measurable rows of candidate `k`; None when the task has no labels or the candidate no such row."""
    labels = evaluation.labels
    if labels is None:
        return None
    chosen = measurable(evaluation, k)
    if not chosen.any():
        return None
    probabilities, given = _given(labels, k, chosen)
    confidence = evaluation.confidence.get(k)
    return Rows(
        target=labels.target[chosen],
        predicted=labels.predicted[k][chosen],
        probabilities=probabilities,
        with_probabilities=given,
        confidence=None if confidence is None else np.asarray(confidence[chosen], dtype=np.float64),
        classes=labels.classes,
    )


def measurable(evaluation: Evaluation, k: int) -> NDArray[np.bool_]:
    """Where candidate `k` can be measured, shape (rows,): scored, with a known target, on examples as they are.

    What was asked under a perturbation is no measure of the task.
    """
    known = np.zeros(evaluation.n_rows, bool) if evaluation.labels is None else evaluation.labels.target >= 0
    return np.asarray(evaluation.scored[k] & known & (evaluation.perturbations == ""))


def _given(labels: Labels, k: int, chosen: NDArray[np.bool_]) -> tuple[Probabilities | None, NDArray[np.intp]]:
    if k not in labels.probabilities:
        return None, np.empty(0, dtype=np.intp)
    probabilities = labels.probabilities[k][chosen]
    given = np.flatnonzero(probabilities.sum(axis=1) > 0)
    return (probabilities[given] if len(given) else None), given


def metric(evaluation: Evaluation, k: int, name: str, of: str = "") -> float | None:
    """One measure of candidate `k` over its scored rows; None where there is no record of it.

    `of` names a class: "precision", "recall" and "f1" need one, "roc_auc" and "pr_auc" may have one. Measures of
    probabilities use the rows that have them. KeyError for a name that is not in `METRICS` or `PER_CLASS`, and for a
    class that the task does not have.
    """
    if name not in METRICS and name not in PER_CLASS:
        raise KeyError(f"no measure {name!r}; there are {', '.join(sorted({*METRICS, *PER_CLASS}))}")
    rows = rows_of(evaluation, k)
    if rows is None:
        return None
    if name == "ece" and rows.probabilities is None:
        return _ece_of_confidence(rows)
    of_probabilities = name in _OF_PROBABILITIES
    chosen = rows.with_probabilities if of_probabilities else slice(None)
    target, predicted = rows.target[chosen], rows.predicted[chosen]
    probabilities = rows.probabilities if of_probabilities else None
    if of:
        if of not in rows.classes:
            raise KeyError(f"no class {of!r}; there are {', '.join(rows.classes)}")
        return PER_CLASS[name](target, predicted, probabilities, rows.classes.index(of))
    return METRICS[name](target, predicted, probabilities, rows.classes)


# Measures of the labels ------------------------------------------------------------------------------------------


def _accuracy(
    target: Codes, predicted: Codes, probabilities: Probabilities | None, classes: Sequence[str]
) -> float | None:
    return float(np.mean(target == predicted)) if len(target) else None


def _average(part: int, *, weighted: bool = False) -> Metric:
    """The mean of precision (part 0), recall (1) or F1 (2) over the classes that occur as target or prediction.

    Counted here, as scikit-learn's `precision_recall_fscore_support` with zero_division=0 defines it: an interval
    takes such a mean many times, and that function spends over a millisecond on looking at its arguments.
    """

    def measure(
        target: Codes, predicted: Codes, probabilities: Probabilities | None, classes: Sequence[str]
    ) -> float | None:
        if not len(target):
            return None
        n_target, n_said, n_right = (
            np.bincount(codes[codes >= 0], minlength=len(classes))
            for codes in (target, predicted, target[target == predicted])
        )
        present = (n_target + n_said) > 0
        over = (n_said, n_target, (n_target + n_said) / 2.0)[part]
        each = n_right / np.where(over > 0, over, 1)  # 0 where nothing was said, or nothing was there to be found
        return float(np.average(each[present], weights=n_target[present] if weighted else None))

    return measure


def _one_class(part: int) -> PerClass:
    def measure(target: Codes, predicted: Codes, probabilities: Probabilities | None, code: int) -> float | None:
        n_target, n_said = int((target == code).sum()), int((predicted == code).sum())
        over = (n_said, n_target, (n_target + n_said) / 2.0)[part]
        return int(((target == code) & (predicted == code)).sum()) / over if over else None

    return measure


# Measures of the probabilities -----------------------------------------------------------------------------------


def _log_loss(
    target: Codes, predicted: Codes, probabilities: Probabilities | None, classes: Sequence[str]
) -> float | None:
    from sklearn.metrics import log_loss

    if probabilities is None or not len(target) or len(classes) < 2:
        return None
    return float(log_loss(target, _normalised(probabilities), labels=np.arange(len(classes))))


def _normalised(probabilities: Probabilities) -> NDArray[np.float64]:
    wide = probabilities.astype(np.float64)
    return np.asarray(wide / wide.sum(axis=1, keepdims=True))


def _ranking(name: str) -> PerClass:
    """ROC-AUC or PR-AUC (average precision) of one class against the rest; None unless both occur."""

    def measure(target: Codes, predicted: Codes, probabilities: Probabilities | None, code: int) -> float | None:
        import sklearn.metrics

        is_class = target == code
        if probabilities is None or not is_class.any() or is_class.all():
            return None
        return float(getattr(sklearn.metrics, name)(is_class, probabilities[:, code]))

    return measure


def _over_classes(one: PerClass) -> Metric:
    """With two classes that of the second (scikit-learn's positive one), else the mean over the classes present."""

    def measure(
        target: Codes, predicted: Codes, probabilities: Probabilities | None, classes: Sequence[str]
    ) -> float | None:
        codes = [1] if len(classes) == 2 else range(len(classes))
        found = [one(target, predicted, probabilities, code) for code in codes]
        values = [value for value in found if value is not None]
        return float(np.mean(values)) if values else None

    return measure


def _ece(target: Codes, predicted: Codes, probabilities: Probabilities | None, classes: Sequence[str]) -> float | None:
    """Expected calibration error, in 15 equal bins (Guo et al. 2017, "On calibration of modern neural networks")."""
    if probabilities is None or not len(target):
        return None
    return _ece_from(predicted == target, _confidence(predicted, probabilities))


def _confidence(predicted: Codes, probabilities: Probabilities) -> NDArray[np.float64]:
    """The probability of the class that was answered; the highest one where none was."""
    normalised = _normalised(probabilities)
    highest = normalised.max(axis=1)
    own = normalised[np.arange(len(predicted)), np.maximum(predicted, 0)]
    return np.asarray(np.where(predicted >= 0, own, highest))


def _ece_from(right: NDArray[np.bool_], confidence: NDArray[np.float64]) -> float:
    curve = _reliability(right, confidence, _BINS)
    gaps = np.abs(np.array(curve.x) - np.array(curve.y))
    return float(np.average(gaps, weights=curve.n))


def _ece_of_confidence(rows: Rows) -> float | None:
    found = _right_and_confidence(rows)
    return None if found is None else _ece_from(*found)


def _right_and_confidence(rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.float64]] | None:
    if rows.probabilities is not None:
        target, predicted = rows.target[rows.with_probabilities], rows.predicted[rows.with_probabilities]
        return np.asarray(predicted == target), _confidence(predicted, rows.probabilities)
    if rows.confidence is None:
        return None
    given = np.isfinite(rows.confidence) & (rows.confidence > 0) & (rows.confidence <= 1)
    if not given.any():
        return None
    return np.asarray(rows.predicted == rows.target)[given], rows.confidence[given]


_roc_auc = _ranking("roc_auc_score")
_pr_auc = _ranking("average_precision_score")
_OF_PROBABILITIES = frozenset({"log_loss", "roc_auc", "pr_auc", "ece"})

METRICS: Mapping[str, Metric] = {
    "accuracy": _accuracy,
    "ece": _ece,
    "log_loss": _log_loss,
    "macro_f1": _average(2),
    "macro_precision": _average(0),
    "macro_recall": _average(1),
    "pr_auc": _over_classes(_pr_auc),
    "roc_auc": _over_classes(_roc_auc),
    "weighted_f1": _average(2, weighted=True),
}
"""Measures by name: (target codes, predicted codes, probabilities or None, classes) -> value, or None if undefined.

Probabilities, where given, have a row for every target. Macro averages are over the classes that occur as target or
prediction.
"""

PER_CLASS: Mapping[str, PerClass] = {
    "f1": _one_class(2),
    "pr_auc": _pr_auc,
    "precision": _one_class(0),
    "recall": _one_class(1),
    "roc_auc": _roc_auc,
}
"""Measures of one class by name: (target codes, predicted codes, probabilities or None, code) -> value or None."""


# Tables and curves -----------------------------------------------------------------------------------------------


def per_class(rows: Rows) -> list[ClassMeasures]:
    """Precision, recall and F1 of every class, with the counts behind them, in the order of the classes.

    A class that never occurs as target has recall 0 and `n_target` 0: the count says that the 0 means nothing.
    """
    right = rows.predicted == rows.target
    return [
        _class_measures(
            name,
            int((rows.target == code).sum()),
            int((rows.predicted == code).sum()),
            int((right & (rows.target == code)).sum()),
        )
        for code, name in enumerate(rows.classes)
    ]


def _class_measures(name: str, n_target: int, n_predicted: int, n_right: int) -> ClassMeasures:
    return ClassMeasures(
        name,
        n_target,
        n_predicted,
        n_right,
        precision=n_right / n_predicted if n_predicted else 0.0,
        recall=n_right / n_target if n_target else 0.0,
        f1=2.0 * n_right / (n_target + n_predicted) if n_target + n_predicted else 0.0,
    )


def confusion(rows: Rows) -> NDArray[np.int64]:
    """How often each target (row) was answered with each class (column), with one more column for "no class".

    Its shape is (classes, classes + 1).
    """
    n = len(rows.classes)
    codes = np.where(rows.predicted < 0, n, rows.predicted)
    cells = rows.target.astype(np.int64) * (n + 1) + codes
    return np.bincount(cells, minlength=n * (n + 1)).reshape(n, n + 1)


def roc(rows: Rows, of: str = "") -> Curve | None:
    """The ROC curve on a hundred steps: of class `of`, of the second of two classes, or the mean over all classes.

    None without probabilities, or where no class has both kinds of rows.
    """
    from sklearn.metrics import roc_curve

    def one(is_class: NDArray[np.bool_], probability: Probabilities) -> tuple[Probabilities, Probabilities]:
        false_positive, true_positive, _ = roc_curve(is_class, probability)
        return false_positive, true_positive

    return _mean_curve(rows, of, one, start=0.0)


def precision_recall(rows: Rows, of: str = "") -> Curve | None:
    """Precision (y) over recall (x), in steps, as `roc` in everything else.

    At each recall stands the precision of the strictest threshold that reaches it.
    """
    from sklearn.metrics import precision_recall_curve

    def one(is_class: NDArray[np.bool_], probability: Probabilities) -> tuple[Probabilities, Probabilities]:
        precision, recall, _ = precision_recall_curve(is_class, probability)
        return recall[-2::-1], precision[-2::-1]  # the last point (0, 1) is scikit-learn's own addition

    return _mean_curve(rows, of, one, start=None)


def _mean_curve(
    rows: Rows,
    of: str,
    one: Callable[[NDArray[np.bool_], Probabilities], tuple[Probabilities, Probabilities]],
    start: float | None,
) -> Curve | None:
    if rows.probabilities is None:
        return None
    target = rows.target[rows.with_probabilities]
    grid = np.linspace(0, 1, _POINTS)
    codes = [rows.classes.index(of)] if of else [1] if len(rows.classes) == 2 else range(len(rows.classes))
    curves = []
    for code in codes:
        is_class = target == code
        if is_class.any() and not is_class.all():
            x, y = one(is_class, rows.probabilities[:, code])
            # Between two thresholds a ROC curve is a line, a precision-recall curve is not (Davis & Goadrich 2006).
            curves.append(np.interp(grid, x, y) if start is not None else y[np.searchsorted(x, grid)])
    if not curves:
        return None
    across, mean = grid.tolist(), np.mean(curves, axis=0).tolist()
    return Curve([0.0, *across], [start, *mean]) if start is not None else Curve(across, mean)


def calibration(rows: Rows, n_bins: int = 10) -> Curve | None:
    """The reliability curve: mean confidence (x), share of right answers (y) and count, for each bin that has rows.

    From the probability of the answered class, else from the candidate's own confidence; None without either.
    """
    found = _right_and_confidence(rows)
    return None if found is None else _reliability(*found, n_bins)


def _reliability(right: NDArray[np.bool_], confidence: NDArray[np.float64], n_bins: int) -> Curve:
    from sklearn.calibration import calibration_curve

    confidence = np.clip(confidence, 0.0, 1.0)
    share, mean = (
        calibration_curve(right, confidence, n_bins=n_bins) if right.any() and not right.all() else (None, None)
    )
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    bins = np.searchsorted(edges[1:-1], confidence)  # scikit-learn's own binning, which does not return the counts
    counts = np.bincount(bins, minlength=n_bins)
    counts = counts[counts > 0]
    if share is None:  # calibration_curve wants both classes; here every answer is right, or none is
        sums = np.bincount(bins, weights=confidence, minlength=n_bins)
        mean, share = sums[np.bincount(bins, minlength=n_bins) > 0] / counts, np.full(len(counts), float(right.all()))
    return Curve(np.asarray(mean).tolist(), np.asarray(share).tolist(), counts.tolist())
