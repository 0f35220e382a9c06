"""Whether confidences are probabilities, and what they say of quality where no labels have come yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merits.core.estimate import Estimate
from merits.stats.critical import Bools, Floats, Ints, normal_critical
from merits.stats.proportions import wilson_limits

__all__ = ["ASSUMPTION", "Recalibration", "calibration_error", "estimated_quality", "recalibration"]

ASSUMPTION = (
    "assumes that a confidence means now what it meant on test: inputs may have become easier or harder, but the model "
    "knows it. Where what is right has changed, or inputs are new to the model, only labels tell"
)
_BINS = 10
_FEWEST, _FEWEST_SHOWN = 5, 20  # answers in a bin


@dataclass(frozen=True)
class Recalibration:
    """What confidences meant on test: of those from each edge up to the next, so many of `n` were `solved`.

    `edges` (bins - 1,) part the confidences into bins of about equally many test answers.
    """

    edges: Floats
    solved: Ints
    n: Ints

    def bins(self, confidence: Floats) -> Ints:
        """In which bin each confidence is."""
        return np.searchsorted(self.edges, confidence, side="right")

    @property
    def chances(self) -> Floats:
        """The share solved in each bin (bins,), a little towards that of all, so that none is certain."""
        of_all = (float(self.solved.sum()) + 0.5) / (float(self.n.sum()) + 1.0)
        return np.asarray((self.solved + of_all) / (self.n + 1.0))


def recalibration(confidence: Floats, solved: Bools) -> Recalibration:
    """What confidences meant: of up to ten bins with equally many answers each, so many were solved."""
    edges = _edges(confidence, _FEWEST)
    bins = np.searchsorted(edges, confidence, side="right")
    n = np.bincount(bins, minlength=len(edges) + 1)
    return Recalibration(edges, np.bincount(bins, solved, minlength=len(edges) + 1).astype(np.int64), n)


def estimated_quality(meant: Recalibration, confidence: Floats, level: float = 0.95) -> Estimate:
    """The share of these answers that is solved, estimated by their confidence alone: no label is looked at.

    The mean over answers of the share solved on test among answers of such a confidence: confidence-based performance
    estimation (Garg et al. 2022, "Leveraging unlabeled data to predict out-of-distribution performance", arXiv
    2201.04234, compare such rules). The interval holds for the share that labels would show, under `ASSUMPTION`: it
    counts the few test answers in a bin, and that the answers at hand are a sample. No answer: no estimate.

    >>> meant = recalibration(np.repeat([0.55, 0.95], 100), np.tile([True, False], 100) | (np.arange(200) >= 105))
    >>> print(estimated_quality(meant, np.full(400, 0.55)))
    50.2 % [39.3–61.2 %], n = 400
    """
    n = len(confidence)
    method = "confidence, recalibrated on test"
    if n == 0 or meant.n.sum() == 0:
        return Estimate(value=None, low=None, high=None, level=level, n=0, unit="rate", method=method)
    shares = np.bincount(meant.bins(confidence), minlength=len(meant.n)) / n
    chances = meant.chances
    spread = chances * (1.0 - chances)
    value = float(shares @ chances)
    variance = float(shares**2 @ (spread / np.maximum(meant.n, 1)) + shares @ spread / n)
    reach = normal_critical(level) * variance**0.5
    return Estimate(
        value=value,
        low=max(0.0, value - reach),
        high=min(1.0, value + reach),
        level=level,
        n=n,
        unit="rate",
        method=method,
    )


def calibration_error(confidence: Floats, solved: Bools, level: float = 0.95) -> Estimate:
    """The mean distance between confidence and share solved (ECE), in ten bins of equally many answers.

    Naeini, Cooper & Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian binning". The plain
    figure is too large by chance alone where answers are few; the interval knows that: it is made of Wilson's of each
    bin, held together at `level` (Bonferroni), so that 0 is in it where nothing speaks against it. Careful: wide.

    >>> print(calibration_error(np.full(200, 0.9), np.arange(200) < 120))
    30.0 % [23.5–36.9 %], n = 200
    """
    n = len(confidence)
    method = "ECE, ten bins of equally many, Wilson"
    if n == 0:
        return Estimate(value=None, low=None, high=None, level=level, n=0, unit="rate", method=method)
    bins = np.searchsorted(_edges(confidence, _FEWEST_SHOWN), confidence, side="right")
    parts = [np.flatnonzero(bins == number) for number in np.unique(bins)]
    value = low = high = 0.0
    for part in parts:
        said, right = float(confidence[part].mean()), float(solved[part].mean())
        ends = wilson_limits(right * len(part), len(part), 1.0 - (1.0 - level) / len(parts))
        least, most = float(ends[0]), float(ends[1])
        weight = len(part) / n
        value += weight * abs(said - right)
        low += weight * max(0.0, said - most, least - said)
        high += weight * max(abs(said - least), abs(said - most))
    return Estimate(value=value, low=low, high=high, level=level, n=n, unit="rate", method=method)


def _edges(confidence: Floats, fewest: int) -> Floats:
    """What parts confidences into up to ten bins of equally many, none of fewer; equal ones stay together."""
    n_bins = max(1, min(_BINS, len(confidence) // fewest))
    return np.unique(np.quantile(confidence, np.arange(1, n_bins) / n_bins)) if len(confidence) else np.empty(0)
