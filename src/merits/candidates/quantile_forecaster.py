"""An estimator of numbers with quantiles: one regressor for each quantile, made to hold what it promises (conformal).

Knows nothing about which regressor it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from merits.core.errors import CandidateError

__all__ = ["QuantileForecaster", "conformal_margin"]

Floats = NDArray[np.float64]
_FEWEST = 10  # examples to calibrate on; fewer say nothing about a tail


class QuantileForecaster(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts mappings {"value": ..., "quantiles": {...}}; the value is the median.

    `regressor(quantile)` makes an unfitted regressor of a quantile. With `conformal`, a quarter of the examples, drawn
    with `seed`, is kept from the regressors, and each pair of quantiles that leaves out the same share on both sides is
    moved apart (or together) until it holds that share of the kept ones: conformalised quantile regression, Romano,
    Patterson & Candès (2019), arXiv 1905.03222. New cases are then inside with the promised probability, whatever the
    regressors are worth, if they are exchangeable with the examples: not where time has moved on, nor for a new group.
    """

    def __init__(
        self, regressor: Callable[[float], Any], quantiles: Sequence[float], *, conformal: bool, seed: int
    ) -> None:
        self.regressor = regressor
        self.quantiles = quantiles
        self.conformal = conformal
        self.seed = seed

    def __getstate__(self) -> dict[str, Any]:
        """What it has learned: what makes regressors is a function, and no part of what is kept."""
        return {**self.__dict__, "regressor": None, "quantiles": list(self.quantiles)}

    def __sklearn_clone__(self) -> QuantileForecaster:
        """A fresh one with the same regressor."""
        return QuantileForecaster(self.regressor, self.quantiles, conformal=self.conformal, seed=self.seed)

    def fit(self, X: Any, y: Sequence[float]) -> QuantileForecaster:
        """Fits a regressor for each quantile; CandidateError with too few examples to calibrate on."""
        target = np.asarray(y, dtype=np.float64)
        order = np.random.default_rng(self.seed).permutation(len(target))
        kept = len(target) // 4 if self.conformal else 0
        if self.conformal and kept < _FEWEST:
            raise CandidateError(
                f"{len(target)} examples are too few to learn from three quarters of them and calibrate on the rest.",
                f"Add examples to dev ({4 * _FEWEST} at least), or set `conformal: false`.",
            )
        held, learned = np.sort(order[:kept]), np.sort(order[kept:])
        self.levels_ = sorted({*self.quantiles, 0.5})
        self.fitted_ = {q: self.regressor(q).fit(X[learned], target[learned]) for q in self.levels_}
        self.margins_: dict[float, float] = dict.fromkeys(self.levels_, 0.0)
        if kept:
            self._calibrate(self._raw(X[held]), target[held])
        return self

    def _calibrate(self, said: dict[float, Floats], target: Floats) -> None:
        for low in (q for q in self.levels_ if q < 0.5):
            high = next((q for q in self.levels_ if math.isclose(q, 1.0 - low, abs_tol=1e-9)), None)
            if high is None:
                continue
            outside = np.maximum(said[low] - target, target - said[high])
            margin = conformal_margin(outside, high - low)
            self.margins_[low], self.margins_[high] = -margin, margin

    def _raw(self, X: Any) -> dict[float, Floats]:
        """The quantiles as the regressors have them, put in order (they may cross)."""
        columns = np.sort(np.column_stack([self.fitted_[q].predict(X) for q in self.levels_]), axis=1)
        return {q: np.asarray(columns[:, place]) for place, q in enumerate(self.levels_)}

    def predict(self, X: Any) -> list[dict[str, Any]]:
        """A mapping for each row; its quantiles rise."""
        said = self._raw(X)
        moved = np.sort(np.column_stack([said[q] + self.margins_[q] for q in self.levels_]), axis=1)
        names = [f"{q:g}" for q in self.levels_]
        middle = self.levels_.index(0.5)
        return [{"value": row[middle], "quantiles": dict(zip(names, row, strict=True))} for row in moved.tolist()]


def conformal_margin(outside: Floats, share: float) -> float:
    """How far an interval must be widened (narrowed, if negative) to hold a new target with probability `share`.

    `outside` is how far each kept target is outside its interval (negative: inside). It is the ⌈(n + 1) share⌉-th
    smallest of them; the largest where there is no such one, and then the promise is not quite kept.

    >>> conformal_margin(np.array([-3.0, -1.0, 0.5, 2.0]), 0.6)
    0.5
    """
    n = len(outside)
    # A rounding error in (n + 1) share must not cost a whole rank.
    rank = min(math.ceil((n + 1) * share - 1e-9), n)
    return float(np.sort(outside)[rank - 1])
