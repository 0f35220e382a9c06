"""Inputs of several things at once as numbers: pictures, texts and further columns, side by side.

What is missing says nothing: each modality is centred, so that zeros in its place move no linear model. Knows nothing
about which estimator reads the numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.features import ColumnKind, Columns, ReaderState, Vectoriser, column_kind, state_part
from merits.candidates.texts import as_text
from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.media.finding import Media, names_picture

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["Block", "Modalities", "modalities_of"]

Modality: TypeAlias = Literal["picture", "text", "other"]
Vectors: TypeAlias = Callable[[Sequence[Any], bool], NDArray[np.floating]]
"""Vectors of shape (things, dimensions) of pictures' files or of texts; the second argument says: for training."""

_FEW = 20  # a column of no more distinct texts than this holds categories


def modalities_of(
    inputs: Sequence[JSON], media: Media, pictures: Vectors, texts: Vectors, only: Sequence[str] = ()
) -> Modalities:
    """The reader that fits these inputs: which of their columns name pictures, hold texts, or anything else.

    Inputs that are no mappings are read as one column, "input". Of columns, `only` these are read, where it names any.
    """
    tables = [_as_table(input) for input in inputs]
    names = sorted({name for table in tables for name in table if not only or name in only})
    kinds = tuple((name, _modality([table.get(name) for table in tables])) for name in names)
    others = [name for name, kind in kinds if kind == "other"]
    rest = tuple((name, column_kind([table.get(name) for table in tables])) for name in others)
    return Modalities(kinds, Columns(rest), media, pictures, texts)


@dataclass(frozen=True)
class Modalities:
    """Reads inputs column by column. `kinds` says what each column is; `others` reads those of numbers and categories.

    A picture that is missing or no longer there, and an empty text, are missing values; unknown columns are ignored.
    """

    kinds: tuple[tuple[str, Modality], ...]
    others: Columns
    media: Media
    pictures: Vectors
    texts: Vectors

    def row(self, input: JSON) -> list[object]:
        """One cell for each column: a file or None, a text, and last the cells of the other columns.

        DataError for a name of a picture that is not there.
        """
        table = _as_table(input)
        cells: list[object] = [self._cell(table.get(name), kind) for name, kind in self.kinds if kind != "other"]
        return [*cells, *self.others.row(table)]

    def matrix(self, rows: Sequence[object]) -> NDArray[np.object_]:
        """An array of objects with shape (rows, columns)."""
        matrix = np.empty((len(rows), self._n_own + len(self.others.kinds)), dtype=object)
        for number, row in enumerate(rows):
            matrix[number] = row
        return matrix

    def encoder(self, rows: Sequence[object], vectoriser: Vectoriser, *, sparse: bool, seed: int) -> BaseEstimator:
        """Each picture and text as a block of centred numbers, and the other columns encoded as in any table."""
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer

        own = [kind for _, kind in self.kinds if kind != "other"]
        parts: list[tuple[str, Any, Any]] = [
            (f"{kind}{place}", Block(self.pictures if kind == "picture" else self.texts), place)
            for place, kind in enumerate(own)
        ]
        if self.others.kinds:
            cells = [list(row)[len(own) :] for row in rows]  # type: ignore[call-overload]
            encoder = self.others.encoder(cells, vectoriser, sparse=False, seed=seed)
            places = list(range(len(own), len(own) + len(self.others.kinds)))
            parts.append(("others", make_pipeline(FunctionTransformer(), encoder), places))
        return ColumnTransformer(parts, sparse_threshold=0.0)

    def state(self) -> ReaderState:
        """What each column is."""
        return {"Modalities": list(self.kinds), "others": list(self.others.kinds)}

    def with_state(self, state: ReaderState) -> Modalities:
        """A reader of these columns, with the same sources of vectors."""
        others = Columns(state_part(state, "others", ColumnKind))
        return replace(self, kinds=state_part(state, "Modalities", Modality), others=others)

    def put_away(self, step: Any) -> Any:
        """A step of an estimator whose blocks name where their vectors come from; the given one stays as it is."""
        return _with_blocks(step, lambda vectors: "picture" if vectors is self.pictures else "text")

    def taken_up(self, step: Any) -> Any:
        """The step with the vectors of this reader."""
        return _with_blocks(step, lambda name: self.pictures if name == "picture" else self.texts)

    @property
    def _n_own(self) -> int:
        return len(self.kinds) - len(self.others.kinds)

    def _cell(self, value: JSON, kind: Modality) -> Path | str | None:
        if value is None or value == "":
            return None
        if kind == "text":
            return as_text(value).strip() or None
        file = self.media.file(value) if isinstance(value, str) else None
        if file is None:
            raise DataError(f"there is no picture {str(value)[:100]!r}.", "Name a file relative to the data file.")
        return file


class Block:
    """Pictures or texts of one column as a transformer: vectors, centred and scaled so that each has length about 1.

    What is missing (None) is all zeros, the mean of what was there in training. Training may use what the vectors'
    source remembers, answering may not.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What a fresh one is made with (`sklearn.base.clone`)."""
        return {"vectors": self.vectors}

    def fit(self, X: Sequence[Any], y: object = None) -> Block:
        """Learn the centre and the scale."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Sequence[Any], y: object = None) -> NDArray[np.float64]:
        """The blocks of the training examples, shape (examples, dimensions)."""
        there = [one for one in X if one is not None]
        if not there:
            self._mean, self._scale = np.zeros(1), np.ones(1)
            return np.zeros((len(X), 1))
        found = np.asarray(self.vectors(there, True), np.float64)
        self._mean = found.mean(axis=0)
        spread = found.std(axis=0)
        self._scale = np.where(spread > 1e-9, spread, np.inf) * np.sqrt(len(spread))
        return self._placed(X, found)

    def transform(self, X: Sequence[Any]) -> NDArray[np.float64]:
        """The blocks of these."""
        there = [one for one in X if one is not None]
        if not there or not np.isfinite(self._scale).any() or len(self._mean) == 1:
            return np.zeros((len(X), len(self._mean)))
        return self._placed(X, np.asarray(self.vectors(there, False), np.float64))

    def _placed(self, X: Sequence[Any], found: NDArray[np.float64]) -> NDArray[np.float64]:
        block = np.zeros((len(X), len(self._mean)))
        block[[one is not None for one in X]] = (found - self._mean) / self._scale
        return block


def _with_blocks(step: Any, vectors: Callable[[Any], Any]) -> Any:
    """A transformer of columns with other vectors in its blocks, fitted and unfitted ones; any other step as it is."""
    if not hasattr(step, "transformers"):
        return step
    other = copy.copy(step)
    for which in ("transformers", "transformers_"):
        parts = [(name, _with_vectors(part, vectors), columns) for name, part, columns in getattr(step, which)]
        setattr(other, which, parts)
    return other


def _with_vectors(part: Any, vectors: Callable[[Any], Any]) -> Any:
    if not isinstance(part, Block):
        return part
    other = copy.copy(part)
    other.vectors = vectors(part.vectors)
    return other


def _as_table(input: JSON) -> Mapping[str, JSON]:
    return input if isinstance(input, Mapping) else {"input": input}


def _modality(values: Sequence[JSON]) -> Modality:
    present = [value for value in values if value not in (None, "")]
    if present and all(isinstance(value, str) and names_picture(value) for value in present):
        return "picture"
    kind = column_kind(values)
    several = len({as_text(value) for value in present}) > _FEW
    return "text" if kind == "text" or (kind == "category" and several) else "other"
