"""Evaluations made of plain arrays, for tests of what is decided on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation, Labels
from merits.core.outcome import Status


def evaluation_of(
    solved: Mapping[str, ArrayLike],
    *,
    cost: Mapping[str, ArrayLike] | None = None,
    status: Mapping[str, ArrayLike] | None = None,
    latency_s: Mapping[str, ArrayLike] | None = None,
    machine_s: Mapping[str, ArrayLike] | None = None,
    group: ArrayLike | None = None,
    tags: Mapping[str, ArrayLike] | None = None,
    scores: Mapping[str, ArrayLike] | None = None,
    labels: Labels | None = None,
    perturbations: ArrayLike | None = None,
    currency: str = "USD",
) -> Evaluation:
    """An evaluation with one row per entry; candidates without an entry in `cost` have no price."""
    names = list(solved)
    n = len(np.asarray(solved[names[0]]))
    shape = (len(names), n)
    codes = _columns(status, names, shape, float(Status.SCORED)).astype(np.int8)
    right = _columns(solved, names, shape, 0.0).astype(bool) & (codes == Status.SCORED)
    return Evaluation(
        task="task",
        task_name="tickets",
        kind="classification",
        split="test",
        candidates=tuple(Candidate(name=name, kind="test", params={"name": name}) for name in names),
        versions=tuple(names),
        scorer="label",
        examples=np.array([f"e{i}" for i in range(n)], dtype=np.str_),
        input_hashes=np.array([f"h{i}" for i in range(n)], dtype=np.str_),
        repeats=np.zeros(n, dtype=np.int32),
        perturbations=np.full(n, "", dtype="<U8") if perturbations is None else np.asarray(perturbations),
        group=np.arange(n, dtype=np.int32) if group is None else np.asarray(group, dtype=np.int32),
        tags={name: np.asarray(texts, dtype=np.str_) for name, texts in (tags or {}).items()},
        status=codes,
        value=right.astype(np.float64),
        solved=right,
        scores={name: np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for name, v in (scores or {}).items()},
        latency_s=_columns(latency_s, names, shape, 0.1),
        machine_s=_columns(machine_s, names, shape, 0.0),
        tokens={},
        attempts=np.ones(shape, dtype=np.int32),
        cost=_columns(cost, names, shape, 0.0),
        priced=np.array([name in (cost or {}) for name in names], dtype=bool),
        currency=currency,
        labels=labels,
    )


def first(k: int, n: int) -> np.ndarray:
    """The first k of n rows solved."""
    return np.arange(n) < k


def _columns(
    given: Mapping[str, ArrayLike] | None, names: list[str], shape: tuple[int, int], otherwise: float
) -> np.ndarray:
    rows = [
        np.broadcast_to(np.asarray((given or {}).get(name, otherwise), dtype=np.float64), shape[1:]) for name in names
    ]
    return np.array(rows)
