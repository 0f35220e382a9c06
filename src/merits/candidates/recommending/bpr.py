"""Matrix factorisation that learns to rank what was chosen above what was not, by the library implicit.

Rendle et al. (2009), "BPR: Bayesian personalized ranking from implicit feedback", arXiv 1205.2618. The library has no
factors for a history that it was not trained on. So who is asked for is folded in here: a user's factors are found by
ascending the same objective with the items' factors fixed, against the mean of a fixed draw of items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from merits.candidates.recommending.choices import Choices
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

__all__ = ["READS", "SPACE", "Bpr", "Params", "load"]

ON_PREMISES = True
SPACE: Space = {
    "factors": [16, 32, 64, 128],
    "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
    "regularisation": {"low": 0.001, "high": 0.1, "log": True},
}

READS: tuple[Reads, ...] = ("events",)
_NEGATIVES = 256  # items that a history is held against
_STEPS = 60
_RATE = 0.3
_UPDATE = 0.2  # of the rounds of training


class Params(RecommenderParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Factors of users and items by Bayesian personalised ranking (extra `recommendation`)."""

    factors: Annotated[int, msgspec.Meta(ge=1, le=2048, description="Numbers for each user and item.")] = 64
    learning_rate: Annotated[float, msgspec.Meta(gt=0, description="The size of a step of training.")] = 0.05
    regularisation: Annotated[float, msgspec.Meta(gt=0, description="Larger keeps factors smaller.")] = 0.01
    iterations: Annotated[int, msgspec.Meta(ge=1, description="Rounds of training.")] = 100


class Bpr:
    """An update goes on training from the factors there are, for a fifth of the rounds."""

    needs_history = True
    goes_on = False

    def __init__(self, params: Params, seed: int) -> None:
        self._params, self._seed = params, seed
        self._choices: Choices | None = None
        self._model: Any = None
        self._random = np.random.default_rng(seed)

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
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        params = self._params
        return BayesianPersonalizedRanking(
            factors=params.factors,
            learning_rate=params.learning_rate,
            regularization=params.regularisation,
            iterations=params.iterations,
            num_threads=1,
            random_state=self._seed,
        )

    def update(self, new: Events, known: Known) -> None:
        assert self._choices is not None
        self._choices.grow(new, known.n_users, known.n_items)
        model, scale = self._model, 1.0 / self._params.factors
        for name, size in (("user_factors", known.n_users), ("item_factors", known.n_items)):
            there = getattr(model, name)
            fresh = (self._random.random((size - len(there), there.shape[1]), np.float32) - 0.5) * scale
            if name == "user_factors":
                fresh[:, -1] = 1.0  # what the items' biases are taken times
            setattr(model, name, np.concatenate([there, fresh]).astype(np.float32))
        model.iterations = max(1, round(_UPDATE * self._params.iterations))
        model.fit(self._choices.matrix, show_progress=False)

    def scores(self, asked: Sequence[Asked]) -> Floats:
        items = np.asarray(self._model.item_factors, np.float64)
        draw = np.random.default_rng(self._seed).choice(len(items), min(_NEGATIVES, len(items)), replace=False)
        mean = items[draw].mean(axis=0)
        return np.stack([items @ self._folded_in(items[each.items] - mean, items.shape[1]) for each in asked])

    def _folded_in(self, ahead: Floats, n_factors: int) -> Floats:
        """The factors that rank a history ahead; the last one stays 1, for it carries the items' biases.

        The objective is the mean log of the logistic of each item's lead, less the regularisation: it is concave, and
        ascended from 0 in a fixed number of steps.
        """
        user = np.zeros(n_factors)
        user[-1] = 1.0
        free = ahead[:, :-1]
        rate = _RATE / max(float((free**2).sum(axis=1).mean()) / 4.0 + self._params.regularisation, 1e-9)
        for _ in range(_STEPS):
            lead = np.clip(ahead @ user, -30.0, 30.0)
            slope = free.T @ (1.0 / (1.0 + np.exp(lead))) / len(ahead)
            user[:-1] += rate * (slope - self._params.regularisation * user[:-1])
        return user


def load(params: Params, context: LoadContext) -> RecommendingModel:
    """A recommender of latent factors that are trained to rank. MissingExtra without the package."""
    implicit_package()
    ranker = Bpr(params, context.seed)
    return recommending_model(ranker, params, context, "implicit-bpr 1", packages=("implicit", "scipy"))
