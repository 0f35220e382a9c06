"""Some candidates of an evaluation, in a wanted order, with nothing in the place of those that it lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation

__all__ = ["selected"]

Array: TypeAlias = NDArray[Any]
_BY_CANDIDATE = ("status", "value", "solved", "latency_s", "machine_s", "attempts", "cost", "priced")
_MAYBE = ("silent", "untimed", "unmetered", "unasked")
_BY_NAME = ("scores", "tokens", "services")


def selected(
    evaluation: Evaluation, numbers: Sequence[int | None], candidates: Sequence[Candidate] | None = None
) -> Evaluation:
    """The outcomes of the candidates of these numbers, in this order; where a number is None all is missing.

    `candidates` are the recipes, which are the evaluation's own unless given. Whom composites asked is not told.

    >>> from merits.testing.evaluations import tiny
    >>> lost = Candidate(name="lost", kind="constant")
    >>> two = selected(tiny(), [None, 0], [lost, tiny().candidates[0]])
    >>> two.names, two.status.tolist()
    (('lost', 'steady'), [[0, 0, 0, 0], [1, 1, 1, 1]])
    """
    named = [evaluation.candidates[k] for k in numbers if k is not None] if candidates is None else list(candidates)

    def rows(array: Array, empty: int = 0) -> Array:
        new = np.full((len(numbers), *array.shape[1:]), empty, array.dtype)
        for place, k in enumerate(numbers):
            if k is not None:
                new[place] = array[k]
        return new

    def by_number(given: Mapping[int, Array]) -> dict[int, Array]:
        return {place: given[k] for place, k in enumerate(numbers) if k is not None and k in given}

    changes: dict[str, Any] = {name: rows(getattr(evaluation, name)) for name in _BY_CANDIDATE}
    changes |= {name: rows(array) for name in _MAYBE if (array := getattr(evaluation, name)) is not None}
    for name in _BY_NAME:
        changes[name] = {key: rows(array) for key, array in getattr(evaluation, name).items()}
    labels = evaluation.labels
    if labels is not None:
        predicted, given = rows(labels.predicted, -1), by_number(labels.probabilities)
        changes["labels"] = dataclasses.replace(labels, predicted=predicted, probabilities=given)
    versions = (recipe.id if k is None else evaluation.versions[k] for recipe, k in zip(named, numbers, strict=True))
    return dataclasses.replace(
        evaluation,
        candidates=tuple(named),
        versions=tuple(versions),
        confidence=by_number(evaluation.confidence),
        counts={key: dataclasses.replace(one, values=rows(one.values)) for key, one in evaluation.counts.items()},
        composed={},
        parts=None,
        **changes,
    )
