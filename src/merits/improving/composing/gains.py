"""Who gains how much on the cheapest candidate, foretold from the input: by category, by its surface, by its words.

What is foretold is the gain, never that the cheap one is wrong: going on to a dear one that is wrong too is money lost
(on MMLU the area under the recovered gap is .63 against .60). A table of categories first: it has the least to learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from merits.candidates.router import category_of
from merits.candidates.routing.hashed import HashedText, packed, rounded
from merits.candidates.routing.reading import spoken
from merits.candidates.routing.surface import SURFACE
from merits.core.identity import JSON
from merits.improving.composing.pool import Floats, Pool
from merits.reading.languages import UNSURE

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["By", "Forecast", "Learner", "Linear", "Table", "gains_of", "learners_of", "linear", "table"]

_SHRINK = 10.0  # rows of the mean gain that are added to each category
_RIDGE = 3.0  # the best of 1, 3 and 10 on MMLU and GSM8K, where it hardly matters
_RARE = 5_000  # of so many texts what stands in one only is left out; of 1,500 that would cost .005 of APGR
_CATEGORIES = range(2, 61)
_ROWS_A_CATEGORY = 20
_BUCKETS = 5  # of lengths


class Forecast(Protocol):
    """How much each part but the cheapest gains on it: (candidates - 1, rows); and the recipe's parameters."""

    def on(self, pool: Pool) -> Floats: ...

    def params(self, prices: Floats) -> dict[str, JSON]:
        """Those of a router that takes the part of the highest forecast, less its price (candidates - 1,)."""
        ...


Learner: TypeAlias = Callable[[Pool], Forecast]
"""Learns a forecast from the rows of a pool."""


def gains_of(pool: Pool) -> Floats:
    """The gain of every candidate but the cheapest on it: (candidates - 1, rows)."""
    return np.asarray(pool.value[1:] - pool.value[0])


@dataclass(frozen=True)
class By:
    """What a category is: what a column says, the language of the text, or between which lengths it is long."""

    column: str = ""
    language: bool = False
    lengths: tuple[float, ...] = ()

    def params(self) -> dict[str, JSON]:
        """As it stands in the recipe of a router."""
        if self.column:
            return {"column": self.column}
        return {"language": True} if self.language else {"lengths": list(self.lengths)}


@dataclass(frozen=True)
class Table:
    """The shrunken mean gains of every category, and of any other."""

    gains: Mapping[str, Floats]
    otherwise: Floats
    by: By

    def on(self, pool: Pool) -> Floats:
        """The gains of the category of each row."""
        return np.stack([self.gains.get(name, self.otherwise) for name in _categories(pool, self.by)], axis=1)

    def params(self, prices: Floats) -> dict[str, JSON]:
        """Which part each category goes to."""

        def part(gains: Floats) -> int:
            return int(np.argmax(np.r_[0.0, gains - prices]))

        choose: dict[str, JSON] = {name: part(gains) for name, gains in self.gains.items()}
        return {**self.by.params(), "choose": choose, "otherwise": part(self.otherwise)}


def _categories(pool: Pool, by: By) -> list[str]:
    """The category of each row, as `category_of` says it.

    A search asks for them thousands of times (each column, each fold): a value is spelled once, a length read once.
    """
    if by.column:
        return [_spelled(each, by.column) for each in pool.inputs]
    assert pool.texts is not None, "only texts have a language or a length"
    if by.language:
        assert pool.texts.languages is not None, "a table of languages is made only where they are known"
        told: list[str] = pool.texts.languages.tolist()
        return told
    places: list[str] = np.searchsorted(by.lengths, pool.texts.lengths, side="right").astype(str).tolist()
    return places


def _spelled(input: JSON, column: str) -> str:
    value = input.get(column) if isinstance(input, Mapping) else ""
    return spoken(value) if isinstance(value, list | Mapping) else _spoken(value, repr(value))


@lru_cache(maxsize=1 << 16, typed=True)
def _spoken(value: JSON, written: str) -> str:
    """`written` tells apart what is equal and not the same, as 0.0 and -0.0."""
    return spoken(value)


def table(pool: Pool, by: By | None = None) -> Forecast:
    """The table of what it goes by (five buckets of lengths): Σ gain of a category and 10 mean ones, over n + 10.

    A language that few texts are in has no place in it: it is often a guess.
    """
    by, gains = by or _buckets(pool), gains_of(pool)
    names = np.array(_categories(pool, by))
    mean = gains.mean(axis=1)
    values, counts = np.unique(names, return_counts=True)
    least = _ROWS_A_CATEGORY if by.language else 1
    shrunken = {
        str(name): (gains[:, names == name].sum(axis=1) + _SHRINK * mean) / (count + _SHRINK)
        for name, count in zip(values, counts, strict=True)
        if name and count >= least
    }
    return Table(shrunken, mean, by)


