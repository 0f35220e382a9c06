"""What most users chose, the same for everybody: what a recommender must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from merits.candidates.recommending.events import Events
from merits.candidates.recommending.recommender import (
    Asked,
    Floats,
    Known,
    RecommenderParams,
    RecommendingModel,
    recommending_model,
)
from merits.candidates.registry import LoadContext
from merits.core.kinds import Reads

__all__ = ["READS", "Params", "Popularity", "load"]

ON_PREMISES = True

READS: tuple[Reads, ...] = ("events",)
_DAY_S = 86_400.0


class Params(RecommenderParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The items that were chosen most often, without those the user chose already."""

    half_life_days: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(
            description="A choice counts half after so many days (times in seconds, or ISO dates). Default: for ever."
        ),
    ] = None


class Popularity:
    """Counts, which an update brings to exactly what they would be if all were counted anew."""

    needs_history = False
    goes_on = True

    def __init__(self, half_life_days: float | None) -> None:
        self._half_life_s = None if half_life_days is None else half_life_days * _DAY_S
        self._counts = np.zeros(0)
        self._as_of = 0.0

    def fit(self, known: Known) -> None:
        self._counts, self._as_of = np.zeros(known.n_items), float(known.events.times[-1])
        self._add(known.events)

    def update(self, new: Events, known: Known) -> None:
        as_of = float(known.events.times[-1])
        self._counts = np.pad(self._counts * self._weight(as_of - self._as_of), (0, known.n_items - len(self._counts)))
        self._as_of = as_of
        self._add(new)

    def scores(self, asked: Sequence[Asked]) -> Floats:
        return np.broadcast_to(self._counts, (len(asked), len(self._counts)))

    def kept(self) -> dict[str, Any]:
        return {"counts": self._counts, "as_of": np.array(self._as_of)}

    def take(self, kept: dict[str, Any], known: Known) -> None:
        self._counts, self._as_of = kept["counts"], float(kept["as_of"])

    def _add(self, events: Events) -> None:
        weights = np.broadcast_to(self._weight(self._as_of - events.times), len(events))
        self._counts += np.bincount(events.item, weights, minlength=len(self._counts))

    def _weight(self, age_s: object) -> Floats:
        return np.asarray(
            1.0 if self._half_life_s is None else 0.5 ** (np.asarray(age_s, np.float64) / self._half_life_s)
        )


def load(params: Params, context: LoadContext) -> RecommendingModel:
    """A recommender that knows nothing of the user but what not to repeat.

    >>> import asyncio
    >>> from merits.core.task import Example
    >>> model = load(Params(k=2), LoadContext())
    >>> model.fit([Example("1", {"user": "7", "items": ["a", "b"]}), Example("2", {"user": "8", "items": ["b", "c"]})])
    >>> asyncio.run(model.answer({"user": "7", "items": ["b"]})).output
    ['a', 'c']
    """
    return recommending_model(Popularity(params.half_life_days), params, context, "popularity 1", packages=())
