"""Cascades that look at what the first part said: a threshold of its own and whom to ask next, for each label.

How much a confidence means and who is good at what differ from label to label: that is where most of what FrugalML
saves comes from (Chen, Zaharia & Zou 2020, arXiv 2006.07512). At a price of value λ the choices of the labels do not
depend on each other, so all λ are searched at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merits.improving.composing.chains import cuts_of
from merits.improving.composing.frontier import Found
from merits.improving.composing.policies import OneByOne, Policy, Rule
from merits.improving.composing.pool import Floats, Ints, Pool

__all__ = ["by_label"]

_LEAST = 25  # rows of a label: of fewer nothing is learned, and they share what is learned of all such rows
_PRICES = np.r_[0.0, np.geomspace(1e-4, 10.0, 120)]


def by_label(pool: Pool, n_cuts: int = 24) -> Found:
    """For each candidate as the first part and each of 121 prices of value the best rules; none for texts."""
    found = [_Base.of(pool, base, n_cuts) for base in range(pool.size)] if pool.labels else []
    lambdas = _PRICES / max(float(pool.cost.mean(axis=1).max(initial=0.0)), 1e-12)
    choices = [base.choices(lambdas) for base in found]
    values = [base.value + base.gains(chosen).sum(axis=1) for base, chosen in zip(found, choices, strict=True)]
    costs = [base.cost + base.takes(chosen).sum(axis=1) for base, chosen in zip(found, choices, strict=True)]

    def make(number: int) -> Policy:
        base, price = divmod(number, len(lambdas))
        return found[base].policy(choices[base][price])

    return Found(np.concatenate([*values, np.zeros(0)]), np.concatenate([*costs, np.zeros(0)]), make)


@dataclass(frozen=True)
class _Base:
    """What can be done after a first part: by word (-1: any other, or none), what each next part at each cut adds.

    `gain` and `take` have shape (words, next parts * cuts); a column is a next part and a cut. `others_said` is whether
    any row has another word, or none.
    """

    part: int
    words: tuple[int, ...]
    others: tuple[int, ...]
    cuts: Floats
    gain: Floats
    take: Floats
    value: float
    cost: float
    others_said: bool

    @classmethod
    def of(cls, pool: Pool, part: int, n_cuts: int) -> _Base:
        said = pool.said[part]
        counts = np.bincount(said[said >= 0], minlength=len(pool.words))
        common = np.flatnonzero(counts >= _LEAST)
        words = np.where(np.isin(said, common), said, -1)
        names = (*(int(word) for word in common), -1)
        others = tuple(other for other in range(pool.size) if other != part)
        n_columns = n_cuts + 2
        cuts = np.full((len(names), n_columns), np.nan)
        gain, take = (np.zeros((len(names), len(others), n_columns)) for _ in range(2))
        for at, word in enumerate(names):
            rows = np.flatnonzero(words == word)
            grid = cuts_of(pool.sure[part, rows], n_cuts)
            cuts[at, : len(grid)] = grid
            cuts[at, len(grid) :] = grid[-1]
            cell = np.searchsorted(grid, pool.sure[part, rows], side="right")
            for which, other in enumerate(others):
                add = np.where(pool.answered[other, rows], pool.value[other, rows] - pool.value[part, rows], 0.0)
                for table, weights in ((gain, add), (take, pool.cost[other, rows])):
                    sums = np.bincount(cell, weights, len(grid) + 1).cumsum()[:-1] / max(pool.n, 1)
                    table[at, which, : len(grid)] = sums
                    table[at, which, len(grid) :] = sums[-1]
        flat = (len(names), len(others) * n_columns)
        return cls(
            part,
            names,
            others,
            cuts,
            gain.reshape(flat),
            take.reshape(flat),
            float(pool.value[part].mean()),
            float(pool.cost[part].mean()),
            bool((words == -1).any()),
        )

    def choices(self, lambdas: Floats) -> Ints:
        """The best column for each price of value and each word: (prices, words)."""
        return np.stack([np.argmax(self.gain - price * self.take, axis=1) for price in lambdas])

    def gains(self, chosen: Ints) -> Floats:
        """What the chosen columns add to the value: (prices, words)."""
        return np.asarray(self.gain[np.arange(len(self.words)), chosen])

    def takes(self, chosen: Ints) -> Floats:
        """What they add to the cost."""
        return np.asarray(self.take[np.arange(len(self.words)), chosen])

    def policy(self, chosen: Ints) -> Policy:
        """The cascade of the columns chosen for each word (words,)."""
        n_columns = self.cuts.shape[1]
        nexts = [self.others[int(column) // n_columns] for column in chosen]
        cuts = [float(self.cuts[at, int(column) % n_columns]) for at, column in enumerate(chosen)]
        asks = [cut > float(self.cuts[at, 0]) for at, cut in enumerate(cuts)]
        going = [part for part, asked in zip(nexts, asks, strict=True) if asked]
        if not self.others_said and going:  # nobody is asked after what was never said, but where the first fails
            nexts[-1] = max(set(going), key=going.count)
        used = sorted({*going, nexts[-1]})
        order = (self.part, nexts[-1], *(part for part in used if part != nexts[-1]))
        rules = tuple(
            Rule(word, cut, order.index(part) if asked else 1)
            for word, cut, part, asked in zip(self.words[:-1], cuts, nexts, asks, strict=False)
        )
        return OneByOne(order, (cuts[-1], *[0.0] * (len(order) - 2)), rules)
