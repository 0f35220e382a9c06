"""The estimators of River that learn from features, each in a frame that gives it what it reads.

Montiel et al. (2021), "River: machine learning for streaming data in Python", JMLR 22. All draw by one seed only, so
that the same lessons in the same order give the same model. Knows nothing about inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from merits.candidates.incremental.graphs import BrokenGraph, graph_of, object_of
from merits.candidates.incremental.reading import Features, Key
from merits.core.answer import Answer

__all__ = ["MODELS", "Name", "OnlineEstimator", "Steps", "Told"]

Name: TypeAlias = Literal["linear", "naive-bayes", "adaptive-tree", "adaptive-forest"]
Steps: TypeAlias = Literal["shrinking", "constant"]
MODELS: Mapping[Name, str] = {
    "linear": "logistic regression of all classes (softmax), or linear regression; texts and columns",
    "naive-bayes": "multinomial naive Bayes; texts, classes only",
    "adaptive-tree": "a Hoeffding tree that replaces branches when they grow worse (Bifet & Gavaldà 2009); columns",
    "adaptive-forest": "an adaptive random forest with ADWIN as its detector (Gomes et al. 2017); columns",
}


@dataclass(frozen=True)
class Told:
    """What a recipe says of its estimator; `classifies` where it says labels, else it says numbers."""

    model: Name
    classifies: bool
    steps: Steps
    rate: float
    l2: float
    smoothing: float
    grace: int
    trees: int
    seed: int


class OnlineEstimator:
    """One estimator with the scaler of its numbers, if it has one."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._takes = _TAKES[told.model, told.classifies]
        self._scaler, self._model = _scaler(told), _made(told)

    def learn(self, features: Features, target: str | float) -> None:
        """Learn from one example."""
        if self._scaler is not None:
            self._scaler.learn_one(features.numbers)
        self._model.learn_one(self._row(features), target)

    def answer(self, features: Features) -> Answer | None:
        """What it says now; None where it has learned nothing yet."""
        row = self._row(features)
        if not self._told.classifies:
            value = float(self._model.predict_one(row))
            return Answer(value) if math.isfinite(value) else None
        shares = self._model.predict_proba_one(row)
        if not shares:
            return None
        best = max(shares, key=shares.get)
        total = math.fsum(shares.values())
        if not math.isfinite(total) or total <= 0:
            return Answer(best)
        return Answer(best, {label: share / total for label, share in shares.items()})

    def state(self) -> bytes:
        """All that it has learned."""
        return graph_of([self._scaler, self._model])

    def restore(self, state: bytes) -> None:
        """Puts back what another one of the same recipe had learned. BrokenGraph for anything else."""
        found = object_of(state)
        if not isinstance(found, list) or [*map(type, found)] != [type(self._scaler), type(self._model)]:
            raise BrokenGraph("it is the state of another model")
        self._scaler, self._model = found

    def _row(self, features: Features) -> dict[Key, Any]:
        numbers = features.numbers if self._scaler is None else self._scaler.transform_one(features.numbers)
        return self._takes(features, numbers)


def _scaler(told: Told) -> Any:
    if told.model != "linear":
        return None
    from river.preprocessing import StandardScaler

    return StandardScaler()


def _made(told: Told) -> Any:
    return _MADE[(told.model, told.classifies)](told)


def _optimiser(told: Told) -> Any:
    """AdaGrad (Duchi et al. 2011), whose steps shrink with each that a weight has taken, or plain gradient descent."""
    from river import optim

    return optim.SGD(told.rate) if told.steps == "constant" else optim.AdaGrad(told.rate)


def _softmax(told: Told) -> Any:
    from river import linear_model

    return linear_model.SoftmaxRegression(optimizer=_optimiser(told), l2=told.l2)


def _regression(told: Told) -> Any:
    from river import linear_model, preprocessing

    return preprocessing.TargetStandardScaler(
        linear_model.LinearRegression(optimizer=_optimiser(told), intercept_lr=0.01, l2=told.l2)
    )


def _bayes(told: Told) -> Any:
    from river import naive_bayes

    untyped: Any = naive_bayes
    return untyped.MultinomialNB(alpha=told.smoothing)


def _tree(told: Told) -> Any:
    from river import tree

    if told.classifies:
        return tree.HoeffdingAdaptiveTreeClassifier(grace_period=told.grace, seed=told.seed)
    return tree.HoeffdingAdaptiveTreeRegressor(grace_period=told.grace, seed=told.seed)


def _forest(told: Told) -> Any:
    from river import forest

    if told.classifies:
        return forest.ARFClassifier(n_models=told.trees, grace_period=told.grace, seed=told.seed)
    return forest.ARFRegressor(n_models=told.trees, grace_period=told.grace, seed=told.seed)


_MADE: Mapping[tuple[Name, bool], Callable[[Told], Any]] = {
    ("linear", True): _softmax,
    ("linear", False): _regression,
    ("naive-bayes", True): _bayes,
    ("adaptive-tree", True): _tree,
    ("adaptive-tree", False): _tree,
    ("adaptive-forest", True): _forest,
    ("adaptive-forest", False): _forest,
}


def _for_linear(features: Features, numbers: Mapping[Key, float]) -> dict[Key, Any]:
    """Scaled numbers, 1 for each category, words as a vector of length 1 (of logarithms of counts)."""
    row: dict[Key, Any] = {**numbers, **{f"{name}={value}": 1.0 for name, value in features.categories.items()}}
    if features.words:
        damped = {bucket: 1.0 + math.log(count) for bucket, count in features.words.items()}
        length = math.sqrt(math.fsum(value * value for value in damped.values()))
        row.update({bucket: value / length for bucket, value in damped.items()})
    return row


_Takes: TypeAlias = Callable[[Features, Mapping[Key, float]], dict[Key, Any]]
_TAKES: Mapping[tuple[Name, bool], _Takes] = {
    ("linear", True): lambda features, numbers: {**_for_linear(features, numbers), "": 1.0},  # softmax has no intercept
    ("linear", False): _for_linear,
    ("naive-bayes", True): lambda features, numbers: dict(features.words),
    **{
        (name, classifies): lambda features, numbers: {**numbers, **features.categories}
        for name in ("adaptive-tree", "adaptive-forest")
        for classifies in (True, False)
    },
}
