"""A cascade as arrays see it: what it brings and takes on every row, and the recipe that does exactly that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from merits.candidates.routing.reading import UNASKABLE
from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.improving.composing.pool import Floats, Pool

__all__ = ["Agreeing", "OneByOne", "Policy", "Routed", "Rule", "Single"]


@dataclass(frozen=True)
class Routed:
    """What the final answers bring (rows,) and what all that were asked took (rows,)."""

    value: Floats
    cost: Floats


class Policy(Protocol):
    """Whom to ask, in arrays (`apply`) and as a candidate (`recipe`); both do the same."""

    def apply(self, pool: Pool) -> Routed:
        """Plays it through stored answers."""
        ...

    def recipe(self, pool: Pool, name: str) -> Candidate:
        """The candidate that does this, made of the pool's."""
        ...


@dataclass(frozen=True)
class Single:
    """One candidate alone."""

    part: int

    def apply(self, pool: Pool) -> Routed:
        """What the candidate brings and takes."""
        return Routed(pool.value[self.part], pool.cost[self.part])

    def recipe(self, pool: Pool, name: str) -> Candidate:
        """The candidate as it is."""
        return pool.candidates[self.part]


@dataclass(frozen=True)
class Rule:
    """After the first part said the word of this code: the threshold, and the place in the order that is asked."""

    word: int
    threshold: float
    next: int


@dataclass(frozen=True)
class OneByOne:
    """Parts in this order, each final where it is at least as sure as its threshold.

    `weights` (one for each part but the last) turn the look of an answer into how sure it is; () for the confidence.
    """

    order: tuple[int, ...]
    thresholds: tuple[float, ...]
    rules: tuple[Rule, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()

    def apply(self, pool: Pool) -> Routed:
        """Plays it through stored answers, all rows at once: who is asked next always stands later in the order."""
        value, cost = np.zeros(pool.n), np.zeros(pool.n)
        due = np.zeros(pool.n, np.int64)
        last = len(self.order) - 1
        for place, part in enumerate(self.order):
            here = np.flatnonzero(due == place)
            cost[here] += pool.cost[part, here]
            final = pool.answered[part, here] if place else np.ones(len(here), np.bool_)
            value[here[final]] = pool.value[part, here[final]]
            if place < last:
                threshold, following = self._gates(pool, place, here)
                going = self._sure(pool, place)[here] < threshold
                due[here[going]] = following[going]
        return Routed(value, cost)

    def _gates(self, pool: Pool, place: int, here: np.ndarray) -> tuple[Floats, np.ndarray]:
        threshold = np.full(len(here), self.thresholds[place])
        following = np.full(len(here), place + 1)
        if place == 0:
            words = pool.said[self.order[0], here]
            for rule in self.rules:
                at = words == rule.word
                threshold[at], following[at] = rule.threshold, rule.next
        return threshold, following

    def _sure(self, pool: Pool, place: int) -> Floats:
        part = self.order[place]
        if not self.weights:
            return np.asarray(pool.sure[part])
        assert pool.looks is not None, "there are weights of looks only where answers have a look"
        weights = np.array(self.weights[place])
        return np.where(pool.answered[part], weights[0] + pool.looks[part] @ weights[1:], UNASKABLE)

    def recipe(self, pool: Pool, name: str) -> Candidate:
        """The cascade of these parts."""
        params: dict[str, JSON] = {"thresholds": [float(threshold) for threshold in self.thresholds]}
        if self.rules:
            params["rules"] = {
                pool.words[rule.word]: {"threshold": float(rule.threshold), "next": rule.next} for rule in self.rules
            }
        if self.weights:
            params |= {"decides": "surface", "surface": [list(weights) for weights in self.weights]}
        parts = tuple(pool.candidates[part] for part in self.order)
        return Candidate(name=name, kind="cascade", params=params, parts=parts)


@dataclass(frozen=True)
class Agreeing:
    """The first two parts together, then one after the other, until two have said the same."""

    order: tuple[int, ...]

    def apply(self, pool: Pool) -> Routed:
        """Plays it through stored answers, all rows at once."""
        value, cost = np.zeros(pool.n), np.zeros(pool.n)
        settled = np.zeros(pool.n, np.bool_)
        for place, part in enumerate(self.order):
            here = ~settled
            cost[here] += pool.cost[part, here]
            spoke = here & pool.answered[part]
            value[spoke] = pool.value[part, spoke]
            if place:
                earlier = pool.said[list(self.order[:place])]
                agreed = ((earlier == pool.said[part]) & pool.answered[list(self.order[:place])]).any(axis=0)
                settled |= spoke & agreed
        return Routed(value, cost)

    def recipe(self, pool: Pool, name: str) -> Candidate:
        """The cascade of these parts."""
        parts = tuple(pool.candidates[part] for part in self.order)
        return Candidate(name=name, kind="cascade", params={"decides": "agreement"}, parts=parts)
