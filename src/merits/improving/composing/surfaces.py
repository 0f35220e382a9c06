"""Cascades that look at how an answer looks: whether the next part gains on it, foretold from the answer's surface.

On GSM8K with 300 labels that routed best of all that was tried (area under the recovered gap .71, from the question
alone .60): a sloppy solution shows.
"""

from __future__ import annotations

from functools import cached_property
from itertools import permutations

import numpy as np

from merits.candidates.routing.surface import SURFACE
from merits.improving.composing.chains import cuts_of
from merits.improving.composing.frontier import Found
from merits.improving.composing.policies import OneByOne, Policy
from merits.improving.composing.pool import Floats, Pool, folds

__all__ = ["by_surface"]

_RIDGE = 3.0
_FOLDS = 4


def by_surface(pool: Pool, n_cuts: int = 24) -> Found:
    """For each cheaper and dearer part cascades of two at `n_cuts` thresholds; nothing where answers have no look.

    What they bring is said by weights that were learned from other rows.
    """
    pairs = [_Pair(pool, *pair, n_cuts) for pair in permutations(range(pool.size), 2) if pair[0] < pair[1]]
    pairs = pairs if pool.looks is not None else []
    found = [pair.sums() for pair in pairs]
    starts = np.cumsum([0, *(len(values) for values, _ in found)])

    def make(number: int) -> Policy:
        which = int(np.searchsorted(starts, number, side="right")) - 1
        return pairs[which].policy(number - int(starts[which]))

    empty = [np.zeros(0)]
    return Found(
        np.concatenate([values for values, _ in found] + empty),
        np.concatenate([costs for _, costs in found] + empty),
        make,
    )


class _Pair:
    """A cheap part, a dear one, and how much the dear one is foretold to gain: the less, the surer is the answer."""

    def __init__(self, pool: Pool, first: int, second: int, n_cuts: int) -> None:
        self._pool, self.first, self.second = pool, first, second
        self._n_cuts = n_cuts

    @cached_property
    def _sure(self) -> Floats:
        """How sure weights make one that were learned from the other folds."""
        pool, sure = self._pool, np.zeros(self._pool.n)
        fold = folds(pool.groups, _FOLDS, np.random.default_rng(0))
        for one in range(_FOLDS):
            out = fold == one
            if out.any():
                weights = _learned(pool.rows(~out), self.first, self.second)
                sure[out] = weights[0] + self._look[out] @ weights[1:]
        return np.where(pool.answered[self.first], sure, -np.inf)

    @property
    def _look(self) -> Floats:
        assert self._pool.looks is not None, "there are pairs only where answers have a look"
        return np.asarray(self._pool.looks[self.first])

    @cached_property
    def _cuts(self) -> Floats:
        return cuts_of(self._sure, self._n_cuts)

    @cached_property
    def _weights(self) -> tuple[float, ...]:
        return tuple(float(weight) for weight in _learned(self._pool, self.first, self.second))

    def sums(self) -> tuple[Floats, Floats]:
        """What the pair brings and takes at every cut."""
        pool, first, second = self._pool, self.first, self.second
        cell = np.searchsorted(self._cuts, self._sure, side="right")
        gain = np.where(pool.answered[second], pool.value[second] - pool.value[first], 0.0)
        gained, spent = (
            np.bincount(cell, weights, len(self._cuts) + 1).cumsum()[:-1] / max(pool.n, 1)
            for weights in (gain, pool.cost[second])
        )
        return pool.value[first].mean() + gained, pool.cost[first].mean() + spent

    def policy(self, cut: int) -> Policy:
        """The cascade at a cut, with weights that were learned from all rows."""
        return OneByOne((self.first, self.second), (round(float(self._cuts[cut]), 7),), weights=(self._weights,))


def _learned(pool: Pool, first: int, second: int) -> Floats:
    """An intercept and 18 weights of minus the gain of the second part, by ridge on what varies, standardised."""
    from sklearn.linear_model import Ridge

    assert pool.looks is not None, "there are pairs only where answers have a look"
    look = pool.looks[first]
    centre, spread = look.mean(axis=0), look.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)
    model = Ridge(alpha=_RIDGE).fit((look - centre) / spread, pool.value[first] - pool.value[second])
    weights = np.asarray(model.coef_) / spread
    found = np.r_[float(model.intercept_) - float(weights @ centre), weights]
    assert len(found) == len(SURFACE) + 2, "an intercept, the confidence, and the surface"
    return np.asarray(np.round(found, 7))
