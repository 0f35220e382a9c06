"""Measures of all answers together (BLEU, error rates, macro F1, areas), and their differences on the same rows.

Each is made of sums over rows, so that leaving out a row serves both candidates of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from merits.core.estimate import Estimate, Unit
from merits.core.evaluation import Evaluation, Labels
from merits.deciding.cases import Cases
from merits.scorers.counted import STATISTICS, CountedStatistic, f1_of, ratio_of
from merits.stats.critical import Bools, Floats, Ints
from merits.stats.rates import variance_of_rare_classes
from merits.stats.sums import Jackknifed, Statistic, jackknifed, statistic_difference, statistic_of_sums

__all__ = ["PairedMeasure", "corpus_measures", "counted_measure", "paired_measure", "perturbed_measure"]

_OF_LABELS = {"macro_f1": "macro F1", "roc_auc": "ROC-AUC"}
_OF_ONE_CLASS = {"precision": "precision", "f1": "F1"}
_LEAST = float(np.finfo(np.float64).eps)  # a target held impossible: scikit-learn's
_OF_PROBABILITIES = ("roc_auc", "log_loss")
_MOST_CLASSES = 100  # areas and F1 of more are sums of more columns than an interval is worth
_UNITS = 1_000


@dataclass(frozen=True)
class PairedMeasure:
    """A measure of two candidates, 0 and 1, on the rows both have.

    `made_up` is what two made-up rows add to its variance, where that is known otherwise than from `step`, the most
    that a row moves it times the number of rows.
    """

    name: str
    found: Jackknifed
    made_up: float | None = None
    step: float = 1.0
    unit: Unit = "points"

    def difference(self, level: float) -> Estimate:
        """The first candidate's measure less the second's."""
        return statistic_difference(
            self.found, 0, 1, level, made_up=self.made_up, step=self.step, method=self.name, unit=self.unit
        )

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return self.found.p_value(0, 1, self.made_up, self.step)


def corpus_measures(evaluation: Evaluation) -> dict[str, str]:
    """The measures of all answers together that two candidates can be compared by: name -> what it is, in words."""
    found = {name: STATISTICS[counted.statistic].name for name, counted in evaluation.counts.items()}
    labels = evaluation.labels
    if labels is not None and len(labels.classes) <= _MOST_CLASSES and (labels.target >= 0).any():
        found |= {name: words for name, words in _OF_LABELS.items() if name == "macro_f1" or labels.probabilities}
    return found


def counted_measure(cases: Cases, name: str, k: int, level: float, *, one_sided: bool = False) -> Estimate | None:
    """The statistic of a scorer's counts for candidate k; None when nothing counts.

    A question that could not be asked and counts as wrong counts as answered with nothing (for an error rate: every
    word is missing), where anybody's answer shows how long the right one is.
    """
    counted = cases.evaluation.counts[name]
    statistic = STATISTICS[counted.statistic]
    counts, mask = _counts(cases, name, [k])
    if not mask.any():
        return None
    groups = cases.groups_at(mask)
    found = _jackknifed(statistic.value, cases, counts, groups)
    size = float(counts[0, :, statistic.given].sum())
    return statistic_of_sums(
        found,
        0,
        level,
        rows=size,
        method=statistic.name,
        one_sided=one_sided,
        unit=statistic.unit,
        scale=statistic.scale,
    )


def paired_measure(cases: Cases, name: str, i: int, j: int) -> PairedMeasure | None:
    """A measure of candidates i and j on the same rows; None where one of them has no record."""
    evaluation = cases.evaluation
    if name in evaluation.counts:
        statistic = STATISTICS[evaluation.counts[name].statistic]
        counts, mask = _counts(cases, name, [i, j])
        return _paired(statistic, cases, cases.groups_at(mask), counts) if mask.any() else None
    labels = evaluation.labels
    if labels is None:
        return None
    mask = cases.scored[i] & cases.scored[j] & (labels.target >= 0)
    if name == "roc_auc":
        if i not in labels.probabilities or j not in labels.probabilities:
            return None
        mask &= (labels.probabilities[i].sum(axis=1) > 0) & (labels.probabilities[j].sum(axis=1) > 0)
    if not mask.any():
        return None
    rows = np.flatnonzero(mask)
    return _of_labels(name, cases, labels, [(i, rows), (j, rows)], cases.groups_at(mask))


def perturbed_measure(
    clean: Cases, noisy: Cases, partner: Ints, name: str, k: int, *, of: str = ""
) -> PairedMeasure | None:
    """What a measure of candidate k (of class `of`) loses on perturbed rows, paired with the same examples as they are.

    `partner` (rows,) is for each perturbed row the row of the same example as it is, -1 where none is. The first of the
    pair is the better side of a measure that loses: an error rate rises, so its perturbed rows come first. None where
    the candidate has no record.
    """
    evaluation, labels = clean.evaluation, clean.evaluation.labels
    counted = (noisy.counted[k], clean.counted[k]) if name in evaluation.counts else (noisy.scored[k], clean.scored[k])
    mask = counted[0] & (partner >= 0) & counted[1][partner]
    if name in evaluation.counts:
        statistic = STATISTICS[evaluation.counts[name].statistic]
        there = [_answered(cases, name) for cases in (noisy, clean)]
        rows = np.flatnonzero(mask & there[0] & there[1][partner])
        sides = [_counts_at(clean, name, k, partner[rows]), _counts_at(noisy, name, k, rows)]
        counts = np.stack(sides if statistic.higher_is_better else sides[::-1])
        groups = _groups_of(evaluation.group[rows])
        return _paired(statistic, clean, groups, counts) if len(rows) else None
    if labels is None or (name in _OF_PROBABILITIES and k not in labels.probabilities):
        return None
    mask &= labels.target >= 0
    if name in _OF_PROBABILITIES:
        given = labels.probabilities[k].sum(axis=1) > 0
        mask &= given & given[partner]
    rows = np.flatnonzero(mask)
    if not len(rows):
        return None
    pair, groups = [(k, partner[rows]), (k, rows)], _groups_of(evaluation.group[rows])
    if name == "log_loss":
        return _of_losses(clean, labels, pair[::-1], groups)
    if of and name in _OF_ONE_CLASS:
        return _of_one_class(name, clean, labels, (pair, groups), labels.classes.index(of))
    return _of_labels(name, clean, labels, pair, groups, of=of)


def _groups_of(codes: Ints) -> Ints | None:
    return None if len(np.unique(codes)) == len(codes) else codes


def _of_labels(
    name: str,
    cases: Cases,
    labels: Labels,
    sides: Sequence[tuple[int, Ints]],
    groups: Ints | None,
    *,
    of: str = "",
) -> PairedMeasure | None:
    """A measure of two sides, each a candidate with its rows; the two sides' rows are of the same cases, in order."""
    sizes = np.bincount(labels.target[sides[0][1]], minlength=len(labels.classes))
    columns = _f1_columns if name == "macro_f1" else partial(_area_columns, of=of)
    value = _macro_f1 if name == "macro_f1" else _mean_area
    units, n = _units(groups, len(sides[0][1]))
    counts = np.stack([columns(labels, k, rows, units) for k, rows in sides])
    if not counts.shape[-1]:
        return None
    found = replace(_jackknifed(value, cases, counts, None), n=n)
    return PairedMeasure(_OF_LABELS[name], found, 2.0 * variance_of_rare_classes(sizes))


