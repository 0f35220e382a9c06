"""Estimates how many labels are wrong, and which ones to look at first: confident learning.

Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in dataset labels", JAIR 70,
doi:10.1613/jair.1.12125. Own code: the estimate is a function of sums over examples, so that it has an interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.estimate import Estimate
from merits.core.kinds import is_labelled
from merits.core.task import Example
from merits.tasks.looks.seeing import Sight, lookers

__all__ = ["LabelNoise", "Suspect", "label_noise", "noise_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_MOST = 2_000  # examples; some seconds of a linear classifier, five times
_FEWEST, _FEWEST_EACH = 100, 10  # examples, and of each label: fewer teach nothing
_MOST_LABELS = 50
_FOLDS = 5
_SHOWN = 10
_OWN_ERRORS = 0.07  # of the examples: what the classifier gets wrong without being sure of it
_LEVEL = 0.95


class Suspect(msgspec.Struct, frozen=True):
    """An example whose label looks wrong: what it is labelled, and what a classifier is sure that it should be."""

    example: str
    split: str
    label: str
    looks_like: str
    probability: float


class LabelNoise(msgspec.Struct, frozen=True, kw_only=True):
    """The estimated share of wrong labels among the `n` examples looked at, and the most suspicious of them.

    An estimate of what a linear classifier of simple features can see; `agreement` is the share of the labels that it
    gives too. Where it disagrees much more often than it suspects (`is_telling` is false), it is often wrong itself,
    and the share is too high: hard cases are in it. In simulation 10 % of wrong labels are estimated at 9 to 12 % where
    it is telling, and at 20 to 50 % where it is not. Nor is it telling where it agrees with the labels no oftener, by
    more than chance, than who always says the commonest one: it has learned nothing that could doubt a label. The most
    suspicious ones are worth a look all the same.
    """

    share: Estimate
    agreement: float
    is_telling: bool
    n: int
    n_suspects: int
    suspects: tuple[Suspect, ...]


def label_noise(sight: Sight) -> LabelNoise | None:
    """The label noise of a task with labels, by cross-validated predictions; None where there is too little to learn.

    Labels with fewer than 10 examples, and those beyond the commonest 50, are left out; of many examples a sample of
    2,000 is taken. Examples of one group, and those with one input, are in one fold.
    """
    if not is_labelled(sight.task.kind):
        return None
    kept = _kept(sight)
    if kept is None:
        return None
    names, positions = kept
    matrix = _features(sight, positions)
    if matrix is None:
        return None
    examples = [sight.examples[position] for position in positions]
    codes = np.array([names.index(str(example.target)) for example in examples])
    sight.progress("labels", 0, _FOLDS)
    probabilities = _out_of_fold(matrix, codes, examples)
    sight.progress("labels", _FOLDS, _FOLDS)
    if probabilities is None:
        return None
    share, suspected = noise_of(codes, probabilities, [example.group or example.input_hash for example in examples])
    agreement = float((probabilities.argmax(axis=1) == codes).mean())
    return LabelNoise(
        share=share,
        agreement=agreement,
        is_telling=1.0 - (share.value or 0.0) - agreement <= _OWN_ERRORS and _has_learned(codes, agreement),
        n=len(codes),
        n_suspects=len(suspected),
        suspects=tuple(_suspect(examples[i], names, probabilities[i]) for i in suspected[:_SHOWN]),
    )


def _has_learned(codes: Ints, agreement: float) -> bool:
    """Whether so much agreement is more than the commonest label has, by two standard errors."""
    n, commonest = len(codes), float(np.bincount(codes).max() / len(codes))
    return bool(agreement > commonest + 2.0 * np.sqrt(commonest * (1.0 - commonest) / n))


def noise_of(labels: Ints, probabilities: Floats, groups: Sequence[str]) -> tuple[Estimate, list[int]]:
    """The share of wrong labels with its interval, and the suspected rows, the most suspicious first.

    `labels` (n,) are codes, `probabilities` (n, classes) out-of-fold. A row counts as of class j where its probability
    of j is at least the mean one of the rows labelled j (the likeliest such class). The counts of (label, class) are
    scaled to the labels' own counts; what is off the diagonal is the noise: a function of sums, hence jackknifed.
    """
    from merits.stats import jackknifed, statistic_of_sums

    n, m = probabilities.shape
    own = np.array([probabilities[labels == j, j].mean() for j in range(m)])
    confident = probabilities >= own
    likeliest = np.where(confident, probabilities, -1.0).argmax(axis=1)
    counted = confident.any(axis=1)
    rows = np.arange(n)
    counts = np.zeros((n, 3 * m))
    counts[rows, labels] = 1.0
    off = counted & (likeliest != labels)
    on = counted & (likeliest == labels)
    counts[rows[off], m + labels[off]] = 1.0
    counts[rows[on], 2 * m + labels[on]] = 1.0

    def share(sums: Floats) -> Floats:
        of, wrong, right = (sums[..., part * m : (part + 1) * m] for part in range(3))
        seen = wrong + right
        return np.asarray((of * wrong / np.where(seen > 0, seen, 1.0)).sum(axis=-1) / of.sum(axis=-1))

    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    found = jackknifed(share, counts[None], np.random.default_rng(0), groups=codes)
    estimate = statistic_of_sums(found, 0, _LEVEL, rows=n, method="confident learning")
    margin = probabilities[rows, labels] - probabilities[rows, likeliest]
    suspected = np.flatnonzero(off)
    return estimate, suspected[np.argsort(margin[suspected], kind="stable")].tolist()


def _kept(sight: Sight) -> tuple[list[str], list[int]] | None:
    """The labels that are looked at, and the positions of the examples."""
    counts = Counter(str(example.target) for example in sight.examples if example.target is not None)
    names = sorted(label for label, n in counts.most_common(_MOST_LABELS) if n >= _FEWEST_EACH)
    labelled = [i for i, e in enumerate(sight.examples) if e.target is not None and str(e.target) in set(names)]
    positions = sight.sample(labelled, _MOST)
    in_sample = Counter(str(sight.examples[position].target) for position in positions)
    names = [name for name in names if in_sample[name] >= _FOLDS]
    positions = [position for position in positions if in_sample[str(sight.examples[position].target)] >= _FOLDS]
    return (names, positions) if len(names) >= 2 and len(positions) >= _FEWEST else None


def _features(sight: Sight, positions: list[int]) -> object | None:
    """What the first look makes of the inputs that can make features of all of them."""
    from merits.core.errors import MeritsError

    for looker in lookers(sight.task.kind).values():
        make: Callable[..., object | None] | None = getattr(looker, "features", None)
        if make is None:
            continue
        try:
            made = make(sight, positions) if _reads(looker, sight, positions) else None
        except (MeritsError, ImportError):
            continue
        if made is not None:
            return made
    return None


def _reads(looker: object, sight: Sight, positions: list[int]) -> bool:
    reads: Callable[[Example], bool] | None = getattr(looker, "reads", None)
    return reads is not None and all(reads(sight.examples[position]) for position in positions)


def _out_of_fold(matrix: object, codes: Ints, examples: Sequence[Example]) -> Floats | None:
    """Class probabilities of a linear classifier that has not seen the example, nor its group, nor its twin."""
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    from merits.candidates.linear_head import linear_head

    groups = np.unique([example.group or example.input_hash for example in examples], return_inverse=True)[1]
    if groups.max() + 1 < _FOLDS:
        return None
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    splits = list(folds.split(np.zeros(len(codes)), codes, groups))
    if any(len(np.unique(codes[train])) < len(np.unique(codes)) or not len(test) for train, test in splits):
        return None
    head = linear_head(strength=5.0, balanced=False, seed=0)
    with threadpool_limits(1):
        return np.asarray(cross_val_predict(head, matrix, codes, cv=splits, method="predict_proba"))


def _suspect(example: Example, names: Sequence[str], probabilities: Floats) -> Suspect:
    best = int(probabilities.argmax())
    return Suspect(example.id, example.split, str(example.target), names[best], round(float(probabilities[best]), 3))
