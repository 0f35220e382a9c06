"""What was imported before: found in the store, and taken apart into the outcomes that it was made of."""

from __future__ import annotations

import numpy as np

from merits.core.answer import Usage
from merits.core.doors import Store
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.task import Task
from merits.evaluating.importing.outcomes import Found, Imported, Source

__all__ = ["as_found", "earlier", "same_outcomes"]

_FROM = "imported from"


def earlier(task: Task, store: Store) -> Evaluation | None:
    """What was imported for this task before; None when nothing was."""
    for run in reversed(store.runs()):
        if run.task == task.id and run.split == "test":
            evaluation = store.run(run.number)
            if evaluation is not None and _FROM in evaluation.facts:
                return evaluation
    return None


def as_found(evaluation: Evaluation) -> Found:
    """The outcomes of an evaluation that was imported, row by row again."""
    facts = dict(evaluation.facts)
    solved, tool = facts.pop("solved means", ""), facts.pop("tool", "")
    told = facts.pop("measure", "") != "score"
    file = facts.pop(_FROM)
    rows = [
        row for k in range(len(evaluation.names)) for i in range(evaluation.n_rows) if (row := _row(evaluation, k, i))
    ]
    source = Source(file, tool, evaluation.task_name, evaluation.scorer, solved, told, facts)
    return Found(rows, source, evaluation.currency)


def _row(evaluation: Evaluation, k: int, i: int) -> Imported:
    status = Status(int(evaluation.status[k, i]))
    timed = evaluation.untimed is None or not evaluation.untimed[k, i]
    tokens = {kind: int(counts[k, i]) for kind, counts in evaluation.tokens.items()}
    metered = any(counts[k].any() for counts in evaluation.tokens.values())
    return Imported(
        candidate=str(evaluation.candidates[k].params.get("candidate")),
        example=str(evaluation.examples[i]),
        place="an earlier import",
        status=status,
        value=float(evaluation.value[k, i]),
        solved=bool(evaluation.solved[k, i]),
        repeat=int(evaluation.repeats[i]),
        input_hash=str(evaluation.input_hashes[i]),
        cost=float(evaluation.cost[k, i]) if evaluation.priced[k] else None,
        latency_s=float(evaluation.latency_s[k, i]) if timed else None,
        usage=Usage(**{f"{kind}_tokens": n for kind, n in tokens.items()}) if metered else None,  # type: ignore[arg-type]
    )


def same_outcomes(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations hold the same outcomes of the same candidates, whatever the prices."""
    arrays = ("examples", "repeats", "status", "value", "solved", "latency_s")
    return (
        [c.id for c in one.candidates] == [c.id for c in other.candidates]
        and one.tokens.keys() == other.tokens.keys()
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
        and all(np.array_equal(counts, other.tokens[kind]) for kind, counts in one.tokens.items())
    )
