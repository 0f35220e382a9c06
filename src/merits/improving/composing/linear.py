"""Who gains how much on the cheapest candidate, foretold by ridge from what a text looks like, says, and where it lies.

The embedding alone was better than the words where one candidate knows one sort of text only, worse elsewhere; both
together were better than either on all pairs of classifiers that were tried (docs/improve/cascades.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from merits.candidates.routing.hashed import HashedText, packed, rounded
from merits.candidates.routing.surface import SURFACE
from merits.core.identity import JSON
from merits.improving.composing.gains import Forecast, gains_of
from merits.improving.composing.pool import Floats, Pool

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Linear", "linear"]

_RIDGE = 3.0  # the best of 1, 3 and 10 on MMLU and GSM8K, where it hardly matters
_RARE = 5_000  # of so many texts what stands in one only is left out; of 1,500 that would cost .005 of APGR


@dataclass(frozen=True)
class Linear:
    """A ridge regression of the gains on a text, with the rounded numbers that stand in the recipe.

    `weights` (candidates - 1, 18) are an intercept and one for each feature of the surface; `vectors` (candidates - 1,
    dimensions) those of the numbers of the embedding.
    """

    weights: Floats
    words: HashedText | None = None
    vectors: Floats | None = None

    @property
    def looks(self) -> bool:
        """Whether the embedding must be asked for."""
        return self.vectors is not None

    def on(self, pool: Pool) -> Floats:
        """The forecasts, as the router itself makes them."""
        assert pool.texts is not None, "a forecast from texts needs them"
        found = self.weights[:, :1] + self.weights[:, 1:] @ pool.texts.surface.T
        if self.words is not None:
            idf, coefficients = self.words.of(pool.texts.buckets)
            found = found + (pool.texts.tf_idf(idf) @ coefficients.T).T
        if self.vectors is not None:
            assert pool.looking is not None, "a forecast from embeddings needs them"
            found = found + self.vectors @ pool.looking.vectors.T
        return np.asarray(found)

    def params(self, prices: Floats) -> dict[str, JSON]:
        """The numbers."""
        gains: dict[str, JSON] = {
            "prices": [float(price) for price in prices],
            "weights": [[float(weight) for weight in each] for each in self.weights],
        }
        if self.words is not None:
            text, scales = packed(self.words)
            gains |= {"words": text, "scales": list(scales)}
        if self.vectors is not None:
            gains["vectors"] = [[float(weight) for weight in each] for each in self.vectors]
        return {"gains": gains}


def linear(pool: Pool, *, words: bool = False, looks: bool = False, vectors: bool = False) -> Forecast:
    """Ridge (α = 3) of the gains on TF-IDF of words and pairs of words, the surface of the text, its embedding."""
    from scipy.sparse import csr_matrix, hstack

    assert pool.texts is not None, "a forecast from texts needs them"
    centre, spread = pool.texts.surface.mean(axis=0), pool.texts.surface.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)  # what does not vary says nothing
    idf = pool.texts.idf(2 if pool.n >= _RARE else 1)
    filled = np.flatnonzero(idf > 0.0)
    parts: dict[str, csr_matrix] = {}
    if words:
        parts["words"] = pool.texts.tf_idf(idf)[:, filled]
    if looks:
        parts["surface"] = csr_matrix((pool.texts.surface - centre) / spread)
    if vectors:
        assert pool.looking is not None, "a forecast from embeddings needs them"
        parts["vectors"] = csr_matrix(pool.looking.vectors)
    coefficients, intercepts = _ridge(hstack(list(parts.values())).tocsr(), gains_of(pool).T)
    ends = np.cumsum([part.shape[1] for part in parts.values()])
    of = dict(zip(parts, np.split(coefficients, ends[:-1], axis=1), strict=True))
    weights = np.zeros((pool.size - 1, len(SURFACE) + 1))
    weights[:, 0] = intercepts
    if looks:
        weights[:, 1:] = of["surface"] / spread
        weights[:, 0] -= weights[:, 1:] @ centre
    score = rounded(HashedText(pool.texts.buckets[filled], idf[filled], of["words"])) if words else None
    return Linear(np.round(weights, 7), score, np.round(of["vectors"], 6) if vectors else None)


def _ridge(features: csr_matrix, targets: Floats) -> tuple[Floats, Floats]:
    """The coefficients (outputs, features) and intercepts (outputs,)."""
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=_RIDGE).fit(features, targets)
    outputs = targets.shape[1]
    return np.asarray(model.coef_).reshape(outputs, -1), np.asarray(model.intercept_).reshape(outputs)