def _buckets(pool: Pool) -> By:
    assert pool.texts is not None, "only texts have a length"
    cuts = np.quantile(pool.texts.lengths, np.linspace(0.0, 1.0, _BUCKETS + 1)[1:-1])
    return By(lengths=tuple(float(cut) for cut in np.unique(np.rint(cuts))))


@dataclass(frozen=True)
class Linear:
    """A ridge regression of the gains on words and surface, with the rounded numbers that stand in the recipe.

    `weights` (candidates - 1, 18) are an intercept and one for each feature of the surface.
    """

    weights: Floats
    words: HashedText | None = None

    def on(self, pool: Pool) -> Floats:
        """The forecasts, as the router itself makes them."""
        assert pool.texts is not None, "a forecast from texts needs them"
        found = self.weights[:, :1] + self.weights[:, 1:] @ pool.texts.surface.T
        if self.words is not None:
            idf, coefficients = self.words.of(pool.texts.buckets)
            found = found + (pool.texts.tf_idf(idf) @ coefficients.T).T
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
        return {"gains": gains}


def linear(pool: Pool, *, words: bool = True, looks: bool = False) -> Forecast:
    """Ridge (α = 3) of the gains on TF-IDF of words and pairs of words, on the surface of the text, or on both."""
    from scipy.sparse import csr_matrix, hstack

    assert pool.texts is not None, "a forecast from texts needs them"
    centre, spread = pool.texts.surface.mean(axis=0), pool.texts.surface.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)  # what does not vary says nothing
    idf = pool.texts.idf(2 if pool.n >= _RARE else 1)
    filled = np.flatnonzero(idf > 0.0)
    parts: list[csr_matrix] = []
    if words:
        parts.append(pool.texts.tf_idf(idf)[:, filled])
    if looks:
        parts.append(csr_matrix((pool.texts.surface - centre) / spread))
    coefficients, intercepts = _ridge(hstack(parts).tocsr(), gains_of(pool).T)
    weights = np.zeros((pool.size - 1, len(SURFACE) + 1))
    weights[:, 0] = intercepts
    if looks:
        weights[:, 1:] = coefficients[:, -len(SURFACE) :] / spread
        weights[:, 0] -= weights[:, 1:] @ centre
    weights = np.round(weights, 7)
    if not words:
        return Linear(weights)
    score = HashedText(pool.texts.buckets[filled], idf[filled], coefficients[:, : len(filled)])
    return Linear(weights, rounded(score))


def _ridge(features: csr_matrix, targets: Floats) -> tuple[Floats, Floats]:
    """The coefficients (outputs, features) and intercepts (outputs,)."""
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=_RIDGE).fit(features, targets)
    outputs = targets.shape[1]
    return np.asarray(model.coef_).reshape(outputs, -1), np.asarray(model.intercept_).reshape(outputs)


def learners_of(pool: Pool) -> dict[str, Learner]:
    """What can be learned from these inputs, by name, the simplest first; {} where nothing is known of them."""
    found: dict[str, Learner] = {}
    for column in _columns(pool.inputs):
        found[f"the column {column}"] = partial(table, by=By(column=column))
    if _in_languages(pool):
        found["language"] = partial(table, by=By(language=True))
    if pool.texts is not None and np.ptp(pool.texts.lengths) > 0.0:
        found["length"] = table
        found["surface"] = partial(linear, words=False, looks=True)
        found["words"] = linear
        found["words and surface"] = partial(linear, words=True, looks=True)
    return found


def _in_languages(pool: Pool) -> bool:
    """Whether there are texts in two languages, so many in each that they say something of it."""
    if pool.texts is None or pool.texts.languages is None:
        return False
    names, counts = np.unique(pool.texts.languages, return_counts=True)
    return int(((counts >= _ROWS_A_CATEGORY) & (names != UNSURE)).sum()) >= 2


def _columns(inputs: Sequence[JSON]) -> list[str]:
    """The columns that hold few different values, each often."""
    if not inputs or not all(isinstance(each, Mapping) for each in inputs):
        return []
    names = list(dict.fromkeys(name for each in inputs if isinstance(each, Mapping) for name in each))
    most = min(_CATEGORIES.stop - 1, len(inputs) // _ROWS_A_CATEGORY)
    return [name for name in names if 2 <= len({category_of(each, name, ()) for each in inputs}) <= most]
