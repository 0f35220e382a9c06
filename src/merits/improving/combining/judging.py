"""Whether an ensemble is worth keeping: better than the best candidate alone on dev, or cheaper at no loss.

Dev only proposes: it was searched, so what is left of a gain is said by test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merits.candidates.ensembles.rules import rule_of
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Brief
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.improving.combining.seeds import Seed, seeds_of
from merits.improving.searching.objectives import default_objective, of_a_candidate, values_by_row
from merits.reading.forecasts import forecast_of
from merits.reading.numbers import number_in
from merits.stats import difference_bounds, mean

__all__ = ["Judge", "Judged", "kept_of"]

Floats = NDArray[np.float64]

_LEVEL = 0.8  # of the one-sided bound by which one is kept; test decides at the confidence of the Needs
_NO_LOSS = 0.01  # how much worse a cheaper one may be at most


@dataclass(frozen=True)
class Judged:
    """An ensemble beside the best candidate alone: the mean gain, its lower bound, its cost, and whether it is kept."""

    candidate: Candidate
    gain: float
    low: float
    cost: float
    kept: bool


def kept_of(judged: Sequence[Judged], most: int) -> list[Candidate]:
    """Those to keep: the one that gains most, the cheapest, then the others by what they gain."""
    good = sorted((one for one in judged if one.kept), key=lambda one: -one.gain)
    order = [*good[:1], *sorted(good, key=lambda one: one.cost)[:1], *good]
    return list({one.candidate.id: one.candidate for one in order}.values())[:most]


class Judge:
    """Compares ensembles with the best candidate alone, row by row (paired)."""

    def __init__(self, brief: Brief, seed: Seed | None = None) -> None:
        self._brief = brief
        self._seed = seed or seeds_of(brief)[0]
        self._numbers = rule_of(brief.task.kind) == "numbers"
        self._values, self._known = self._of(brief.evaluation, self._seed.at, self._seed.candidate.name)

    def judged(self, evaluation: Evaluation) -> list[Judged]:
        """The candidates of an evaluation that could be evaluated, the greatest gain first."""
        found = [self._judged(evaluation, at) for at in range(len(evaluation.candidates))]
        return sorted((one for one in found if one is not None), key=lambda one: -one.gain)

    def _judged(self, evaluation: Evaluation, at: int) -> Judged | None:
        values, known = self._of(evaluation, at, evaluation.names[at])
        both = known & self._known
        if not both.any():
            return None
        low = self._low(values[both], self._values[both], evaluation.group[both])
        cheaper = self._cheaper(evaluation, at)
        gain = float((values[both] - self._values[both]).mean())
        cost = float(evaluation.cost[at].mean()) if evaluation.priced[at] else np.inf
        return Judged(evaluation.candidates[at], gain, low, cost, low > 0.0 or (cheaper and low >= -self._no_loss()))

    def _no_loss(self) -> float:
        """A hundredth: of the cases, of a score, of what a solved one is worth, or of the mean squared error."""
        if self._numbers:
            return _NO_LOSS * float(-self._values[self._known].mean())
        return _NO_LOSS * (self._brief.task.needs.worth_of_solved or 1.0)

    def _low(self, values: Floats, others: Floats, group: NDArray[np.integer]) -> float:
        groups = group if len(np.unique(group)) < len(group) else None
        if not self._numbers and default_objective(self._brief.task.needs) == "quality":
            return _or_none(difference_bounds(values, others, groups, _LEVEL).low)
        return _or_none(mean(values - others, groups, 2.0 * _LEVEL - 1.0).low)

    def _cheaper(self, evaluation: Evaluation, at: int) -> bool:
        alone = self._brief.evaluation
        if not (evaluation.priced[at] and alone.priced[self._seed.at]):
            return False
        return bool(evaluation.cost[at].mean() < alone.cost[self._seed.at].mean())

    def _of(self, evaluation: Evaluation, at: int, name: str) -> tuple[Floats, NDArray[np.bool_]]:
        """The value of each row, larger is better, and where it is known."""
        outcomes = of_a_candidate(evaluation, at)
        if self._numbers and self._brief.task.needs.worth_of_solved is None:
            return (
                _squared_errors(self._brief, self._brief.said(name)) if outcomes.due.any() else _nothing(outcomes.due)
            )
        objective = default_objective(self._brief.task.needs)
        measure = objective == "quality" and not self._brief.evaluation.solved.any()
        values = values_by_row("measure" if measure else objective, outcomes, self._brief.task.needs)
        scored = outcomes.status == Status.SCORED
        return values, outcomes.due if objective == "quality" else scored


def _nothing(due: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    return np.zeros(len(due)), due


def _squared_errors(brief: Brief, said: Sequence[Answer | None]) -> tuple[Floats, NDArray[np.bool_]]:
    """Less the squared error of each row, and where there is one."""
    targets = {example.id: number_in(example.target) for example in brief.task.split("dev")}
    values, known = np.zeros(len(said)), np.zeros(len(said), np.bool_)
    for row, answer in enumerate(said):
        target = targets.get(str(brief.evaluation.examples[row]))
        forecast = None if answer is None or answer.failure else forecast_of(answer.output)
        if target is not None and forecast is not None and brief.evaluation.perturbations[row] == "":
            values[row], known[row] = -((forecast.value - target) ** 2), True
    return values, known


def _or_none(low: float | None) -> float:
    return -np.inf if low is None else low
