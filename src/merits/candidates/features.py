"""How inputs become what a scikit-learn estimator reads: texts, or the columns of a table.

Knows nothing about which estimator reads them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.shared_fits import digest_of
from merits.candidates.texts import as_text
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = [
    "ColumnKind",
    "Columns",
    "Reader",
    "ReaderState",
    "Remembering",
    "Texts",
    "Vectoriser",
    "column_kind",
    "reader_of",
    "state_part",
    "words",
]

Vectoriser: TypeAlias = "Callable[[], BaseEstimator]"
Cell: TypeAlias = "float | str"
ColumnKind: TypeAlias = Literal["number", "category", "text"]
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_FEW = 20  # a column with no more distinct texts than this holds categories, however long they are
_counted: dict[str, int] = {}  # features by what finds them in what
_REDUCED_TO = 100  # dimensions of texts for estimators that take no sparse matrices, as usual in latent semantics


class Reader(Protocol):
    """Reads inputs for an estimator: one input at a time, so that a bad one fails alone, then all as one matrix."""

    def row(self, input: JSON) -> object:
        """One input, read. Raises TypeError for an input of another kind than those it was made for."""
        ...

    def matrix(self, rows: Sequence[object]) -> object:
        """What the encoder takes: one entry per row."""
        ...

    def encoder(self, rows: Sequence[object], vectoriser: Vectoriser, *, sparse: bool, seed: int) -> BaseEstimator:
        """An unfitted transformer of the matrix into numbers, sparse where the estimator takes that.

        `vectoriser` makes an unfitted transformer of texts.
        """
        ...


ReaderState: TypeAlias = dict[str, list[tuple[str, str]]]
"""What a reader found out about inputs: columns and what each is, by a name; the reader's own among these."""


@runtime_checkable
class Remembering(Protocol):
    """A reader that found out something about its inputs, which can be kept apart from it.

    It may have `put_away` and `taken_up` too: what a step of an estimator is kept as, where it holds what is not kept,
    and that step with what it held.
    """

    def state(self) -> ReaderState: ...

    def with_state(self, state: ReaderState) -> Reader:
        """A reader like this one that found out this. CandidateError where that is no such state."""
        ...


def state_part(state: ReaderState, name: str, kinds: Any) -> Any:
    """A part of a reader's state, once each column in it is of these kinds; else CandidateError."""
    try:
        return msgspec.convert(state[name], tuple[tuple[str, kinds], ...])
    except (msgspec.ValidationError, KeyError) as problem:
        raise CandidateError(
            f"the kept files are read by another reader: {problem}.", "Release it anew: merits release"
        ) from None


def reader_of(inputs: Sequence[JSON]) -> Reader:
    """The reader that fits these inputs: columns when all are mappings, texts otherwise.

    >>> reader_of([{"age": 31, "city": "Bonn"}, {"age": None, "city": "Rome"}])
    Columns(kinds=(('age', 'number'), ('city', 'category')))
    >>> reader_of(["a text"])
    Texts()
    """
    tables = [input for input in inputs if isinstance(input, Mapping)]
    if not tables or len(tables) < len(inputs):
        return Texts()
    names = sorted({name for table in tables for name in table})
    return Columns(tuple((name, column_kind([table.get(name) for table in tables])) for name in names))


@dataclass(frozen=True)
class Texts:
    """Reads every input as text."""

    LEARNS_NOTHING: ClassVar[bool] = True

    def row(self, input: JSON) -> str:
        """The input as text."""
        return as_text(input)

    def matrix(self, rows: Sequence[object]) -> Sequence[object]:
        """The texts as they are."""
        return rows

    def encoder(self, rows: Sequence[object], vectoriser: Vectoriser, *, sparse: bool, seed: int) -> BaseEstimator:
        """The vectoriser; reduced to 100 dimensions for an estimator that takes no sparse matrix."""
        return vectoriser() if sparse else _reduced(vectoriser(), [str(row) for row in rows], seed)


