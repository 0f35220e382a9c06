"""A linear model from item to item in closed form: embarrassingly shallow autoencoders (EASE).

Steck (2019), arXiv 1905.03375: with G = XᵀX + λI and P = G⁻¹, B = I − P diag(P)⁻¹; a history times B are its scores. An
update of few users is one of low rank, for which P is corrected (Woodbury's identity) and not inverted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from merits.candidates.recommending.choices import Choices, histories
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
from merits.core.errors import CandidateError
from merits.core.kinds import Reads

__all__ = ["READS", "SPACE", "Ease", "Params", "load"]

ON_PREMISES = True
SPACE: Space = {"regularisation": {"low": 10.0, "high": 5000.0, "log": True}}

READS: tuple[Reads, ...] = ("events",)
_MOST_ITEMS = 20_000  # two dense matrices of 3.2 GB, and an inverse that takes an hour of one core
_LOW_RANK = 0.25  # of the number of items: past that an inverse is cheaper than its correction


class Params(RecommenderParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A linear item-to-item model in closed form (EASE), for up to 20,000 items."""

    regularisation: Annotated[
        float, msgspec.Meta(gt=0, description="λ: larger trusts pairs less that few users chose.")
    ] = 200.0


class Ease:
    """The inverse of the regularised Gram matrix, and the weights that are read off it."""

    needs_history = True
    goes_on = True

    def __init__(self, regularisation: float) -> None:
        self._lambda = regularisation
        self._choices: Choices | None = None
        self._inverse: Any = np.zeros((0, 0))
        self._weights: Any = np.zeros((0, 0))

    def fit(self, known: Known) -> None:
        _must_fit(known.n_items)
        self._choices = Choices(known)
        self._invert()

    def update(self, new: Events, known: Known) -> None:
        _must_fit(known.n_items)
        assert self._choices is not None
        n_before = len(self._inverse)
        users, before, after = self._choices.grow(new, known.n_users, known.n_items)
        if 2 * len(users) > _LOW_RANK * known.n_items:
            self._invert()
            return
        inverse = np.eye(known.n_items) / self._lambda  # of an item that nobody chose yet
        inverse[:n_before, :n_before] = self._inverse
        sides = np.concatenate([after.toarray(), before.toarray()]).astype(np.float64)
        signs = np.repeat([1.0, -1.0], len(users))
        times = sides @ inverse
        self._inverse = inverse - times.T @ np.linalg.solve(np.diag(signs) + times @ sides.T, times)
        self._weigh()

    def scores(self, asked: Sequence[Asked]) -> Floats:
        return np.asarray(histories(asked, len(self._weights)) @ self._weights)

    def kept(self) -> dict[str, Any]:
        return {"inverse": self._inverse, "weights": self._weights}

    def take(self, kept: dict[str, Any], known: Known) -> None:
        self._choices, self._inverse, self._weights = Choices(known), kept["inverse"], kept["weights"]

    def _invert(self) -> None:
        assert self._choices is not None
        matrix = self._choices.matrix.astype(np.float64)
        gram = (matrix.T @ matrix).toarray()
        gram[np.diag_indices_from(gram)] += self._lambda
        self._inverse = np.linalg.inv(gram)
        self._weigh()

    def _weigh(self) -> None:
        self._weights = (-self._inverse / np.diag(self._inverse)).astype(np.float32)
        np.fill_diagonal(self._weights, 0.0)


def _must_fit(n_items: int) -> None:
    if n_items > _MOST_ITEMS:
        raise CandidateError(
            f"ease inverts a matrix of items by items, and there are {n_items:,}; it takes up to {_MOST_ITEMS:,}.",
            "Take item-knn or implicit-als, or leave out items that hardly anybody chose.",
        )


def load(params: Params, context: LoadContext) -> RecommendingModel:
    """A recommender whose training is one inverse.

    >>> import asyncio
    >>> from merits.core.task import Example
    >>> model = load(Params(k=1, regularisation=1.0), LoadContext())
    >>> chosen = {"1": ["a", "b"], "2": ["a", "b", "d"], "3": ["c", "d"]}
    >>> model.fit([Example(user, {"user": user, "items": items}) for user, items in chosen.items()])
    >>> asyncio.run(model.answer({"user": "new", "items": ["a"]})).output
    ['b']
    """
    return recommending_model(Ease(params.regularisation), params, context, "ease 1")
