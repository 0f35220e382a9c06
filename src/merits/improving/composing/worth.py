"""What every answer of a pool brings in money, before its cost: worth of what is solved, loss of what is wrong."""

from __future__ import annotations

import numpy as np

from merits.core.doors import Brief
from merits.improving.composing.pool import Floats, Ints, Pool

__all__ = ["money_of"]


def money_of(brief: Brief, pool: Pool, rows: Ints) -> Floats:
    """Money for each answer (candidates, rows): the worth where it solved the case, less the loss where it was wrong.

    Mistakes of a class with a loss of their own cost that. Failures bring nothing. Waiting, abstaining and reviews do
    not count here; they do in the decision.
    """
    needs, evaluation = brief.task.needs, brief.evaluation
    k = np.array([evaluation.index(candidate.name) for candidate in pool.candidates])
    at = np.ix_(k, rows)
    solved, wrong = evaluation.solved[at], evaluation.scored[at] & ~evaluation.solved[at]
    loss = np.full(solved.shape, needs.loss_of_wrong)
    if evaluation.labels is not None and needs.loss_by_class:
        names = np.array([*evaluation.labels.classes, ""])  # the last stands for -1: no or an off-list label
        target, said = names[evaluation.labels.target[rows]], names[evaluation.labels.predicted[at]]
        for wanted, by_said in needs.loss_by_class.items():
            for label, amount in by_said.items():
                loss[(target == wanted)[None, :] & (said == label)] = amount
    return np.asarray((needs.worth_of_solved or 0.0) * (solved & evaluation.scored[at]) - loss * wrong)
