"""Items that were chosen by the same users as those of the history: item-based nearest neighbours.

Sarwar et al. (2001), "Item-based collaborative filtering recommendation algorithms", doi:10.1145/371920.372071; cosine
with shrinkage as in Ferrari Dacrema et al. (2019), arXiv 1907.06902, who found it hard to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from merits.candidates.recommending.choices import Choices
from merits.candidates.recommending.events import Events
from merits.candidates.recommending.recommender import (
    Asked,
    Floats,
    Known,
    RecommenderParams,
    RecommendingModel,
    recommending_model,
)
from merits.candidates.registry import LoadContext, Space
from merits.core.kinds import Reads

__all__ = ["SPACE", "ItemKnn", "Params", "load"]

ON_PREMISES = True
SPACE: Space = {
    "neighbours": {"low": 10, "high": 500, "log": True, "int": True},
    "shrink": {"low": 1.0, "high": 200.0, "log": True},
}

READS: tuple[Reads, ...] = ("events",)
_AT_ONCE = 256  # items whose pairs are in memory


class Params(RecommenderParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Items most often chosen together with those of the user's history (cosine)."""

    neighbours: Annotated[int, msgspec.Meta(ge=1, description="How many items are near each item of the history.")] = (
        100
    )
    shrink: Annotated[
        float, msgspec.Meta(ge=0, description="Takes similarity from pairs that few users chose together.")
    ] = 10.0


class ItemKnn:
    """Which user chose which item. An update only adds to that, and is exact.

    The neighbours of an item are found when somebody's history holds it, and kept until the next update: all pairs of a
    large catalogue would not fit into memory.
    """

    needs_history = True
    goes_on = True

    def __init__(self, neighbours: int, shrink: float) -> None:
        self._neighbours, self._shrink = neighbours, shrink
        self._choices: Choices | None = None
        self._by_item: Any = None  # csr (items, users)
        self._users = np.zeros(0)
        self._near: dict[int, tuple[Any, Any]] = {}

    def fit(self, known: Known) -> None:
        self._choices = Choices(known)
        self._changed(self._choices)

    def update(self, new: Events, known: Known) -> None:
        assert self._choices is not None
        self._choices.grow(new, known.n_users, known.n_items)
        self._changed(self._choices)

    def scores(self, asked: Sequence[Asked]) -> Floats:
        self._find({item for each in asked for item in each.items.tolist()} - self._near.keys())
        scores = np.zeros((len(asked), len(self._users)))
        for row, each in zip(scores, asked, strict=True):
            for item in each.items.tolist():
                numbers, near = self._near[item]
                row[numbers] += near
        return scores

    def kept(self) -> dict[str, Any]:
        return {}  # the events say it all

    def take(self, kept: dict[str, Any], known: Known) -> None:
        self.fit(known)

    def _changed(self, choices: Choices) -> None:
        self._by_item, self._near = choices.matrix.T.tocsr(), {}
        self._users = np.diff(self._by_item.indptr).astype(np.float64)

    def _find(self, items: set[int]) -> None:
        """Finds the neighbours of items: their numbers, and how near they are (0 to 1)."""
        assert self._choices is not None
        wanted = sorted(items)
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            pairs = self._by_item[some] @ self._choices.matrix
            for at, item in enumerate(some):
                row = slice(pairs.indptr[at], pairs.indptr[at + 1])
                self._near[item] = self._nearest(item, pairs.indices[row], pairs.data[row].astype(np.float64))

    def _nearest(self, item: int, numbers: Any, together: Floats) -> tuple[Any, Any]:
        """The nearest of the items that somebody chose together with this one."""
        others = numbers != item
        numbers, together = numbers[others], together[others]
        near = together / (np.sqrt(self._users[item] * self._users[numbers]) + self._shrink)
        best = np.lexsort((numbers, -near))[: self._neighbours]
        return numbers[best], near[best]


def load(params: Params, context: LoadContext) -> RecommendingModel:
    """A recommender that needs no training but counting.

    >>> import asyncio
    >>> from merits.core.task import Example
    >>> model = load(Params(k=1), LoadContext())
    >>> chosen = {"1": ["a", "b"], "2": ["a", "b", "d"], "3": ["c", "d"]}
    >>> model.fit([Example(user, {"user": user, "items": items}) for user, items in chosen.items()])
    >>> asyncio.run(model.answer({"user": "new", "items": ["a"]})).output
    ['b']
    """
    return recommending_model(ItemKnn(params.neighbours, params.shrink), params, context, "item-knn 1")
