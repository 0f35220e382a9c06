"""A small evaluation with everything in it, for tests of whatever keeps, reads or draws evaluations."""

from __future__ import annotations

import numpy as np

from merits.core.candidate import Candidate, Price
from merits.core.evaluation import Evaluation, Labels
from merits.core.outcome import Status

__all__ = ["tiny"]


def tiny(*, task: str = "t" * 32, n: int = 4, facts: dict[str, str] | None = None) -> Evaluation:
    """Two candidates on `n` examples: one right three times of four, one that failed once and was off the list once.

    >>> tiny().status.shape
    (2, 4)
    """
    row = np.arange(n)
    status = np.full((2, n), Status.SCORED, np.int8)
    status[1, row % 4 == 3] = Status.FAILED
    predicted = np.stack([row % 4 == 3, row % 4]).astype(np.int32)
    predicted[1, row % 4 >= 2] = -1
    solved = (predicted == 0) & (status == Status.SCORED)
    return Evaluation(
        task=task,
        task_name="tiny",
        kind="classification",
        split="test",
        candidates=(
            Candidate(name="steady", kind="constant", params={"output": "ham"}, price=Price(per_call=0.001)),
            Candidate(name="brokén", kind="constant", params={"output": "egg"}),
        ),
        versions=("a" * 32, "b" * 32),
        scorer="label",
        examples=np.array([f"e{i}" for i in row]),
        input_hashes=np.array([f"{i:032x}" for i in row]),
        repeats=np.zeros(n, np.int32),
        perturbations=np.full(n, "", dtype="U1"),
        group=row.astype(np.int32),
        tags={"domain": np.array(["café" if i % 2 else "tea" for i in row])},
        status=status,
        value=solved.astype(np.float64),
        solved=solved,
        scores={"exact": solved.astype(np.float64)},
        latency_s=np.where(status == Status.SCORED, 0.25 + row / 100, 0.0),
        machine_s=np.zeros((2, n)),
        tokens={"input": np.full((2, n), 12.0)},
        attempts=np.ones((2, n), np.int32),
        cost=np.array([[0.001], [0.0]]) * np.ones(n),
        priced=np.array([True, False]),
        currency="USD",
        labels=Labels(
            ("ham", "egg"),
            np.zeros(n, np.int32),
            predicted,
            {0: np.tile(np.array([0.75, 0.25], np.float32), (n, 1))},
        ),
        confidence={0: np.full(n, 0.75)},
        facts={"seed": "0"} if facts is None else facts,
    )
