"""Every cascade of two or three parts in any order with any pair of thresholds on a grid, in one pass over the rows.

Rows are counted into cells by where the first two parts' confidence lies on their grids; running sums over the cells
are what every pair of thresholds brings and takes. 1,000 cascades over 10,000 examples take a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from merits.improving.composing.frontier import Found
from merits.improving.composing.policies import Agreeing, OneByOne, Policy
from merits.improving.composing.pool import Floats, Ints, Pool

__all__ = ["agreements", "chains", "cuts_of", "orders_of"]

_MOST_ORDERS = 120


def chains(pool: Pool, most_parts: int = 3, n_cuts: int = 24) -> Found:
    """All cascades by confidence of up to `most_parts` (2 or 3) parts, at `n_cuts` thresholds for each part."""
    grids = [_Grid.of(pool, part, n_cuts) for part in range(pool.size)]
    values, costs, whose = [], [], []
    for order in orders_of(pool.size, most_parts):
        value, cost = _pairs(pool, grids, order) if len(order) == 2 else _triples(pool, grids, order)
        values.append(value.ravel())
        costs.append(cost.ravel())
        whose.append((order, value.shape))
    starts = np.cumsum([0, *(len(each) for each in values)])

    def make(number: int) -> Policy:
        which = int(np.searchsorted(starts, number, side="right")) - 1
        order, shape = whose[which]
        cells = np.unravel_index(number - int(starts[which]), shape)
        return OneByOne(order, tuple(float(grids[p].cuts[c]) for p, c in zip(order, cells, strict=False)))

    return Found(np.concatenate([*values, np.zeros(0)]), np.concatenate([*costs, np.zeros(0)]), make)


def agreements(pool: Pool, most_parts: int = 3) -> Found:
    """All cascades by agreement: two parts are asked together, a third where they disagree.

    None where it is not known what was said.
    """
    orders = [order for order in orders_of(pool.size, most_parts) if len(order) == 3 and order[0] < order[1]]
    orders = orders if pool.words else []
    routed = [Agreeing(order).apply(pool) for order in orders]
    return Found(
        np.array([one.value.mean() for one in routed]),
        np.array([one.cost.mean() for one in routed]),
        lambda number: Agreeing(orders[number]),
    )


def orders_of(size: int, most_parts: int) -> list[tuple[int, ...]]:
    """The orders that are tried: of few candidates all, of many those from cheap to dear, then the others.

    >>> orders_of(3, 2)
    [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)]
    """
    longest = min(most_parts, size, 3)
    found = [order for length in range(2, longest + 1) for order in permutations(range(size), length)]
    found.sort(key=lambda order: (list(order) != sorted(order), len(order), order))
    return found[: max(_MOST_ORDERS, sum(len(order) == 2 for order in found) // 2)]


def cuts_of(sure: Floats, n_cuts: int) -> Floats:
    """At most `n_cuts` + 2 rising thresholds: all answers are final at the first, none at the last.

    >>> cuts_of(np.array([0.5, 0.5, 0.9, -np.inf]), 4).tolist()
    [0.5, 0.9, 1.9]
    """
    known = sure[np.isfinite(sure)]
    if not len(known):
        return np.zeros(1)
    ends = [known.min(), known.max() + 1.0]
    return np.unique(np.r_[ends, np.quantile(known, np.linspace(0.0, 1.0, n_cuts), method="nearest")])


@dataclass(frozen=True)
class _Grid:
    """The thresholds of a part, and in which cell each row lies: final at cut c exactly where its cell is above c."""

    cuts: Floats
    cell: Ints

    @classmethod
    def of(cls, pool: Pool, part: int, n_cuts: int) -> _Grid:
        cuts = cuts_of(pool.sure[part], n_cuts)
        return cls(cuts, np.asarray(np.searchsorted(cuts, pool.sure[part], side="right")))


def _pairs(pool: Pool, grids: Sequence[_Grid], order: tuple[int, ...]) -> tuple[Floats, Floats]:
    """What a cascade of two brings and takes at every cut of the first."""
    first, second = order
    grid = grids[first]
    fallen = np.where(pool.answered[second], pool.value[second], pool.value[first])
    size = len(grid.cuts) + 1
    gained = np.bincount(grid.cell, fallen - pool.value[first], size).cumsum()[:-1]
    spent = np.bincount(grid.cell, pool.cost[second], size).cumsum()[:-1]
    n = max(pool.n, 1)
    return pool.value[first].mean() + gained / n, pool.cost[first].mean() + spent / n


def _triples(pool: Pool, grids: Sequence[_Grid], order: tuple[int, ...]) -> tuple[Floats, Floats]:
    """What a cascade of three brings and takes at every pair of cuts (cuts of the first, cuts of the second)."""
    first, second, third = order
    one, two = grids[first], grids[second]
    v1 = pool.value[first]
    v2 = np.where(pool.answered[second], pool.value[second], v1)
    v3 = np.where(pool.answered[third], pool.value[third], v2)
    shape = (len(one.cuts) + 1, len(two.cuts) + 1)
    cell = one.cell * shape[1] + two.cell

    def below(weights: Floats) -> Floats:
        """The sum over rows that are not final at the first's cut nor, but for the last column, at the second's."""
        table = np.bincount(cell, weights, shape[0] * shape[1]).reshape(shape)
        return np.asarray(table.cumsum(axis=0).cumsum(axis=1)[:-1])

    to_second, to_third = below(v2 - v1)[:, -1:], below(v3 - v2)[:, :-1]
    cost_second, cost_third = below(pool.cost[second])[:, -1:], below(pool.cost[third])[:, :-1]
    n = max(pool.n, 1)
    return v1.mean() + (to_second + to_third) / n, pool.cost[first].mean() + (cost_second + cost_third) / n
