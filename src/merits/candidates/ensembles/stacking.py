"""What learns how far to trust whom, from what the parts of an ensemble said of examples they had not learned from.

Wolpert (1992), doi:10.1016/S0893-6080(05)80023-1. Knows nothing about how the parts are asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.ensembles.answers import confidence_of
from merits.candidates.ensembles.labels import label_reader
from merits.candidates.ensembles.numbers import as_answer, common_levels
from merits.candidates.ensembles.texts import alike
from merits.candidates.features import ColumnKind, Columns, Reader, reader_of, words
from merits.candidates.keeping import keep_arrays, keep_estimator, keep_json, kept_arrays, kept_estimator, kept_json
from merits.candidates.learner import labels_to_learn, one_thread
from merits.candidates.linear_head import linear_head
from merits.core.answer import Answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.reading.forecasts import Forecast, forecast_of
from merits.reading.numbers import number_in
from merits.reading.texts import normalise
from merits.reading.values import text_of

__all__ = ["Fit", "Head", "LabelHead", "NumberHead", "trust"]

Floats: TypeAlias = NDArray[np.float64]
Fit: TypeAlias = Literal["nonnegative", "ridge"]
Said: TypeAlias = Sequence[Mapping[str, Answer]]
"""What each part said, by the hash of the input; an input that is not in it could not be asked."""


class Head(Protocol):
    """Learns from what parts said of examples, and then makes one answer of what they say of an input."""

    def learn(self, examples: Sequence[Example], said: Said) -> None: ...

    def answer(self, input: JSON, answers: Sequence[Answer | None]) -> Answer: ...

    def keep(self, folder: Path) -> None: ...

    def restore(self, folder: Path) -> None: ...


class LabelHead:
    """Logistic regression on what each part says of the classes: its probabilities, or its label as sure as it is.

    Of two classes only the second counts, as in scikit-learn's `StackingClassifier`, whose numbers these are. A part
    that said nothing (it failed, or was off the list) says what it says on average. With `inputs` the words or columns
    of the input count too.
    """

    def __init__(self, classes: tuple[str, ...], *, strength: float, inputs: bool, seed: int) -> None:
        self._classes, self._read = classes, label_reader(classes)
        self._counted = classes[1:] if len(classes) == 2 else classes
        self._strength, self._seed = strength, seed
        self._inputs = _Inputs(seed) if inputs else None
        self._labels: tuple[str, ...] = ()
        self._usual = np.zeros((0, 0))
        self._weights, self._bias = np.zeros((0, 0)), np.zeros(0)

    def learn(self, examples: Sequence[Example], said: Said) -> None:
        """Fits; CandidateError where all examples are of one class, or no part said anything."""
        known = labels_to_learn(examples)
        rows = np.stack([self._told([part.get(one.input_hash) for part in said]) for one in known])  # (n, parts, k)
        heard: NDArray[np.bool_] = np.asarray(~np.isnan(rows).any(axis=2))
        _must_have_said(heard)
        self._usual = np.stack([rows[heard[:, part], part].mean(axis=0) for part in range(len(said))])
        matrix: Any = np.where(np.isnan(rows), self._usual, rows).reshape(len(known), -1)
        if self._inputs is not None:
            matrix = self._inputs.learn(matrix, known)
        head = linear_head(strength=self._strength, balanced=False, seed=self._seed)
        with one_thread():
            head.fit(matrix, [str(one.target) for one in known])
        self._labels = tuple(map(str, head.classes_))
        self._weights, self._bias = head.coef_, head.intercept_
        if len(self._labels) == 2:  # the logistic function of one score is the softmax of (0, score)
            self._weights = np.concatenate([np.zeros_like(self._weights), self._weights])
            self._bias = np.concatenate([[0.0], self._bias])

    def answer(self, input: JSON, answers: Sequence[Answer | None]) -> Answer:
        """The likeliest label, with the probability of each."""
        told = self._told(answers)
        row = np.where(np.isnan(told), self._usual, told).reshape(-1)
        n = len(row)
        scores = self._weights[:, :n] @ row + self._bias
        if self._inputs is not None:
            scores = scores + self._inputs.scores(input, self._weights[:, n:])
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        found = dict.fromkeys(self._classes, 0.0) | dict(zip(self._labels, shares.tolist(), strict=True))
        return Answer(self._labels[int(shares.argmax())], found)

    def keep(self, folder: Path) -> None:
        """Writes what it learned."""
        keep_arrays({"usual": self._usual, "weights": self._weights, "bias": self._bias}, folder / "head.npz")
        keep_json(self._labels, folder / "labels.json")
        if self._inputs is not None:
            self._inputs.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        kept = kept_arrays(folder / "head.npz")
        self._usual, self._weights, self._bias = kept["usual"], kept["weights"], kept["bias"]
        self._labels = kept_json(folder / "labels.json", tuple[str, ...])
        if self._inputs is not None:
            self._inputs.restore(folder)

    def _told(self, answers: Sequence[Answer | None]) -> Floats:
        """What each part says of each class that counts, shape (parts, classes); NaN where it says nothing."""
        told = np.full((len(answers), len(self._counted)), math.nan)
        for place, answer in enumerate(answers):
            shares = self._shares(answer)
            if shares is not None:
                told[place] = [shares.get(name, 0.0) for name in self._counted]
        return told

    def _shares(self, answer: Answer | None) -> Mapping[str, float] | None:
        if answer is None:
            return None
        if answer.probabilities:
            return answer.probabilities
        label = self._read(answer.output)
        if label is None:
            return None
        sure = confidence_of(answer)
        rest = 0.0 if sure is None else (1.0 - sure) / max(len(self._classes) - 1, 1)
        return dict.fromkeys(self._classes, rest) | {label: 1.0 if sure is None else sure}


class NumberHead:
    """A linear combination of the parts' numbers, by non-negative least squares or by ridge regression.

    Non-negative without a constant (Breiman 1996, doi:10.1007/BF00117832) stays near the parts; ridge is that of
    scikit-learn's `StackingRegressor`. Quantiles that all parts tell are combined with the same weights.
    """

    def __init__(self, fit: Fit, *, inputs: bool, seed: int) -> None:
        self._fit = fit
        self._inputs = _Inputs(seed) if inputs else None
        self._usual = np.zeros(0)
        self._weights, self._bias = np.zeros(0), 0.0

    def learn(self, examples: Sequence[Example], said: Said) -> None:
        """Fits; CandidateError where no target is a number, or no part said any."""
        known = [(one, target) for one in examples if (target := number_in(one.target)) is not None]
        if not known:
            raise CandidateError("there is no example with a number to learn from.", "Add examples to the dev split.")
        values = np.array([[_value(part.get(one.input_hash)) for part in said] for one, _ in known])
        heard = ~np.isnan(values)
        _must_have_said(heard)
        self._usual = np.array([values[heard[:, part], part].mean() for part in range(len(said))])
        matrix: Any = np.where(heard, values, self._usual)
        if self._inputs is not None:
            matrix = self._inputs.learn(matrix, [one for one, _ in known])
        from sklearn.linear_model import LinearRegression, RidgeCV

        nonnegative = self._fit == "nonnegative"
        head = LinearRegression(positive=True, fit_intercept=False) if nonnegative else RidgeCV()
        with one_thread():
            head.fit(matrix, np.array([target for _, target in known]))
        self._weights, self._bias = head.coef_, float(head.intercept_)

    def answer(self, input: JSON, answers: Sequence[Answer | None]) -> Answer:
        """The number; with quantiles where all parts that answered tell them."""
        read = [forecast_of(answer.output) if answer is not None else None for answer in answers]
        n = len(read)
        beside = self._bias + (self._inputs.scores(input, self._weights[None, n:])[0] if self._inputs else 0.0)

        def made(numbers: Sequence[float]) -> float:
            return float(self._weights[:n] @ np.array(numbers) + beside)

        heard = [forecast for forecast in read if forecast is not None]
        levels = common_levels(heard) if all(forecast.quantiles for forecast in heard) else []
        quantiles = {level: made([self._at(place, one, level) for place, one in enumerate(read)]) for level in levels}
        value = made([one.value if one is not None else self._usual[place] for place, one in enumerate(read)])
        return as_answer(value, quantiles)

    def keep(self, folder: Path) -> None:
        """Writes what it learned."""
        keep_arrays({"usual": self._usual, "weights": self._weights, "bias": self._bias}, folder / "head.npz")
        if self._inputs is not None:
            self._inputs.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        kept = kept_arrays(folder / "head.npz")
        self._usual, self._weights, self._bias = kept["usual"], kept["weights"], float(kept["bias"])
        if self._inputs is not None:
            self._inputs.restore(folder)

    def _at(self, place: int, forecast: Forecast | None, level: float) -> float:
        return float(self._usual[place]) if forecast is None else forecast.at(level)


class _Inputs:
    """The words or columns of the inputs, as further columns of a matrix."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._reader: Reader | None = None
        self._encoder: Any = None

    def learn(self, matrix: Floats, examples: Sequence[Example]) -> Any:
        """The matrix with the examples' inputs beside it, sparse."""
        from scipy.sparse import csr_matrix, hstack

        self._reader = reader_of([example.input for example in examples])
        rows = [self._reader.row(example.input) for example in examples]
        self._encoder = self._reader.encoder(rows, words, sparse=True, seed=self._seed)
        return hstack([csr_matrix(matrix), csr_matrix(self._encoder.fit_transform(self._reader.matrix(rows)))]).tocsr()

    def keep(self, folder: Path) -> None:
        """Writes the encoder and how inputs are read."""
        assert self._reader is not None
        keep_estimator(self._encoder, folder / "inputs.skops")
        keep_json(list(self._reader.kinds) if isinstance(self._reader, Columns) else None, folder / "columns.json")

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        columns = kept_json(folder / "columns.json", list[tuple[str, ColumnKind]] | None)  # type: ignore[arg-type]
        self._reader = reader_of([]) if columns is None else Columns(tuple(columns))
        self._encoder = kept_estimator(folder / "inputs.skops")

    def scores(self, input: JSON, weights: Floats) -> Floats:
        """What the input adds to each score."""
        assert self._reader is not None
        row = self._encoder.transform(self._reader.matrix([self._reader.row(input)]))
        return np.asarray(row @ weights.T).reshape(-1)


