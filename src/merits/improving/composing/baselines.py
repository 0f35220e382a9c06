"""What a cascade or a router must be shown beside: the cheap tricks that often do as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from merits.improving.composing.choosing import Choice
from merits.improving.composing.frontier import Family
from merits.improving.composing.gains import Learner
from merits.improving.composing.policies import Routed
from merits.improving.composing.pool import Floats, Pool
from merits.improving.composing.routing import routers

__all__ = ["beside", "coin", "mixed"]

_TABLES = ("language", "length")


def beside(choose: Callable[[Sequence[Family]], Choice], learners: Mapping[str, Learner]) -> dict[str, Choice]:
    """What the same goal reaches with less: the cheapest alone that meets it; tables by columns, language, length."""
    tables = {name: each for name, each in learners.items() if name in _TABLES or name.startswith("the column")}
    simple = {"one alone": choose([])}
    return simple | {name: choose([partial(routers, learner=each)]) for name, each in tables.items()}


def mixed(pool: Pool, cost: float) -> float:
    """The mean value of tossing a coin between two candidates alone, at this mean cost: the best such pair.

    >>> pool = Pool((), np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]), np.zeros((2, 1)), np.zeros((2, 1), int), (),
    ...     np.arange(1))
    >>> mixed(pool, 0.25)
    0.25
    """
    values, costs = pool.value.mean(axis=1), pool.cost.mean(axis=1)
    best = float(values[costs <= cost].max(initial=float(values[0])))
    for cheap in np.flatnonzero(costs <= cost):
        for dear in np.flatnonzero(costs > cost):
            share = (cost - costs[cheap]) / (costs[dear] - costs[cheap])
            best = max(best, float(values[cheap] + share * (values[dear] - values[cheap])))
    return best


def coin(pool: Pool, routed: Routed) -> float:
    """How much better a policy is than tossing a coin at the same cost."""
    value: Floats = routed.value
    return float(value.mean()) - mixed(pool, float(routed.cost.mean()))