@dataclass(frozen=True)
class Columns:
    """Reads mappings of columns. `kinds` says for each column whether it holds numbers, categories or texts.

    A number that is missing or unreadable becomes the column's median, beside an indicator that it was missing; a
    missing category is a category of its own; a category first seen in testing is all zeros. Unknown columns are
    ignored, missing columns are missing values.
    """

    kinds: tuple[tuple[str, ColumnKind], ...]

    def row(self, input: JSON) -> list[Cell]:
        """The cells in the order of `kinds`."""
        if not isinstance(input, Mapping):
            raise TypeError(
                f"expected columns ({', '.join(name for name, _ in self.kinds)}), got {type(input).__name__}"
            )
        return [_cell(input.get(name), kind) for name, kind in self.kinds]

    def unknown(self, known: Sequence[Example], new: Sequence[Example]) -> str:
        """A category that stands in new examples and in no known one, in words; "" where there is none.

        >>> some = [Example(name, {"city": name}, "yes") for name in ("Bonn", "Rome")]
        >>> Columns((("city", "category"),)).unknown(some[:1], some)
        "the category 'Rome' of the column 'city' is new to it"
        """
        for name, kind in self.kinds:
            if kind == "category":
                here, there = (
                    {_cell(one.input.get(name), kind) for one in some if isinstance(one.input, Mapping)}
                    for some in (new, known)
                )
                strange = sorted(map(str, here - there))
                if strange:
                    return f"the category {strange[0]!r} of the column {name!r} is new to it"
        return ""

    def matrix(self, rows: Sequence[object]) -> NDArray[np.object_]:
        """An array of objects with shape (rows, columns)."""
        matrix = np.empty((len(rows), len(self.kinds)), dtype=object)
        matrix[:] = rows
        return matrix

    def state(self) -> ReaderState:
        """What each column holds."""
        return {"Columns": list(self.kinds)}

    def with_state(self, state: ReaderState) -> Columns:
        """The reader of these columns."""
        return Columns(state_part(state, "Columns", ColumnKind))

    def encoder(self, rows: Sequence[object], vectoriser: Vectoriser, *, sparse: bool, seed: int) -> BaseEstimator:
        """Numbers imputed and scaled, categories one-hot, texts vectorised, side by side."""
        from sklearn.compose import ColumnTransformer

        matrix = self.matrix(rows)
        positions: dict[ColumnKind, list[int]] = {"number": [], "category": [], "text": []}
        for position, (_, kind) in enumerate(self.kinds):
            positions[kind].append(position)
        parts: list[tuple[str, BaseEstimator, list[int] | int]] = []
        parts += [("numbers", _numbers(), positions["number"])] if positions["number"] else []
        parts += [("categories", _categories(), positions["category"])] if positions["category"] else []
        for position in positions["text"]:
            texts = [str(text) for text in matrix[:, position]]
            encoder = vectoriser() if sparse else _reduced(vectoriser(), texts, seed)
            parts.append((f"text{position}", encoder, position))
        return ColumnTransformer(parts, sparse_threshold=0.3 if sparse else 0.0)


def words() -> BaseEstimator:
    """TF-IDF of words and word pairs; one-letter words count, because "I" and "5" carry meaning."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode", token_pattern=r"(?u)\b\w+\b")


def _reduced(vectoriser: BaseEstimator, texts: Sequence[str], seed: int) -> BaseEstimator:
    """The vectoriser followed by truncated SVD (latent semantic analysis, Deerwester et al. 1990)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.pipeline import make_pipeline

    n_features = _n_features(vectoriser, texts)
    return make_pipeline(vectoriser, TruncatedSVD(max(1, min(_REDUCED_TO, n_features - 1)), random_state=seed))


def _n_features(vectoriser: BaseEstimator, texts: Sequence[str]) -> int:
    """How many features the vectoriser finds in texts; remembered, for trials ask for the same."""
    from sklearn.base import clone

    key = digest_of((vectoriser, texts))
    if key is None or key not in _counted:
        n_features: int = clone(vectoriser).fit_transform(texts).shape[1]
        if key is None:
            return n_features
        _counted[key] = n_features
    return _counted[key]


def _numbers() -> BaseEstimator:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler())


def _categories() -> BaseEstimator:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="ignore")


def column_kind(values: Sequence[JSON]) -> ColumnKind:
    """Numbers when every value there is reads as one; texts when they are many and mostly of several words."""
    present = [value for value in values if not _is_missing(value)]
    if all(not math.isnan(_number(value)) for value in present):
        return "number" if present else "category"
    texts = [as_text(value) for value in present]
    n_words = sum(len(text.split()) for text in texts) / len(texts)
    return "text" if len(set(texts)) > max(_FEW, len(texts) / 10) and n_words >= 3 else "category"


def _cell(value: JSON, kind: ColumnKind) -> Cell:
    if kind == "number":
        return _number(value)
    return "" if _is_missing(value) else as_text(value)


def _is_missing(value: JSON) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: JSON) -> float:
    """The value as a number; NaN, which the imputer reads as missing, when it is none."""
    if isinstance(value, str):
        try:
            value = float(value.strip())
        except ValueError:
            return math.nan
    if not isinstance(value, bool | int | float) or math.isinf(value):
        return math.nan
    return float(value)