def trust(examples: Sequence[Example], said: Said, *, by_word: bool) -> list[float]:
    """How much each part's vote should count: the logarithm of its odds of being right, at least 0.

    That is the best weight of voters that err independently (Nitzan & Paroush 1982, doi:10.2307/2526438). How right a
    text is, is how like its target it is (of several, the most like), character by character or `by_word`; one example
    that is half right is added, and odds end at 99 to 1. A part that is no better than not knowing counts nothing,
    unless all are so: then all count alike.

    >>> examples = [Example(str(n), f"question {n}", "yes", split="dev") for n in range(10)]
    >>> answers = [["yes"] * 9 + ["?"], ["yes"] * 7 + ["?"] * 3]
    >>> said = [{e.input_hash: Answer(text) for e, text in zip(examples, part)} for part in answers]
    >>> [round(weight, 2) for weight in trust(examples, said, by_word=False)]
    [1.85, 0.76]
    """
    known = [example for example in examples if example.target is not None]
    if not known:
        raise CandidateError("there is no example with a target to learn from.", "Add examples to the dev split.")
    likeness = alike()

    def like(answer: Answer | None, example: Example) -> float | None:
        if answer is None:
            return None
        targets = example.target if isinstance(example.target, list | tuple) else [example.target]
        forms = [normalise(text_of(one)) for one in (answer.output, *targets)]
        parts: list[Any] = [form.split() for form in forms] if by_word else list(forms)
        return max((likeness(parts[0], target) for target in parts[1:]), default=None)

    right = [[found for one in known if (found := like(part.get(one.input_hash), one)) is not None] for part in said]
    shares = [(sum(found) + 0.5) / (len(found) + 1.0) if found else 0.5 for found in right]
    weights = [max(math.log(share / (1.0 - share)), 0.0) for share in (min(max(s, 0.01), 0.99) for s in shares)]
    return weights if any(weights) else [1.0] * len(weights)


def _value(answer: Answer | None) -> float:
    forecast = forecast_of(answer.output) if answer is not None else None
    return math.nan if forecast is None else forecast.value


def _must_have_said(heard: NDArray[np.bool_]) -> None:
    silent = np.flatnonzero(~heard.any(axis=0))
    if len(silent):
        raise CandidateError(
            f"part {int(silent[0]) + 1} gave no answer of use to any of the {len(heard)} examples to learn from.",
            "Take it out of `parts:`, or see why it fails: merits run.",
        )
