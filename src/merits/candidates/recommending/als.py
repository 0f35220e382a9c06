"""Matrix factorisation of implicit feedback by alternating least squares, by the library implicit.

Hu, Koren & Volinsky (2008), "Collaborative filtering for implicit feedback datasets", doi:10.1109/ICDM.2008.22. Who is
asked for is folded in: a user's factors are the least-squares solution for the history that the input holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from merits.candidates.recommending.choices import Choices, histories
from merits.candidates.recommending.events import Events
from merits.candidates.recommending.library import implicit_package
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

__all__ = ["READS", "SPACE", "Als", "Params", "load"]

READS: tuple[Reads, ...] = ("events",)

ON_PREMISES = True
SPACE: Space = {
    "factors": [16, 32, 64, 128],
    "regularisation": {"low": 0.05, "high": 100.0, "log": True},
    "alpha": {"low": 0.3, "high": 30.0, "log": True},
}


class Params(RecommenderParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Factors of users and items by alternating least squares (extra `recommendation`)."""

    factors: Annotated[int, msgspec.Meta(ge=1, le=2048, description="Numbers for each user and item.")] = 64
    regularisation: Annotated[float, msgspec.Meta(gt=0, description="Larger keeps factors smaller.")] = 5.0
    alpha: Annotated[
        float, msgspec.Meta(gt=0, description="How much surer a choice is than that an item was not chosen.")
    ] = 1.0
    iterations: Annotated[int, msgspec.Meta(ge=1, description="Rounds of training.")] = 15


class Als:
    """An update solves for the factors of the users and items in it, and leaves all others as they are."""

    needs_history = True
    goes_on = True

    def __init__(self, params: Params, seed: int) -> None:
        self._params, self._seed = params, seed
        self._choices: Choices | None = None
        self._model: Any = None

    def fit(self, known: Known) -> None:
        self._choices = Choices(known)
        self._model = self._fresh()
        self._model.fit(self._choices.matrix, show_progress=False)

    def kept(self) -> dict[str, Any]:
        return {name: np.asarray(getattr(self._model, name)) for name in ("user_factors", "item_factors")}

    def take(self, kept: dict[str, Any], known: Known) -> None:
        self._choices, self._model = Choices(known), self._fresh()
        self._model.user_factors, self._model.item_factors = kept["user_factors"], kept["item_factors"]

    def _fresh(self) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        params = self._params
        return AlternatingLeastSquares(
            factors=params.factors,
            regularization=params.regularisation,
            alpha=params.alpha,
            iterations=params.iterations,
            num_threads=1,
            random_state=self._seed,
        )

    def update(self, new: Events, known: Known) -> None:
        assert self._choices is not None
        users, _, after = self._choices.grow(new, known.n_users, known.n_items)
        items = np.unique(new.item)
        self._grow(known)
        self._model.partial_fit_users(users, after)
        self._model.partial_fit_items(items, self._choices.matrix.T.tocsr()[items])
        self._model.partial_fit_users(users, after)  # now that new items have factors

    def scores(self, asked: Sequence[Asked]) -> Floats:
        factors = self._model.recalculate_user(np.arange(len(asked)), histories(asked, len(self._model.item_factors)))
        return np.asarray(factors @ self._model.item_factors.T)

    def _grow(self, known: Known) -> None:
        """Makes room for new users and items; what nothing is known of is 0."""
        model = self._model
        for name, size in (("user_factors", known.n_users), ("item_factors", known.n_items)):
            factors = getattr(model, name)
            setattr(model, name, np.pad(factors, ((0, size - len(factors)), (0, 0))))


def load(params: Params, context: LoadContext) -> RecommendingModel:
    """A recommender of latent factors. MissingExtra without the package."""
    implicit_package()
    ranker = Als(params, context.seed)
    return recommending_model(ranker, params, context, "implicit-als 1", packages=("implicit", "scipy"))
