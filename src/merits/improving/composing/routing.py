"""Routers from forecasts: at each price of value the part whose forecast less its price is highest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from merits.core.candidate import Candidate
from merits.improving.composing.frontier import Family, Found
from merits.improving.composing.gains import Forecast, Learner
from merits.improving.composing.policies import Policy, Routed
from merits.improving.composing.pool import Floats, Ints, Pool, folds

__all__ = ["Routing", "families_of", "foretold", "routers"]

_FOLDS = 4
_PRICES = np.r_[0.0, np.geomspace(1e-3, 10.0, 100)]


@dataclass(frozen=True)
class Routing:
    """The part of the highest forecast less its price (candidates - 1,).

    `learned` are the rows that the forecast was learned from, and what forecasts learned from others bring there on
    average.
    """

    forecast: Forecast
    prices: Floats
    learned: tuple[Pool, float] | None = None

    @property
    def memorised(self) -> float:
        """How much more it brings, summed over the rows that it learned from, than it would on others like them."""
        if self.learned is None:
            return 0.0
        pool, apart = self.learned
        return max(float(self.apply(pool).value.mean() - apart) * pool.n, 0.0)

    def apply(self, pool: Pool) -> Routed:
        """Plays it through stored answers."""
        chosen = _chosen(self.forecast.on(pool), self.prices)
        return _routed(pool, chosen, looks=self.forecast.looks)

    def recipe(self, pool: Pool, name: str) -> Candidate:
        """The router over all candidates of the pool, and last whom it looks at first.

        Where that one cannot be asked, the best candidate is.
        """
        params, parts = self.forecast.params(self.prices), pool.candidates
        if self.forecast.looks:
            assert pool.looking is not None, "a forecast that looks has something to look at"
            params, parts = params | {"otherwise": pool.best}, (*parts, pool.looking.candidate)
        return Candidate(name=name, kind="router", params=params, parts=parts)


@dataclass(frozen=True)
class _Learned:
    """A forecast that is learned on all rows when the first policy is made of it."""

    pool: Pool
    learner: Learner
    prices: Floats
    apart: Floats  # the mean value at each price by forecasts of rows not learned from
    made: dict[int, Policy] = field(default_factory=dict)

    @cached_property
    def forecast(self) -> Forecast:
        return self.learner(self.pool)

    def __call__(self, number: int) -> Policy:
        learned = (self.pool, float(self.apart[number]))
        return self.made.setdefault(number, Routing(self.forecast, self.prices[number], learned))


def routers(pool: Pool, learner: Learner) -> Found:
    """A router at each of 101 prices of value; what they bring is said by forecasts of rows not learned from."""
    forecast, looks = _out_of_fold(pool, learner)
    cost = pool.cost.mean(axis=1)
    prices = _PRICES[:, None] * (cost[1:] - cost[0]) / max(float(cost.max()), 1e-300)
    routed = [_routed(pool, _chosen(forecast, price), looks=looks) for price in prices]
    values, costs = (np.array([getattr(one, name).mean() for one in routed]) for name in ("value", "cost"))
    return Found(values, costs, _Learned(pool, learner, prices, values))


def foretold(pool: Pool, learner: Learner) -> Floats:
    """The forecasts of every row by what was learned from the other folds: (candidates - 1, rows)."""
    return _out_of_fold(pool, learner)[0]


def _out_of_fold(pool: Pool, learner: Learner) -> tuple[Floats, bool]:
    """The same, and whether it looks at the embedding."""
    fold = folds(pool.groups, _FOLDS, np.random.default_rng(0))
    found, looks = np.zeros((pool.size - 1, pool.n)), False
    for one in range(_FOLDS):
        if (fold == one).any():
            forecast = learner(pool.rows(fold != one))
            looks = looks or forecast.looks
            found[:, fold == one] = forecast.on(pool.rows(fold == one))
    return found, looks


def families_of(learners: Mapping[str, Learner]) -> list[Family]:
    """A family of routers for each way to learn."""
    return [partial(routers, learner=learner) for learner in learners.values()]


def _chosen(forecast: Floats, prices: Floats) -> Ints:
    """The part of each row; of equal ones the cheapest."""
    return np.asarray(np.argmax(np.vstack([np.zeros(forecast.shape[1]), forecast - prices[:, None]]), axis=0))


def _routed(pool: Pool, chosen: Ints, *, looks: bool) -> Routed:
    """What the chosen parts bring and take; with `looks` the embedding of each text is paid too."""
    rows = np.arange(pool.n)
    cost = pool.cost[chosen, rows]
    if looks:
        assert pool.looking is not None, "a forecast that looks has something to look at"
        cost = cost + pool.looking.cost
    return Routed(pool.value[chosen, rows], cost)
