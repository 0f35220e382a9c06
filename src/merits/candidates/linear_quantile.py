"""Linear quantile regression that says numbers with quantiles: for few examples, and for reading what it learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from merits.candidates.quantile_boosting import QuantileParams, forecaster
from merits.candidates.registry import LoadContext, Space
from merits.core.doors import Model

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["SPACE", "Params", "load"]

ON_PREMISES = True
SPACE: Space = {"alpha": {"low": 1e-5, "high": 1.0, "log": True}}


class Params(QuantileParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A linear model of each quantile (Koenker & Bassett 1978), trained on the dev split."""

    alpha: Annotated[
        float, msgspec.Meta(ge=0, description="Weight of the absolute coefficients (L1); larger leaves more out.")
    ] = 0.001


def load(params: Params, context: LoadContext) -> Model:
    """A trainable forecaster, as `quantile-boosting` is. Each quantile is a linear programme: 10,000 rows or so."""

    def regressor(quantile: float) -> BaseEstimator:
        from sklearn.linear_model import QuantileRegressor

        return QuantileRegressor(quantile=quantile, alpha=params.alpha, solver="highs")

    return forecaster("linear-quantile 1", regressor, params, context)
