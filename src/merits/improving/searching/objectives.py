"""What is looked for: a value for each row, larger is better, and how far a candidate is from what is required.

Points, not proofs: they guide a search on `dev`; what is decided is decided on `test`. Nothing here is an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.stats.critical import Bools, Floats

__all__ = [
    "Objective",
    "Outcomes",
    "default_objective",
    "left_out",
    "must_suit",
    "of_a_candidate",
    "shortfalls",
    "value_of",
    "values_by_row",
]

Objective: TypeAlias = Literal["quality", "measure", "net value", "cost", "latency", "cheapest"]
"""The share of cases solved; the mean of the task's first measure; the money that a case brings; what one costs; the
95th percentile of seconds; and what a case costs with those that meet the Needs."""

_OF_MONEY = ("net value", "cost", "cheapest")
_QUANTILES = {"p50_latency": 50.0, "p95_latency": 95.0, "p99_latency": 99.0}
_SHARES = ("accuracy", "solved", "quality")
_COSTS = {"cost_per_case": 1.0, "cost_per_1000": 1000.0}


@dataclass(frozen=True)
class Outcomes:
    """What became of the rows of `dev` with one candidate: a column of an `Evaluation` each, (rows,)."""

    status: np.typing.NDArray[np.int8]
    value: Floats
    solved: Bools
    cost: Floats
    latency_s: Floats
    timed: Bools
    scores: dict[str, Floats]
    priced: bool

    @property
    def due(self) -> Bools:
        """The rows that count: answered or failed. Those that nobody could judge, or was asked, do not."""
        return np.asarray((self.status == Status.SCORED) | (self.status == Status.FAILED))

    @property
    def asked(self) -> Bools:
        """The rows of which anything is known."""
        return np.asarray(self.status != Status.MISSING)

    def with_more(self, other: Outcomes) -> Outcomes:
        """These rows, and those that were asked since."""
        new = other.asked

        def either(mine: np.typing.NDArray[np.generic], theirs: np.typing.NDArray[np.generic]) -> object:
            return np.where(new, theirs, mine)

        columns = {name: either(getattr(self, name), getattr(other, name)) for name in _COLUMNS}
        scores = {name: np.where(new, other.scores.get(name, mine), mine) for name, mine in self.scores.items()}
        return replace(self, **columns, scores=scores, priced=self.priced and other.priced)  # type: ignore[arg-type]


_COLUMNS = ("status", "value", "solved", "cost", "latency_s", "timed")


def of_a_candidate(evaluation: Evaluation, k: int) -> Outcomes:
    """The outcomes of one candidate of an evaluation. Perturbed rows count as not asked: a search is on the plain."""
    status = np.where(evaluation.perturbations == "", evaluation.status[k], np.int8(Status.MISSING)).astype(np.int8)
    answered = (status == Status.SCORED) | (status == Status.UNSCORED)
    return Outcomes(
        status=status,
        value=evaluation.value[k],
        solved=evaluation.solved[k],
        cost=evaluation.cost[k],
        latency_s=evaluation.latency_s[k],
        timed=answered if evaluation.untimed is None else answered & ~evaluation.untimed[k],
        scores={name: values[k] for name, values in _measures(evaluation).items()},
        priced=bool(evaluation.priced[k]),
    )


def default_objective(needs: Needs) -> Objective:
    """What candidates are compared by when it is decided: net value where a solved case has a worth, else quality."""
    return "quality" if needs.worth_of_solved is None else "net value"


def must_suit(objectives: Sequence[Objective], needs: Needs) -> None:
    """Nothing, where the needs say enough to look for these; else UsageError."""
    if "net value" in objectives and needs.worth_of_solved is None:
        raise UsageError("nobody said what a solved case is worth.", "Add needs: {worth_of_solved: 0.5} to the task.")
    if "cheapest" in objectives and not any(not one.is_fact for one in needs.requirements):
        raise UsageError(
            "the cheapest that meets the needs is looked for, and no requirement here says what must be met.",
            "Add one to the task: needs: {requirements: [accuracy >= 0.9]}, or look for cost and quality.",
        )
    if len(set(objectives)) < len(objectives) or {"cost", "cheapest"} <= {*objectives}:
        raise UsageError(f"{', '.join(objectives)} name one objective twice.", "Name each once.")


def values_by_row(objective: Objective, found: Outcomes, needs: Needs) -> Floats:
    """The value of every row (rows,), larger is better; meaningless where a row does not count.

    A failure solves nothing, and costs what it cost. The net value is that of `merits.deciding.values` without reviews,
    abstentions and losses by class.
    """
    scored = found.status == Status.SCORED
    if objective == "quality":
        return np.asarray(scored & found.solved, np.float64)
    if objective == "measure":
        return np.where(scored, found.value, 0.0)
    if objective == "latency":
        return np.where(found.timed, -found.latency_s, 0.0)
    if objective in ("cost", "cheapest"):
        return np.asarray(-found.cost)
    gain = (needs.worth_of_solved or 0.0) * found.solved - needs.loss_of_wrong * ~found.solved
    waited = np.maximum(found.latency_s - needs.free_wait_s, 0.0)
    return np.asarray(np.where(scored, gain - needs.price_of_waiting * waited, 0.0) - found.cost)


def value_of(objective: Objective, found: Outcomes, needs: Needs) -> float | None:
    """The value of a candidate, larger is better: the mean over its rows, or of latency the 95th percentile, negative.

    None where nothing is known of it, or its price is not.
    """
    if objective == "latency":
        return None if not found.timed.any() else -float(np.percentile(found.latency_s[found.timed], 95.0))
    if not found.due.any() or (objective in _OF_MONEY and not found.priced):
        return None
    return float(values_by_row(objective, found, needs)[found.due].mean())


def shortfalls(found: Outcomes, needs: Needs) -> dict[str, float]:
    """By how much the outcomes miss each bar that is judged here, as a share of it; 0 or less where it is met."""
    missed = {}
    for requirement in needs.requirements:
        value = _measured(requirement, found, needs) if requirement.is_plain and not requirement.of else None
        if value is not None:
            gap = requirement.bar - value if requirement.op == ">=" else value - requirement.bar
            missed[str(requirement)] = gap / max(abs(requirement.bar), 1e-9)
    return missed


def left_out(evaluation: Evaluation, needs: Needs, objectives: Sequence[Objective]) -> tuple[str, ...]:
    """What of the needs does not guide a search that starts from an evaluation, in words: it is judged on test."""
    judged = {name for k in range(len(evaluation.names)) for name in shortfalls(of_a_candidate(evaluation, k), needs)}
    notes = [
        f"{requirement} does not guide the search; it is judged on test."
        for requirement in needs.requirements
        if not requirement.is_fact and str(requirement) not in judged
    ]
    if "net value" in objectives and (
        needs.loss_by_class or needs.review_below is not None or needs.loss_of_abstaining is not None
    ):
        notes.append("Reviews, abstentions and losses by class are not in the net value that guides the search.")
    return tuple(notes)


def _measures(evaluation: Evaluation) -> dict[str, Floats]:
    """The scorers whose measure is the mean over answers, not one of all answers together."""
    every = {evaluation.scorer: evaluation.value, **evaluation.scores}
    return {name: values for name, values in every.items() if name not in evaluation.counts}


def _measured(requirement: Requirement, found: Outcomes, needs: Needs) -> float | None:
    """The point estimate of what is required; None where it is not judged here, or not known."""
    metric, due, scored = requirement.metric, found.due, found.status == Status.SCORED
    value: float | None = None
    if metric in _QUANTILES and found.timed.any():
        value = float(np.percentile(found.latency_s[found.timed], _QUANTILES[metric]))
    elif metric in _SHARES:
        value = value_of("quality", found, needs)
    elif metric in _COSTS and found.priced and due.any():
        value = _COSTS[metric] * float(found.cost[due].mean())
    elif metric == "net_value_per_case" and needs.worth_of_solved is not None:
        value = value_of("net value", found, needs)
    elif metric == "failure_rate" and due.any():
        value = float((~scored)[due].mean())
    elif metric in found.scores and due.any():
        value = float(np.where(scored, found.scores[metric], 0.0)[due].mean())
    return value
