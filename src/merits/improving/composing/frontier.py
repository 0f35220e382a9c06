"""Of many policies, those that nothing cheaper equals; and of these the cheapest that brings enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from merits.improving.composing.policies import Policy, Single
from merits.improving.composing.pool import Floats, Ints, Pool

__all__ = ["Family", "Found", "Frontier", "frontier", "singles"]

_MOST = 80  # policies of a frontier that are kept: more differ by less than what can be told apart


@dataclass(frozen=True)
class Found:
    """The mean value and cost of policies (policies,), as they were searched, and how to make one by its number."""

    values: Floats
    costs: Floats
    make: Callable[[int], Policy]


Family: TypeAlias = Callable[[Pool], Found]
"""Searches policies of one sort on the rows of a pool."""


@dataclass(frozen=True)
class Frontier:
    """Policies from cheap to dear, each better than all cheaper ones. `n_searched` is of how many they are."""

    values: Floats
    costs: Floats
    policies: tuple[Policy, ...]
    n_searched: int

    def cheapest(self, at_least: float) -> Policy | None:
        """The cheapest policy of at least this mean value; None where there is none."""
        enough = np.flatnonzero(self.values >= at_least)
        return self.policies[int(enough[0])] if len(enough) else None

    def best_net(self) -> Policy:
        """The policy that brings most above its cost, where values are money too."""
        return self.policies[int(np.argmax(self.values - self.costs))]


def singles(pool: Pool) -> Found:
    """Every candidate alone."""
    return Found(pool.value.mean(axis=1), pool.cost.mean(axis=1), Single)


def frontier(pool: Pool, families: Sequence[Family]) -> Frontier:
    """The frontier of all policies of these families and of the candidates alone.

    Families may foretell what a policy brings (out of fold); what they say is taken as it is.
    """
    found = [singles(pool), *(family(pool) for family in families)]
    values, costs = (np.concatenate([getattr(one, name) for one in found]) for name in ("values", "costs"))
    starts = np.cumsum([0, *(len(one.values) for one in found)])
    kept = _thinned(_undominated(values, costs), values)

    def made(number: int) -> Policy:
        family = int(np.searchsorted(starts, number, side="right")) - 1
        return found[family].make(int(number - starts[family]))

    return Frontier(values[kept], costs[kept], tuple(made(int(number)) for number in kept), len(values))


def _undominated(values: Floats, costs: Floats) -> Ints:
    """The numbers of those that are better than all that are as cheap, cheapest first."""
    order = np.lexsort((-values, costs))
    best = np.maximum.accumulate(values[order])
    better = np.r_[True, best[1:] > best[:-1] + 1e-12] if len(order) else np.zeros(0, np.bool_)
    return np.asarray(order[better])


def _thinned(kept: Ints, values: Floats) -> Ints:
    """At most so many of them, evenly spaced by value, the ends among them; finely at the top, where floors lie."""
    if len(kept) <= _MOST:
        return kept
    top = np.arange(max(len(kept) - _MOST // 2, 0), len(kept))
    low, high = values[kept[0]], values[kept[-1]]
    even = np.searchsorted(values[kept], np.linspace(low, high, _MOST // 2))
    return np.asarray(kept[np.unique(np.r_[0, np.minimum(even, len(kept) - 1), top])])