def _of_one_class(
    name: str, cases: Cases, labels: Labels, sides: tuple[Sequence[tuple[int, Ints]], Ints | None], code: int
) -> PairedMeasure | None:
    """Precision or F1 of a class: what is of it, said to be, and rightly so. No row moves either by more than one of
    the rows it rests on; None where a side rests on none.
    """
    pair, groups = sides
    counts = []
    for k, rows in pair:
        of, said = labels.target[rows] == code, labels.predicted[k][rows] == code
        counts.append(np.stack([of & said, said, of], axis=1).astype(np.float64))
    table = np.stack(counts)
    value = ratio_of if name == "precision" else f1_of
    found = _jackknifed(value, cases, table, groups)
    rests_on = table[..., 1].sum(axis=1) if name == "precision" else table[..., 1:].sum(axis=(1, 2)) / 2.0
    if not rests_on.min() > 0:
        return None
    return PairedMeasure(_OF_ONE_CLASS[name], found, step=found.n / float(rests_on.min()))


def _of_losses(
    cases: Cases, labels: Labels, sides: Sequence[tuple[int, Ints]], groups: Ints | None
) -> PairedMeasure | None:
    """The mean of -log of the probability given to the target, as scikit-learn clips it."""
    counts = []
    for k, rows in sides:
        given = labels.probabilities[k][rows].astype(np.float64)
        own = given[np.arange(len(rows)), labels.target[rows]] / given.sum(axis=1)
        losses = -np.log(np.clip(own, _LEAST, 1.0))
        counts.append(np.stack([losses, np.ones(len(rows))], axis=1))
    found = _jackknifed(ratio_of, cases, np.stack(counts), groups)
    return PairedMeasure("log loss", found, step=float(np.abs(found.values).max()), unit="score")


