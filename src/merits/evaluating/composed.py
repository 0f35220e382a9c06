"""What composites used and cost: the sum over the parts that each asked, row by row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.evaluation import Composed, Evaluation
from merits.core.selection import selected

__all__ = ["apart", "priced_composites"]

Array: TypeAlias = NDArray[Any]


def apart(evaluation: Evaluation, n: int, composed: Mapping[int, Composed]) -> Evaluation:
    """The evaluation of the first n candidates, with the others as its `parts`, and what composites used filled in.

    In `evaluation` all are candidates, and composites have used nothing. Without parts and composites it is returned as
    it is.
    """
    if not composed and n == len(evaluation.candidates):
        return evaluation
    evaluation = _with_usage(evaluation, composed)
    own = dataclasses.replace(selected(evaluation, range(n)), composed=dict(composed))
    hidden = range(n, len(evaluation.candidates))
    return dataclasses.replace(own, parts=_bare(selected(evaluation, hidden))) if hidden else own


def priced_composites(evaluation: Evaluation) -> Evaluation:
    """The evaluation with the costs of its composites, under the present costs of whom they asked."""
    if not evaluation.composed:
        return evaluation
    n, known = len(evaluation.candidates), dict[int, tuple[Array, bool]]()

    def of(k: int) -> tuple[Array, bool]:
        if k not in known:
            known[k] = _summed(evaluation.composed[k]) if k in evaluation.composed else _own(k)
        return known[k]

    def _own(k: int) -> tuple[Array, bool]:
        if k < n:
            return evaluation.cost[k], bool(evaluation.priced[k])
        assert evaluation.parts is not None
        return evaluation.parts.cost[k - n], bool(evaluation.parts.priced[k - n])

    def _summed(made: Composed) -> tuple[Array, bool]:
        costs = [of(part) for part in made.parts]
        total = np.zeros(evaluation.n_rows)
        for asked, (cost, _) in zip(made.consulted, costs, strict=True):
            total += np.where(asked, cost, 0.0)
        return total, all(priced for _, priced in costs)

    cost, priced = evaluation.cost.copy(), evaluation.priced.copy()
    for k in evaluation.composed:
        if k < n:
            cost[k], priced[k] = of(k)
    return dataclasses.replace(evaluation, cost=cost, priced=priced)


def _with_usage(evaluation: Evaluation, composed: Mapping[int, Composed]) -> Evaluation:
    """All arrays of usage, in which composites have what those used that they asked; parts come before composites."""
    machine_s, attempts = evaluation.machine_s.copy(), evaluation.attempts.copy()
    tokens = {name: counts.copy() for name, counts in evaluation.tokens.items()}
    unmetered = None if evaluation.unmetered is None else evaluation.unmetered.copy()
    arrays: list[Array] = [machine_s, attempts, *tokens.values(), *([] if unmetered is None else [unmetered])]
    for k in _by_depth(composed):
        made = composed[k]
        for array in arrays:
            array[k] = (array[list(made.parts)] * made.consulted).sum(axis=0)
    return dataclasses.replace(evaluation, machine_s=machine_s, attempts=attempts, tokens=tokens, unmetered=unmetered)


def _by_depth(composed: Mapping[int, Composed]) -> list[int]:
    def depth(k: int) -> int:
        return 1 + max(map(depth, composed[k].parts)) if k in composed else 0

    return sorted(composed, key=depth)


def _bare(parts: Evaluation) -> Evaluation:
    """Without what nobody asks of parts: their scores and their predictions."""
    return dataclasses.replace(
        parts, scores={}, counts={}, labels=None, confidence={}, facts={}, judged=(), taught=(), calls={}, tags={}
    )
