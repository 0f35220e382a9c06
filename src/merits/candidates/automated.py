"""FLAML: which estimator, with which parameters, does best on a matrix of numbers within so many seconds.

FLAML (Microsoft, MIT, 2.8 of 2026, released every few months, 3.5 MB, needs numpy alone) was chosen because it keeps
to its time, begins with cheap models, and works with this scikit-learn, numpy and pandas. Its own extra brings an
XGBoost of before 3.0 with CUDA (200 MB and more); it imports `xgboost` whether that is used or not, so the extra
`automl` brings the same package for processors (xgboost-cpu, Apache-2.0, 6 MB), LightGBM (MIT, 10 MB) and pandas.
Those that were looked at beside it: auto-sklearn (ended), GAMA, FEDOT and EvalML (no release for a year or two), TPOT
(LGPL, Dask), AutoGluon and LightAutoML (torch and more, other versions of what is here), MLJAR (20 packages).

Knows nothing about texts, columns or candidates.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from merits.candidates.imports import find
from merits.candidates.learner import as_output
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON

__all__ = ["LEARNERS", "AutomatedSearch", "Best", "Learned", "Metric", "Target", "automated_here", "check_automated"]

Learned: TypeAlias = Literal["lgbm", "rf", "extra_tree", "lrl1", "lrl2", "enet"]
Metric: TypeAlias = Literal["auto", "accuracy", "log_loss", "macro_f1", "roc_auc", "rmse", "mae", "r2"]
Target: TypeAlias = Literal["label", "number"]

# FLAML's name, its class, and the import path of what it fits. Left out are those of its learners that prepare the
# numbers in a way of their own (sgd, svc, kneighbor), for then the recipe alone would not be what was found.
LEARNERS: Mapping[Target, Mapping[Learned, tuple[str, str]]] = {
    "label": {
        "lgbm": ("LGBMEstimator", "lightgbm.LGBMClassifier"),
        "rf": ("RandomForestEstimator", "sklearn.ensemble.RandomForestClassifier"),
        "extra_tree": ("ExtraTreesEstimator", "sklearn.ensemble.ExtraTreesClassifier"),
        "lrl2": ("LRL2Classifier", "sklearn.linear_model.LogisticRegression"),
        "lrl1": ("LRL1Classifier", "sklearn.linear_model.LogisticRegression"),
    },
    "number": {
        "lgbm": ("LGBMEstimator", "lightgbm.LGBMRegressor"),
        "rf": ("RandomForestEstimator", "sklearn.ensemble.RandomForestRegressor"),
        "extra_tree": ("ExtraTreesEstimator", "sklearn.ensemble.ExtraTreesRegressor"),
        "enet": ("ElasticNetEstimator", "sklearn.linear_model.ElasticNet"),
    },
}
_NEEDS = ("flaml", "lightgbm", "xgboost", "pandas")
_LEFT_OUT = ("random_state", "random_seed")  # a seed of FLAML's own
_SHARE = 0.9  # of the seconds that the search has; the rest is for fitting what it found on all rows
_MANY, _MANY_OF_A_CLASS = 2_000, 50  # rows of which a tenth says something
_MOST = 0.8  # of the rows must be of classes that are in all folds, or there are fewer folds
_SAY_EVERY_S = 5.0
_one_at_a_time = threading.Lock()  # FLAML's runner keeps its state in globals of its module


@dataclass(frozen=True)
class Best:
    """The best of what was tried: the import path of an estimator, its parameters, and how many were tried."""

    estimator: str
    params: Mapping[str, JSON]
    n_tried: int

    def made(self, seed: int) -> Any:
        """It, unfitted, with this seed where it draws anything."""
        cls: Any = find(self.estimator, Path())
        estimator = cls(**self.params)
        return estimator.set_params(random_state=seed) if "random_state" in estimator.get_params() else estimator


def automated_here() -> bool:
    """Whether all that a search needs is installed."""
    return all(importlib.util.find_spec(name) is not None for name in _NEEDS)


def check_automated() -> None:
    """Nothing where all that a search needs is installed; MissingExtra else."""
    for name in _NEEDS:
        if importlib.util.find_spec(name) is None:
            raise MissingExtra(f"AutoML needs {name}, which is not installed.", "pip install 'merits[automl]'")


@dataclass(frozen=True)
class AutomatedSearch:
    """A search for an estimator: how long, among which, and by which metric. `note` hears how far it is."""

    seconds: float
    learners: Sequence[Learned]
    metric: Metric
    target: Target
    seed: int
    note: Callable[[str], None] = lambda text: None

    def __call__(self, X: Any, y: Sequence[str] | Sequence[float]) -> tuple[Any, Best]:
        """The best estimator, fitted on all rows, and what it is; it takes `seconds`, or one fit longer.

        `X` is a matrix (rows, features), sparse or not. One search runs at a time: others wait, and their seconds begin
        when it is their turn. One thread is used. CandidateError where no model was finished in time.

        Not guaranteed: that two searches find the same. `seed` decides what is drawn, but which model comes next
        depends on how long those before took. What was found is a recipe, and that gives the same estimator again.
        """
        import flaml.automl  # noqa: F401 (takes seconds, once in a process, and these are none of the search)

        with _one_at_a_time:
            start = time.monotonic()
            name, config, n_tried = self._best(X, y)
            best = Best(LEARNERS[self.target][name][1], self._params(name, config, len(set(y))), n_tried)
            estimator = best.made(self.seed)
            estimator.fit(X, y)
            self.note(f"tried {n_tried} models in {time.monotonic() - start:.0f} s; the best is {best.estimator}")
        return estimator, best

    def _best(self, X: Any, y: Sequence[str] | Sequence[float]) -> tuple[Learned, Mapping[str, Any], int]:
        """FLAML's name of the best learner, the point of its space, and how many were tried."""
        import flaml.automl

        coded = np.unique(y, return_inverse=True)[1] if self.target == "label" else np.asarray(y, np.float64)
        rows, validation = _validation(coded, self.target)
        automl: Any = cast("Any", flaml.automl.AutoML)()
        for name in self.learners:
            automl.add_learner(name, self._unlimited(name))
        with warnings.catch_warnings(), _Listening(automl, self) as heard:
            warnings.simplefilter("ignore")  # of rare classes and of what did not converge: the score says it
            automl.fit(
                X_train=X[rows],
                y_train=np.unique(coded[rows], return_inverse=True)[1] if self.target == "label" else coded[rows],
                task="classification" if self.target == "label" else "regression",
                metric=self._metric,
                estimator_list=list(self.learners),
                **validation,
                time_budget=self.seconds * _SHARE,
                n_jobs=1,
                seed=self.seed,
                verbose=3,
                log_file_name="",
                retrain_full=False,
                auto_augment=False,
                model_history=False,
                mlflow_logging=False,
                use_ray=False,
                use_spark=False,
            )
        best: Learned | None = getattr(automl, "best_estimator", None)  # none there before the first model
        if best is None or automl.best_config is None:
            raise CandidateError(f"AutoML finished no model in {self.seconds:g} s.", "Give it more `seconds`.")
        return best, automl.best_config, heard.n_tried

    @property
    def _metric(self) -> str:
        """How models are compared; log loss by default, for it sees better probabilities where accuracy sees none."""
        if self.metric != "auto":
            return self.metric
        return "log_loss" if self.target == "label" else "rmse"

    def _unlimited(self, name: Learned) -> type[Any]:
        """FLAML's learner, but that it sets no alarm and no limit of memory for the whole process.

        FLAML takes logistic regression to be 25 times as dear as boosting, and tries it late; of numbers that are
        scaled, as these are, it is not.
        """
        cls = self._class(name)
        cheap = {"cost_relative2lgbm": classmethod(lambda cls: 2)} if name == "lrl2" else {}
        return type(cls.__name__, (cls,), {"limit_resource": False, **cheap})

    def _params(self, name: Learned, config: Mapping[str, Any], n_classes: int) -> dict[str, JSON]:
        """The parameters of the estimator that FLAML fits for a point of its space, as plain values.

        One thread is among them: LightGBM takes all cores otherwise, whatever limit others keep to.
        """
        task = "regression" if self.target == "number" else "binary" if n_classes == 2 else "multiclass"
        params = self._class(name)(task=task, n_jobs=1, **config).params
        return {key: as_output(value) for key, value in sorted(params.items()) if key not in _LEFT_OUT}

    def _class(self, name: Learned) -> type[Any]:
        import flaml.automl.model as models

        found: type[Any] = getattr(models, LEARNERS[self.target][name][0])
        return found