def _paired(statistic: CountedStatistic, cases: Cases, groups: Ints | None, counts: Floats) -> PairedMeasure:
    found = _jackknifed(statistic.value, cases, counts, groups)
    if statistic.unit == "rate" or statistic.scale == "up_to_one":
        return PairedMeasure(statistic.name, found)
    # A made-up row moves a value by its own size at most, over n, where it moves a rate by 1/n.
    unit: Unit = "difference" if statistic.unit == "value" else "score"
    return PairedMeasure(statistic.name, found, step=float(np.abs(found.values).max()), unit=unit)


def _jackknifed(value: Statistic, cases: Cases, counts: Floats, groups: Ints | None) -> Jackknifed:
    """Which rows share a unit is drawn, where there are many: the same every time."""
    return replace(jackknifed(value, counts, np.random.default_rng(0), groups=groups), anytime=cases.anytime)


def _counts(cases: Cases, name: str, members: Sequence[int]) -> tuple[Floats, Bools]:
    """The counts of some candidates (members, rows, columns) at the rows that count for all of them, and the rows."""
    mask = np.asarray(cases.counted[members].all(axis=0) & _answered(cases, name))
    rows = np.flatnonzero(mask)
    return np.stack([_counts_at(cases, name, k, rows) for k in members]), mask


def _answered(cases: Cases, name: str) -> Bools:
    """The rows (rows,) where anybody's answer shows how long the right one is."""
    return np.asarray(_countable(cases, name).any(axis=0))


def _countable(cases: Cases, name: str) -> Bools:
    """Which answers (candidates, rows) were counted: those that were scored, and had something in them to count."""
    counted = cases.evaluation.counts[name]
    return np.asarray(cases.scored & (counted.values[..., STATISTICS[counted.statistic].given] > 0))


def _counts_at(cases: Cases, name: str, k: int, rows: Ints) -> Floats:
    """The counts of a candidate at some rows that anybody answered (rows, columns).

    Those of an empty answer where it could not be asked, or said nothing that could be counted (no number).
    """
    counted, there = cases.evaluation.counts[name], _countable(cases, name)[:, rows, None]
    values = counted.values[:, rows]
    if not len(rows):
        return np.asarray(values[k])
    nothing = STATISTICS[counted.statistic].nothing(np.where(there, values, -np.inf).max(axis=0))
    return np.asarray(np.where(there[k], values[k], nothing))


