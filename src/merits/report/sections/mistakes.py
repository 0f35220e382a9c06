"""Which classes are taken for which, and how well each class is found."""

from __future__ import annotations

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.report.plain import one_line
from merits.report.sections.subject import Subject
from merits.scorers.corpus import Rows
from merits.stats.bootstrap import jackknife_variance
from merits.stats.critical import Ints
from merits.stats.proportions import wilson
from merits.stats.rates import rate, rate_of_variance

__all__ = ["ClassRow", "Confusion", "ConfusionSection", "confusion_section"]

OFF_LIST = "no class"
_MOST_DRAWN = 20
_MOST_PAIRS = 10
_MOST_CLASSES = 40
_BLOCKS = 40  # of rows, left out in turn for the interval of an F1


class Confusion(msgspec.Struct, frozen=True):
    """So many examples of `target` were answered with `said`; `share` is of the examples of that target."""

    target: str
    said: str
    n: int
    share: Estimate


class ClassRow(msgspec.Struct, frozen=True, kw_only=True):
    """One class: how often it was found (recall), and how often a claim of it was right (precision)."""

    name: str
    n_target: int
    n_predicted: int
    recall: Estimate | None
    precision: Estimate | None
    f1: Estimate | None


class ConfusionSection(msgspec.Struct, frozen=True, kw_only=True):
    """The mistakes of one candidate. `matrix` (classes by classes and "no class") only up to 20 classes."""

    candidate: str
    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    pairs: tuple[Confusion, ...]
    rows: tuple[ClassRow, ...]
    n_classes_left_out: int
    n_off_list: int


def confusion_section(subject: Subject) -> ConfusionSection | None:
    """None for a task without classes, or when the candidate in focus has no labelled outcome."""
    from merits.scorers import corpus

    focus = subject.focus
    rows = None if focus is None else corpus.rows_of(subject.evaluation, focus)
    if rows is None or focus is None:
        return None
    matrix = corpus.confusion(rows)
    names = tuple(one_line(name, 60) or "(empty)" for name in rows.classes)
    drawn = len(names) <= _MOST_DRAWN
    classes = _class_rows(subject, focus, names)
    return ConfusionSection(
        candidate=subject.name(focus),
        classes=names if drawn else (),
        matrix=tuple(tuple(line) for line in matrix.tolist()) if drawn else (),
        pairs=_pairs(matrix, names, subject.decision.level),
        rows=classes[:_MOST_CLASSES],
        n_classes_left_out=max(0, len(classes) - _MOST_CLASSES),
        n_off_list=int(matrix[:, -1].sum()),
    )


def _pairs(
    matrix: np.ndarray[tuple[int, ...], np.dtype[np.int64]], names: tuple[str, ...], level: float
) -> tuple[Confusion, ...]:
    """The commonest mistakes, most frequent first."""
    mistakes = matrix.copy()
    np.fill_diagonal(mistakes, 0)
    flat = np.argsort(-mistakes, axis=None, kind="stable")[:_MOST_PAIRS]
    found = []
    for target, said in zip(*np.unravel_index(flat, mistakes.shape), strict=True):
        n = int(mistakes[target, said])
        if n:
            share = wilson(n, int(matrix[target].sum()), level)
            found.append(Confusion(names[target], (*names, OFF_LIST)[said], n, share))
    return tuple(found)


def _class_rows(subject: Subject, k: int, names: tuple[str, ...]) -> tuple[ClassRow, ...]:
    """The classes by how many examples they have, most first."""
    from merits.scorers import corpus

    rows = corpus.rows_of(subject.evaluation, k)
    assert rows is not None
    groups = subject.cases.groups_at(corpus.measurable(subject.evaluation, k))

    def share(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Estimate | None:
        if not chosen.any():
            return None
        right = rows.predicted[chosen] == rows.target[chosen]
        return rate(right, None if groups is None else groups[chosen], subject.decision.level)

    found = [
        ClassRow(
            name=names[code],
            n_target=measures.n_target,
            n_predicted=measures.n_predicted,
            recall=share(rows.target == code),
            precision=share(rows.predicted == code),
            f1=_f1(rows, code, measures.f1, groups, subject.decision.level),
        )
        for code, measures in enumerate(corpus.per_class(rows))
    ]
    return tuple(sorted(found, key=lambda row: (-row.n_target, row.name)))


def _f1(rows: Rows, code: int, value: float, groups: Ints | None, level: float) -> Estimate | None:
    """The F1 of one class, its variance from leaving out blocks of the rows it rests on: those of it or taken for it.

    The other rows (right to be left alone) are in neither precision nor recall.
    """
    chosen = np.flatnonzero((rows.target == code) | (rows.predicted == code))
    if not len(chosen):
        return None
    is_class, said_class = rows.target[chosen] == code, rows.predicted[chosen] == code

    def statistic(kept: Ints) -> float | None:
        both = np.count_nonzero(is_class[kept] & said_class[kept])
        total = np.count_nonzero(is_class[kept]) + np.count_nonzero(said_class[kept])
        return 2.0 * both / total if total else None  # van Rijsbergen 1979, chapter 7

    own = None if groups is None else groups[chosen]
    n = len(chosen) if own is None else len(np.unique(own))
    generator = np.random.default_rng(0)  # only which rows share a block: the same report every time
    variance = jackknife_variance(statistic, len(chosen), generator, groups=own, blocks=_BLOCKS)
    if variance is None:
        return Estimate(value=value, low=None, high=None, level=level, n=n, unit="rate", method="F1")
    method = "F1: jackknife variance, Clopper–Pearson on the effective sample size"
    one_sided = (1.0 + level) / 2.0
    found = rate_of_variance(value, variance, one_sided, rows=n, doubted=n, n=n, method=method)
    return msgspec.structs.replace(found, level=level)