def _validation(y: NDArray[Any], target: Target) -> tuple[NDArray[np.bool_], dict[str, object]]:
    """Which rows a search is of, and how a model is judged there: by cross-validation, of many rows as FLAML sees fit.

    Left to itself it holds a tenth out where the time is short, which of few rows is a handful. A class that is too
    rare to be in all folds is left out of the search, for no loss is defined without it; what is found learns it.
    """
    if target == "number":
        return np.ones(len(y), np.bool_), {} if len(y) >= _MANY else {"eval_method": "cv", "n_splits": 5}
    counts = np.bincount(y)
    for folds in (5, 4, 3, 2):
        known = counts[y] >= folds
        if (known.mean() >= _MOST and (counts >= folds).sum() > 1) or folds == 2:
            break
    if len(np.unique(y[known])) < 2:
        raise CandidateError(
            f"AutoML cannot compare models on {len(y)} examples of {len(counts)} classes.",
            "It takes two examples of two classes at least, and better dozens.",
        )
    many = known.sum() >= max(_MANY, _MANY_OF_A_CLASS * len(counts))
    return known, {} if many else {"eval_method": "cv", "n_splits": folds}


class _Listening(logging.Handler):
    """Says every few seconds how far FLAML is, and keeps what it logs off the terminal."""

    def __init__(self, automl: Any, search: AutomatedSearch) -> None:
        super().__init__()
        self._automl, self._search = automl, search
        self._start = self._said = time.monotonic()
        self._logger = logging.getLogger("flaml.automl.logger")
        self.n_tried = 0

    def __enter__(self) -> _Listening:
        self._passed_on, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *raised: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._passed_on

    def emit(self, record: logging.LogRecord) -> None:
        """One line a model ("at 1.2s, estimator ..."), and others."""
        self.n_tried += record.getMessage().startswith(" at ")
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY_S and getattr(self._automl, "best_estimator", None):
            self._said = now
            so_far = f"{now - self._start:.0f} of {self._search.seconds:.0f} s, {self.n_tried} models tried"
            self._search.note(f"{so_far}; the best so far is {self._automl.best_estimator}")
