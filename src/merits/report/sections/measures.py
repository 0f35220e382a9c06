"""What else is measured of each candidate, with intervals: its further scorers, macro F1, ROC-AUC, log loss ..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation, Labels
from merits.core.needs import Requirement
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.corpus import counted_measure
from merits.deciding.metrics import measure
from merits.report.sections.subject import Subject
from merits.scorers import corpus
from merits.scorers.counted import STATISTICS

__all__ = ["MeasureRow", "MeasureSection", "measure_section"]

_NAMES = {
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "log_loss": "log loss",
    "ece": "calibration error",
}
_OF_LABELS = ("macro_f1", "weighted_f1", "macro_precision", "macro_recall")
_LOWER_IS_BETTER = ("log loss", "calibration error")
_BY_CLASS = ("roc_auc", "pr_auc")
_RECALCULATIONS = 41  # of a measure for its interval: once, and once without each of 40 blocks
_MOST_CALLS = 450  # of scikit-learn's metrics for one measure, at a millisecond or two each
_MOST_CALLS_FOR_FOCUS = 1_300  # so that the candidate in focus has its areas up to 30 classes
_SAMPLE = 2_000  # rows that intervals are taken from, where there are more


class MeasureRow(msgspec.Struct, frozen=True):
    """The measures of one candidate, in the order of the section's names; None where there is no record."""

    name: str
    estimates: tuple[Estimate | None, ...]


