"""Who gains how much on the cheapest candidate by category: by a column, the language of a text, or its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from merits.candidates.routing.reading import spoken
from merits.core.identity import JSON
from merits.improving.composing.gains import ROWS_A_CATEGORY, Forecast, gains_of
from merits.improving.composing.pool import Floats, Pool

__all__ = ["By", "Table", "table"]

_SHRINK = 10.0  # rows of the mean gain that are added to each category
_BUCKETS = 5  # of lengths


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
    looks: ClassVar[bool] = False

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
    least = ROWS_A_CATEGORY if by.language else 1
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
