"""Some candidates of an evaluation, in a wanted order, with nothing in place of those that it lacks; several as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation

__all__ = ["joined", "selected"]

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


def joined(parts: Sequence[Evaluation]) -> Evaluation:
    """The candidates of several evaluations on the same rows in one, part after part.

    Whom composites asked is not told; of a fact that several state the last one's is kept. ValueError where the rows
    differ.

    >>> from merits.testing.evaluations import tiny
    >>> joined([selected(tiny(), [1]), selected(tiny(), [0])]).names
    ('brokén', 'steady')
    """
    first = parts[0]
    rows = (first.input_hashes.tolist(), first.repeats.tolist(), first.perturbations.tolist())
    if any((p.input_hashes.tolist(), p.repeats.tolist(), p.perturbations.tolist()) != rows for p in parts):
        raise ValueError("evaluations on different rows cannot be joined")
    sizes = [len(part.candidates) for part in parts]
    starts = [sum(sizes[:k]) for k in range(len(parts))]

    def whole(arrays: Sequence[Array | None]) -> Array:
        like = next(array for array in arrays if array is not None)
        shapes = ((size, *like.shape[1:]) for size in sizes)
        filled = (np.zeros(s, like.dtype) if a is None else a for a, s in zip(arrays, shapes, strict=True))
        return np.concatenate(list(filled))

    def by_name(name: str) -> dict[str, Array]:
        given: list[Mapping[str, Array]] = [getattr(part, name) for part in parts]
        return {
            key: whole([one.get(key) for one in given]) for key in dict.fromkeys(key for one in given for key in one)
        }

    def by_number(given: Sequence[Mapping[int, Array]]) -> dict[int, Array]:
        return {start + k: array for start, one in zip(starts, given, strict=True) for k, array in one.items()}

    changes: dict[str, Any] = {name: whole([getattr(part, name) for part in parts]) for name in _BY_CANDIDATE}
    for name in _MAYBE:
        arrays = [getattr(part, name) for part in parts]
        changes[name] = None if all(array is None for array in arrays) else whole(arrays)
    changes |= {name: by_name(name) for name in _BY_NAME}
    if first.labels is not None:
        labels = [part.labels for part in parts if part.labels is not None]
        given = by_number([one.probabilities for one in labels])
        predicted = whole([one.predicted for one in labels])
        changes["labels"] = dataclasses.replace(first.labels, predicted=predicted, probabilities=given)
    counts: dict[str, Any] = {}
    for part in parts:
        for key, one in part.counts.items():
            values = whole([p.counts[key].values if key in p.counts else None for p in parts])
            counts[key] = dataclasses.replace(one, values=values)
    return dataclasses.replace(
        first,
        candidates=tuple(candidate for part in parts for candidate in part.candidates),
        versions=tuple(version for part in parts for version in part.versions),
        confidence=by_number([part.confidence for part in parts]),
        facts={name: text for part in parts for name, text in part.facts.items()},
        counts=counts,
        judged=tuple(dict.fromkeys(one for part in parts for one in part.judged)),
        taught=tuple(one for part in parts for one in part.taught),
        calls={key: one for part in parts for key, one in part.calls.items()},
        composed={},
        parts=None,
        **changes,
    )
