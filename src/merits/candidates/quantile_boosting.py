"""Gradient boosting that says numbers with quantiles: intervals that hold the share of targets they promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

from merits.candidates.features import Reader, reader_of, words
from merits.candidates.imports import versions
from merits.candidates.learner import Learner, learning_model
from merits.candidates.registry import LoadContext, Space
from merits.core.doors import Model
from merits.core.identity import content_hash

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

__all__ = ["SPACE", "Params", "QuantileParams", "forecaster", "load"]

ON_PREMISES = True
SPACE: Space = {
    "learning_rate": {"low": 0.02, "high": 0.3, "log": True},
    "iterations": {"low": 50, "high": 400, "log": True, "int": True},
    "leaves": [7, 15, 31, 63],
    "smallest_leaf": {"low": 5, "high": 80, "log": True, "int": True},
}


class QuantileParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What every forecast with quantiles has."""

    quantiles: Annotated[
        tuple[float, ...],
        msgspec.Meta(min_length=1, description="Quantiles that are said; the median, which is the value, always is."),
    ] = (0.05, 0.5, 0.95)
    conformal: Annotated[
        bool,
        msgspec.Meta(description="Keep a quarter of dev to correct the intervals with, so that they hold what is due."),
    ] = True

    def __post_init__(self) -> None:
        if not all(0.0 < quantile < 1.0 for quantile in self.quantiles):
            raise ValueError("a quantile is between 0 and 1")


class Params(QuantileParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Histogram gradient boosting of each quantile, trained on the dev split."""

    iterations: Annotated[int, msgspec.Meta(ge=1, description="Trees of each quantile.")] = 100
    learning_rate: Annotated[float, msgspec.Meta(gt=0, description="How much each tree corrects.")] = 0.1
    leaves: Annotated[int, msgspec.Meta(ge=2, description="Leaves of a tree at most.")] = 31
    smallest_leaf: Annotated[int, msgspec.Meta(ge=1, description="Examples in a leaf at least.")] = 20


def load(params: Params, context: LoadContext) -> Model:
    """A trainable forecaster for the columns of a table, or for texts. Answers `{"value": ..., "quantiles": {...}}`."""

    def regressor(quantile: float) -> BaseEstimator:
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(
            loss="quantile",
            quantile=quantile,
            max_iter=params.iterations,
            learning_rate=params.learning_rate,
            max_leaf_nodes=params.leaves,
            min_samples_leaf=params.smallest_leaf,
            early_stopping=False,
            random_state=context.seed,
        )

    return forecaster("quantile-boosting 1", regressor, params, context)


def forecaster(
    version: str, regressor: Callable[[float], BaseEstimator], params: QuantileParams, context: LoadContext
) -> Model:
    """The model around a regressor of quantiles: what makes columns and texts numbers is the same for all."""

    def build(reader: Reader, rows: Sequence[object]) -> Pipeline:
        from sklearn.pipeline import make_pipeline

        from merits.candidates.quantile_forecaster import QuantileForecaster

        encoder = reader.encoder(rows, words, sparse=False, seed=context.seed)
        return make_pipeline(
            encoder,
            QuantileForecaster(regressor, params.quantiles, conformal=params.conformal, seed=context.seed),
        )

    fingerprint = content_hash([version, versions("sklearn"), context.seed])
    return learning_model(Learner(reader_of, build), fingerprint=fingerprint, timeout_s=context.timeout_s)
