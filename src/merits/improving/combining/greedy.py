"""Ensemble selection: parts are added one by one, again and again, as long as the whole gets better on dev.

Caruana, Niculescu-Mizil, Crew & Ksikes (ICML 2004), doi:10.1145/1015330.1015432: with replacement, so that how often a
part was taken is its weight. Arrays in, weights out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["accuracy_of", "accuracy_with", "chosen_counts", "closeness_with"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
With = Callable[[Floats, int], Floats]
"""How good the sum of what n parts say is with each one more: (parts,); larger is better."""


def chosen_counts(said: Floats, good_with: With, costs: Floats, rounds: int = 20) -> Ints:
    """How often each part is taken, (parts,), of those of shape (parts, ...).

    Ends at the best of `rounds` additions; of equally good ones the one with the fewest. A part's cost counts once,
    when it is first taken, in the unit in which `good_with` counts.
    """
    counts = np.zeros(len(said), np.int64)
    whole = np.zeros(said.shape[1:])
    best, best_counts = -np.inf, counts
    for n in range(rounds):
        spent = costs[counts > 0].sum() + np.where(counts > 0, 0.0, costs)
        good = good_with(whole, n) - spent
        part = int(np.argmax(good))
        whole = whole + said[part]
        counts = counts + (np.arange(len(said)) == part)
        if good[part] > best + 1e-12:
            best, best_counts = float(good[part]), counts
    return best_counts


def accuracy_of(scores: Floats, target: Ints) -> float:
    """The share of rows of which the target has the highest score: scores (rows, classes), codes (rows,)."""
    return float((scores.argmax(axis=1) == target).mean())


def accuracy_with(said: Floats, target: Ints, gain: float) -> With:
    """Of labels: `gain` times the accuracy, and a thousandth of the mean score of the target, which breaks ties."""
    rows = np.arange(len(target))

    def good(whole: Floats, n: int) -> Floats:
        found = np.empty(len(said))
        for part, one in enumerate(said):
            scores = whole + one
            found[part] = accuracy_of(scores, target) + 1e-3 * float(scores[rows, target].mean()) / (n + 1)
        return gain * found

    return good


def closeness_with(said: Floats, target: Floats) -> With:
    """Of numbers: less the mean squared error of the mean of what was taken."""

    def good(whole: Floats, n: int) -> Floats:
        return np.asarray(-np.square((whole + said) / (n + 1) - target).mean(axis=1))

    return good