def _units(groups: Ints | None, n_rows: int) -> tuple[Ints, int]:
    """For each row the number of the unit it is summed into, at most 1,000 of them; how many there are."""
    codes = np.arange(n_rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    n = int(codes.max()) + 1
    return (np.random.default_rng(0).permutation(n) % _UNITS)[codes] if n > _UNITS else codes, n


def _summed(units: Ints, codes: Ints, n_codes: int, weights: Floats | None = None) -> Floats:
    """The number (or weight) of rows in each unit with each code; a code of -1 is in no column."""
    kept = codes >= 0
    cells = units[kept] * n_codes + codes[kept]
    size = (int(units.max()) + 1) * n_codes
    sums = np.bincount(cells, None if weights is None else weights[kept], minlength=size)
    return np.asarray(sums.reshape(-1, n_codes), dtype=np.float64)


def _f1_columns(labels: Labels, k: int, rows: Ints, units: Ints) -> Floats:
    """For each class: rows of it, rows said to be of it, rows rightly said to be."""
    target, predicted, n = labels.target[rows], labels.predicted[k][rows], len(labels.classes)
    right = np.where(target == predicted, target, -1)
    return np.concatenate([_summed(units, codes, n) for codes in (target, predicted, right)], axis=1)


def _macro_f1(sums: Floats) -> Floats:
    """The mean F1 over the classes that occur as target or prediction."""
    of, said, right = np.split(sums, 3, axis=-1)
    there = (of + said) > 0
    f1 = 2.0 * right / np.where(there, of + said, 1.0)
    return np.asarray(ratio_of(np.stack([(f1 * there).sum(axis=-1), there.sum(axis=-1)], axis=-1)))


def _area_columns(labels: Labels, k: int, rows: Ints, units: Ints, *, of: str = "") -> Floats:
    """For each class four columns, whose sums make its area: how far each row of it, and each other row, is placed.

    The share of the other rows that a row of the class is placed above (ties count half), and for each other row the
    share of rows of the class above it, less the area itself. DeLong, DeLong & Clarke-Pearson (1988),
    doi:10.2307/2531595: an area is the mean of either, and varies with both.
    """
    target, probabilities = labels.target[rows], labels.probabilities[k][rows]
    codes = [labels.classes.index(of)] if of else [1] if len(labels.classes) == 2 else range(len(labels.classes))
    columns = []
    for code in codes:
        own = target == code
        if not own.any() or own.all():
            continue
        placed, area = _placements(own, probabilities[:, code].astype(np.float64))
        for side in (own, ~own):
            weights = np.where(own, placed, placed - area)
            columns.append(_summed(units, np.where(side, 0, -1), 1, weights)[:, 0])
            columns.append(_summed(units, np.where(side, 0, -1), 1)[:, 0])
    return np.stack(columns, axis=1) if columns else np.empty((0, 0))


def _placements(own: Bools, scores: Floats) -> tuple[Floats, float]:
    """For each row the share of the rows of the other kind that it is rightly placed against, and their mean."""
    _, ties = np.unique(scores, return_inverse=True)
    n_own, n_other = (np.bincount(ties, weights=rows, minlength=int(ties.max()) + 1) for rows in (own, ~own))
    other_below = np.cumsum(n_other) - n_other / 2.0
    own_above = n_own.sum() - np.cumsum(n_own) + n_own / 2.0
    placed = np.where(own, other_below[ties] / n_other.sum(), own_above[ties] / n_own.sum())
    return placed, float(placed[own].mean())


def _mean_area(sums: Floats) -> Floats:
    """The mean area over the classes, from their four columns."""
    own, n_own, other, n_other = (sums[..., part::4] for part in range(4))
    each = np.stack([ratio_of(np.stack(pair, axis=-1)) for pair in ((own, n_own), (other, n_other))]).sum(axis=0)
    return np.asarray(each.mean(axis=-1))
