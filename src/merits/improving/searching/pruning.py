"""Which trials are given up before all rows were asked: those that are certainly not as good as the best so far.

The best so far has answered every row. A trial is shown rows in a random order that was drawn for it alone, and bets
are made that it is worse, by more than a margin. If it is not, they cannot be expected to win, so that they ever win
1/alpha has a probability of at most alpha, at whatever look (Ville; Waudby-Smith & Ramdas 2024,
doi:10.1093/jrsssb/qkad009; without replacement 2020, NeurIPS 33). Each of n trials has alpha = delta/n: which trials
there are depends on those before, so the probability that the best of them is ever pruned is at most delta by the
union bound, and not by less.

Rows of one group are one item. Of a trained candidate the parts are whole folds in a drawn order, and its model of one
fold may be better or worse than that of another: the margin (`FOLD_MARGIN`) must cover by how much, and folds must have
been drawn by chance. "As good" is meant of these rows, so that the luck of the best so far is no bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from merits.stats.bets import Bets
from merits.stats.critical import Bools, Floats

__all__ = ["FOLD_MARGIN", "Pruning", "looks"]

FOLD_MARGIN = 0.02
"""How much better or worse, against the best so far, a model of one fold may be than the mean over folds."""

_SHARES = (0.1, 0.2, 0.4)  # of the units are shown before a look
_FEWEST = 40  # units; of fewer, too few can be saved


def looks(
    group: NDArray[np.integer], generator: np.random.Generator, folds: NDArray[np.integer] | None = None
) -> list[NDArray[np.intp]]:
    """The rows to ask one after another, each with those of its group; one piece where a part would not do.

    Without `folds` a tenth, a fifth, two fifths and all of the units; with `folds` (rows,) one fold after another.

    >>> [len(rows) for rows in looks(np.arange(100), np.random.default_rng(0))]
    [10, 10, 20, 60]
    """
    _, unit = np.unique(group, return_inverse=True)
    n_units = int(unit.max()) + 1 if len(unit) else 0
    if n_units < _FEWEST:
        return [np.arange(len(group))]
    if folds is not None:
        order = generator.permutation(np.unique(folds))
        return [np.flatnonzero(folds == one) for one in order]
    place = generator.permutation(n_units)[unit]
    ends = sorted({*(math.ceil(share * n_units) for share in _SHARES), n_units})
    return [np.flatnonzero((place >= start) & (place < end)) for start, end in zip([0, *ends], ends, strict=False)]


@dataclass
class Pruning:
    """Bets that some trials are worse than the best so far, by rows that both have answered.

    `best` and `valid` (rows,) are the values of the best so far in 0..1 and where they mean something, `group` (rows,)
    its units. `alpha` is the probability with which each trial may be pruned though it is as good on these rows.

    >>> pruning = Pruning(np.ones(100), np.ones(100, bool), np.arange(100), n_trials=2, alpha=0.05)
    >>> shown = np.arange(40)
    >>> trials = np.array([np.ones(40), np.zeros(40)])
    >>> pruning.see(shown, trials, np.ones((2, 40), bool), np.random.default_rng(0)).tolist()
    [False, True]
    """

    best: Floats
    valid: Bools
    group: NDArray[np.integer]
    n_trials: int
    alpha: float
    margin: float = 0.0
    _n_seen: int = 0
    _behind: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        _, self._unit, sizes = np.unique(self.group, return_inverse=True, return_counts=True)
        self._largest = int(sizes.max())
        self._bets = Bets(self.n_trials + 1, len(sizes))
        self._behind = np.zeros(self.n_trials)

    def see(self, rows: NDArray[np.integer], values: Floats, valid: Bools, generator: np.random.Generator) -> Bools:
        """Whether each trial (trials,) is to be pruned, after the next `rows` with their values (trials, rows) in 0..1.

        All trials are given, those that were pruned too: their values then mean nothing. Within the rows the order is
        drawn by `generator`; rows of a group come together.
        """
        known = valid & self.valid[rows]
        gap = np.where(known, self.best[rows] - values - self.margin, -self.margin) / (1.0 + self.margin)
        units, number = np.unique(self._unit[rows], return_inverse=True)
        order = generator.permutation(len(units))
        sums = np.zeros((self.n_trials, len(units)))
        for trial in range(self.n_trials):
            sums[trial] = np.bincount(number, weights=gap[trial], minlength=len(units))
        items = sums[:, order] / self._largest
        self._bets.take(
            0, np.arange(1, self.n_trials + 1), items, behind=self._behind, n_seen=self._n_seen, certain=None
        )
        self._behind = self._behind + items.sum(axis=1)
        self._n_seen += len(units)
        return self._bets.lost(self.alpha, None)[1:]
