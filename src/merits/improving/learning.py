"""What improvers know of candidates that are trained: which ones are, and how two compare on the rows of dev."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.doors import Brief
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.core.kinds import Reads, task_kind
from merits.media.finding import sorts_named
from merits.stats.noninferiority import difference_bounds

__all__ = ["against", "cost_of", "held", "learners", "quality", "reading", "values_of", "with_findings"]

Floats = NDArray[np.float64]
_LOOKED_AT = 50  # inputs
_BASELINES = frozenset({"most-common", "mean", "chat", "anthropic", "any-llm", "imported", "late-fusion"})


def learners(brief: Brief) -> tuple[Candidate, ...]:
    """The seeds that are trained here and may be taught or shown more: no baselines, and nothing made of others."""
    return tuple(
        seed for seed in brief.seeds if seed.name in brief.trained and not seed.parts and seed.kind not in _BASELINES
    )


def reading(brief: Brief) -> tuple[Reads, ...]:
    """What the inputs of the task hold: what its kind says, or the sort of files that they name."""
    some = list(islice(brief.task.split("dev"), _LOOKED_AT))
    named: set[Reads] = set().union(*(sorts_named(example.input, example.files) for example in some))
    if named:
        return tuple(sorted(named))
    if some and all(isinstance(example.input, Mapping) for example in some):
        return ("columns",)
    return tuple(one for one in task_kind(brief.task.kind).reads if one != "columns")


def values_of(evaluation: Evaluation, candidate: int) -> Floats:
    """Whether each row was solved, shape (rows,); a row that failed, or is missing, was not."""
    return np.where(evaluation.scored[candidate], evaluation.solved[candidate], False).astype(np.float64)


def quality(evaluation: Evaluation, candidate: int) -> float:
    """The share of the rows that were solved; 0 without rows."""
    return float(values_of(evaluation, candidate).mean()) if evaluation.n_rows else 0.0


def held(evaluation: Evaluation, candidate: int) -> bool:
    """Whether a candidate could be evaluated at all."""
    return bool(evaluation.scored[candidate].any())


def against(first: Floats, second: Floats, evaluation: Evaluation, level: float = 0.95) -> Estimate:
    """The first less the second on the same rows, with two one-sided bounds."""
    groups = evaluation.group
    independent = len(np.unique(groups)) == len(groups)
    return difference_bounds(first, second, None if independent else groups, level)


def cost_of(evaluation: Evaluation, candidate: int) -> float | None:
    """What an answer costs on average, in the needs' currency; None where nobody knows."""
    if not evaluation.priced[candidate] or not evaluation.n_rows:
        return None
    return float(evaluation.cost[candidate].mean())


def with_findings(candidate: Candidate, findings: Sequence[tuple[str, Estimate]]) -> Candidate:
    """The same recipe with what was found on dev among its metadata, which are no part of what it is."""
    told = {name: str(estimate) for name, estimate in findings}
    return msgspec.structs.replace(candidate, metadata={**candidate.metadata, **told})