class MeasureSection(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of each candidate.

    The first `n_of_scorers` names are of scorers: those that measure all answers together, and the mean scores of those
    that judge each answer and do not decide. With many classes an area's interval takes long, so only the first few
    candidates have it: `limited` says how many. `lower_is_better` are the names of which less is better, and `remarks`
    what a reader must know of some.
    """

    names: tuple[str, ...]
    rows: tuple[MeasureRow, ...]
    limited: dict[str, int]
    n_of_scorers: int = 0
    lower_is_better: tuple[str, ...] = ()
    remarks: dict[str, str] = {}

    def remarked(self) -> dict[str, list[str]]:
        """Each remark once, with the measures that it is of."""
        return {text: [n for n, of in self.remarks.items() if of == text] for text in self.remarks.values()}


def measure_section(subject: Subject) -> MeasureSection | None:
    """None without classes and further scorers. Failures are left out. What nobody has a record of is not in it."""
    labels = subject.evaluation.labels
    shown = [k for k in subject.order if k in subject.cases.assessed]
    of_scorers = {**_counted(subject, shown), **_mean_scores(subject, shown)}
    table, limited = {**of_scorers}, {}
    if labels is not None and shown and (labels.target >= 0).any():
        sample = _sample(subject)
        for name, words in _NAMES.items():
            chosen = _affordable(name, shown, labels)
            table[words] = [_estimate(subject, sample, name, k) if k in chosen else None for k in shown]
            if len(chosen) < len(_measurable(name, shown, labels)):
                limited[words] = len(chosen)
    kept = [
        words for words, column in table.items() if any(each is not None and each.value is not None for each in column)
    ]
    if not kept:
        return None
    rows = (MeasureRow(subject.name(k), tuple(table[words][i] for words in kept)) for i, k in enumerate(shown))
    counts = subject.evaluation.counts
    counted = {name: STATISTICS[counts[name].statistic] for name in kept if name in counts}
    lower = (n for n in kept if (not counted[n].higher_is_better if n in counted else n in _LOWER_IS_BETTER))
    return MeasureSection(
        names=tuple(kept),
        rows=tuple(rows),
        limited=limited,
        n_of_scorers=sum(words in of_scorers for words in kept),
        lower_is_better=tuple(lower),
        remarks={name: statistic.remark for name, statistic in counted.items() if statistic.remark},
    )


def _counted(subject: Subject, shown: Sequence[int]) -> dict[str, list[Estimate | None]]:
    """The measures of scorers that count, by their names: BLEU, error rates."""
    answered = Cases(subject.evaluation, POLICIES[1])
    level = subject.decision.level
    return {name: [counted_measure(answered, name, k, level) for k in shown] for name in subject.evaluation.counts}


def _mean_scores(subject: Subject, shown: Sequence[int]) -> dict[str, list[Estimate | None]]:
    """The mean scores of the scorers that judge each answer and do not decide, by their names."""
    answered = Cases(subject.evaluation, POLICIES[1])
    names = [name for name in subject.evaluation.scores if name not in subject.evaluation.counts]
    return {name: [_mean_score(subject, answered, name, k) for k in shown] for name in names}


def _mean_score(subject: Subject, answered: Cases, name: str, k: int) -> Estimate | None:
    """The mean score; of one that is only ever 0 or 1 the share, with the same interval as the share solved."""
    values, counted = subject.evaluation.scores[name], answered.counted[k]
    if counted.any() and np.isin(values[answered.scored], (0.0, 1.0)).all():
        return answered.rate(values[k], counted, subject.decision.level)
    return _two_sided(subject, answered, name, k)


def _two_sided(subject: Subject, cases: Cases, name: str, k: int) -> Estimate | None:
    """A measure with an interval of the report's level."""
    level = subject.decision.level
    bar = Requirement(metric=name, op=">=", bar=0.0)
    found = measure(bar, cases, subject.decision.needs, k, (1.0 + level) / 2.0)
    return None if found is None else msgspec.structs.replace(found, level=level)


def _measurable(name: str, shown: Sequence[int], labels: Labels) -> list[int]:
    return [k for k in shown if name in _OF_LABELS or k in labels.probabilities]


def _affordable(name: str, shown: Sequence[int], labels: Labels) -> list[int]:
    """The candidates that a measure is taken of: the first ones, as far as the time for it goes."""
    each = _RECALCULATIONS * (len(labels.classes) if name in _BY_CLASS and len(labels.classes) > 2 else 1)
    at_least = 1 if each <= _MOST_CALLS_FOR_FOCUS else 0
    return _measurable(name, shown, labels)[: max(at_least, _MOST_CALLS // each)]


def _estimate(subject: Subject, sample: Cases, name: str, k: int) -> Estimate | None:
    """The measure over all rows; where those are many, with the interval of a sample, narrowed to their number."""
    found = _two_sided(subject, sample, name, k)
    if found is None:
        return None
    if sample.evaluation.n_rows == subject.evaluation.n_rows:
        return found
    value = corpus.metric(subject.evaluation, k, name)
    if value is None or found.value is None or found.low is None or found.high is None:
        return None
    n = int(np.count_nonzero(subject.cases.scored[k]))
    narrower = (found.n / n) ** 0.5
    top = 1.0 if found.unit == "rate" else None
    high = value + (found.high - found.value) * narrower
    return msgspec.structs.replace(
        found,
        value=value,
        low=max(0.0, value - (found.value - found.low) * narrower),
        high=high if top is None else min(top, high),
        n=n,
        method=f"{found.method}; interval from a sample of {found.n:,}",
    )


def _sample(subject: Subject) -> Cases:
    """The unperturbed rows, or where they are more than 2,000, whole groups of them up to that number."""
    evaluation, clean = subject.evaluation, np.flatnonzero(subject.cases.clean)
    if len(clean) > _SAMPLE:
        _, codes = np.unique(evaluation.group[clean], return_inverse=True)
        place = np.random.default_rng(0).permutation(int(codes.max()) + 1)[codes]  # the same report every time
        clean = np.sort(clean[np.argsort(place, kind="stable")[:_SAMPLE]])
    return Cases(_only(evaluation, clean), POLICIES[1])


def _only(evaluation: Evaluation, rows: NDArray[np.intp]) -> Evaluation:
    """The evaluation with these rows alone, as far as measures of labels look at it."""
    labels, raced, unasked = evaluation.labels, evaluation.raced, evaluation.unasked
    assert labels is not None
    return replace(
        evaluation,
        raced=None if raced is None else replace(raced, place=raced.place[rows]),
        unasked=None if unasked is None else unasked[:, rows],
        examples=evaluation.examples[rows],
        perturbations=evaluation.perturbations[rows],
        group=evaluation.group[rows],
        tags={tag: texts[rows] for tag, texts in evaluation.tags.items()},
        status=evaluation.status[:, rows],
        solved=evaluation.solved[:, rows],
        labels=Labels(
            labels.classes,
            labels.target[rows],
            labels.predicted[:, rows],
            {k: probabilities[rows] for k, probabilities in labels.probabilities.items()},
        ),
    )
