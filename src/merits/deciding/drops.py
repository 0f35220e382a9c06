"""What a candidate loses when its inputs are perturbed: paired, on the same examples and repeats.

The drop is how much worse it gets, whichever way a measure runs: for an error rate, how much it rises.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.deciding.cases import Cases
from merits.deciding.corpus import perturbed_measure
from merits.stats.critical import Bools, Floats, Ints
from merits.stats.noninferiority import difference_bounds

__all__ = ["TOGETHER", "drop_of_rows", "drop_of_sums", "partners_of"]

TOGETHER = ("f1", "log_loss", "macro_f1", "precision", "roc_auc")
"""Measures of labels of all answers together that an example and the same one perturbed can be compared by."""

_NOTE = "as it is minus perturbed, on the same examples"


def drop_of_rows(
    clean: Cases, noisy: Cases, values: tuple[Floats, Bools], perturbed: tuple[Floats, Bools], level: float
) -> Estimate | None:
    """The loss of a metric that each row has, with two one-sided bounds that each hold at the level.

    `values` and `perturbed` are the values (rows,) and which rows count, as they are and perturbed. None where no
    example has both.
    """
    partner = partners_of(clean, noisy)
    paired = perturbed[1] & (partner >= 0) & values[1][partner]
    if not paired.any():
        return None
    groups = clean.evaluation.group[paired]
    own = None if len(np.unique(groups)) == len(groups) else groups
    found = difference_bounds(values[0][partner[paired]], perturbed[0][paired], own, level, anytime=clean.anytime)
    return msgspec.structs.replace(found, method=f"{found.method}; {_NOTE}")


def drop_of_sums(clean: Cases, noisy: Cases, name: str, k: int, level: float, *, of: str = "") -> Estimate | None:
    """The loss of a measure of all answers together, by a paired jackknife, each end one-sided at the level.

    `of` is the class of a measure of one.
    """
    found = perturbed_measure(clean, noisy, partners_of(clean, noisy), name, k, of=of)
    if found is None:
        return None
    estimate = found.difference(2.0 * level - 1.0)
    return msgspec.structs.replace(estimate, level=level, method=f"{estimate.method}, each end one-sided; {_NOTE}")


def partners_of(clean: Cases, noisy: Cases) -> Ints:
    """For each perturbed row the row of the same example and repeat as it is, of shape (rows,); -1 where none is."""
    evaluation = clean.evaluation
    as_it_is, perturbed = (np.flatnonzero(replace(cases, within=None).clean) for cases in (clean, noisy))
    examples, repeats = evaluation.examples, evaluation.repeats
    places = dict(
        zip(zip(examples[as_it_is].tolist(), repeats[as_it_is].tolist(), strict=True), as_it_is.tolist(), strict=True)
    )
    found = np.full(evaluation.n_rows, -1, dtype=np.int64)
    for row, key in zip(
        perturbed.tolist(), zip(examples[perturbed].tolist(), repeats[perturbed].tolist(), strict=True), strict=True
    ):
        found[row] = places.get(key, -1)
    return found
