"""An evaluation of some candidates in a wanted order; of those that could not be evaluated it holds nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation, Labels

__all__ = ["GIVEN_UP", "arranged"]

Array: TypeAlias = NDArray[Any]
GIVEN_UP = "given up on "  # how the fact begins that says why a candidate has no outcomes
_BY_CANDIDATE = ("status", "value", "solved", "latency_s", "machine_s", "attempts", "cost", "priced")
_MAYBE = ("silent", "untimed", "unmetered", "unasked")


def arranged(found: Evaluation, candidates: Sequence[Candidate], why: Mapping[str, str]) -> Evaluation:
    """The outcomes of these candidates, in this order; of those that `found` lacks, all is missing.

    `why` says of them by name why that is. Whom composites asked is not told.

    >>> from merits.testing.evaluations import tiny
    >>> lost = Candidate(name="lost", kind="constant")
    >>> two = arranged(tiny(), [lost, tiny().candidates[0]], {"lost": "it crashed"})
    >>> two.names, two.status.tolist(), two.facts["given up on lost"]
    (('lost', 'steady'), [[0, 0, 0, 0], [1, 1, 1, 1]], 'it crashed')
    """
    places = {candidate.id: k for k, candidate in enumerate(found.candidates)}
    at = [places.get(candidate.id) for candidate in candidates]

    def taken(array: Array, empty: Any = 0) -> Array:
        new = np.full((len(at), *array.shape[1:]), empty, array.dtype)
        for n, k in enumerate(at):
            if k is not None:
                new[n] = array[k]
        return new

    def by_index(given: Mapping[int, Array]) -> dict[int, Array]:
        return {n: given[k] for n, k in enumerate(at) if k is not None and k in given}

    arrays: dict[str, Any] = {name: taken(getattr(found, name)) for name in _BY_CANDIDATE}
    arrays |= {name: taken(array) for name in _MAYBE if (array := getattr(found, name)) is not None}
    for name in ("scores", "tokens", "services"):
        arrays[name] = {key: taken(array) for key, array in getattr(found, name).items()}
    return dataclasses.replace(
        found,
        candidates=tuple(candidates),
        versions=tuple(c.id if k is None else found.versions[k] for c, k in zip(candidates, at, strict=True)),
        labels=None if found.labels is None else _labels(found.labels, taken, by_index),
        confidence=by_index(found.confidence),
        counts={key: dataclasses.replace(one, values=taken(one.values)) for key, one in found.counts.items()},
        facts=dict(found.facts) | {f"{GIVEN_UP}{name}": reason for name, reason in why.items()},
        composed={},
        parts=None,
        **arrays,
    )


def _labels(labels: Labels, taken: Any, by_index: Any) -> Labels:
    return dataclasses.replace(
        labels, predicted=taken(labels.predicted, -1), probabilities=by_index(labels.probabilities)
    )
