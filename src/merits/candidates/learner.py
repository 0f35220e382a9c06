"""A scikit-learn estimator as a model: learns from examples, answers in batches, gives probabilities where it can.

Knows nothing about how the estimator was described.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import msgspec
import numpy as np

from merits.candidates.ahead import decoded_ahead, readable
from merits.candidates.batcher import Batcher
from merits.candidates.features import Columns, Reader, ReaderState, Remembering, Texts
from merits.candidates.going_on import cannot_go_on, go_on, has_categories
from merits.candidates.insides import EstimatorInsides
from merits.candidates.keeping import (
    keep_estimator,
    keep_inside,
    keep_json,
    kept_estimator,
    kept_json,
    restore_inside,
)
from merits.candidates.memory import Weights
from merits.candidates.shared_fits import shared_fits
from merits.candidates.soft import Soft, at_temperature, likeliest, soft_of, weighted
from merits.core.answer import Answer
from merits.core.doors import Portable
from merits.core.errors import CandidateError, DataError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = [
    "Learner",
    "Predictor",
    "as_output",
    "fit_weighted",
    "labels_to_learn",
    "learning_model",
    "one_thread",
    "pickled_size",
    "predicted",
]

_COPIES = 10  # of an example with several labels, for an estimator that takes no weights
BATCH_SIZE = 32  # large enough to share an estimator's overhead of about a millisecond, small enough not to wait long


class Predictor(Protocol):
    """An estimator as far as it is used here; `predict_proba` and `classes_` may be missing."""

    def fit(self, X: Any, y: Any) -> Any: ...

    def predict(self, X: Any) -> Any: ...


ReaderOf: TypeAlias = Callable[[Sequence[JSON]], Reader]
Build: TypeAlias = Callable[[Reader, Sequence[object]], Predictor]


@dataclass(frozen=True, eq=False)
class ReadRows:
    """The reader of an estimator's inputs: see `insides.Rows`."""

    reader: Reader

    def row(self, input: JSON) -> object:
        """One input as its reader reads it."""
        return self.reader.row(input)

    def matrix(self, rows: Sequence[object]) -> Any:
        """The rows as the estimator takes them."""
        return self.reader.matrix(rows)

    def keep(self, folder: Path) -> None:
        """Writes how inputs are read; CandidateError for a reader that learned what is not kept."""
        keep_json(_state_of(self.reader), folder / _ROWS)


@dataclass(frozen=True, eq=False)
class FittedEstimator:
    """A fitted estimator and the reader of its inputs: see `insides.Estimator`."""

    estimator: Any
    rows: ReadRows


class Learner:
    """Fits what `build` makes for the inputs it is shown, and answers with what that predicts.

    `build` is given the reader of the inputs and the rows it read, and returns an unfitted estimator. Examples whose
    file cannot be read teach nothing; `note` is told how many there are. With `shares` an encoder of inputs that was
    fitted on the same examples is not fitted again. `outside` is a step of what `build` makes that learns nothing and
    is no part of what is kept (what embeds texts).
    """

    def __init__(
        self,
        reader_of: ReaderOf,
        build: Build,
        *,
        needs_classes: bool = False,
        note: Callable[[str], None] = lambda text: None,
        shares: bool = False,
        outside: object = None,
    ) -> None:
        self._outside = outside
        self._reader_of = reader_of
        self._build = build
        self._needs_classes = needs_classes
        self._shares = shares
        self._note = note
        self._reader: Reader | None = None
        self._estimator: Predictor | None = None
        self._size_bytes: int | None = None
        self._temperature = 1.0

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from the examples that have a target; CandidateError when they cannot teach anything."""
        known = labels_to_learn(examples) if self._needs_classes else _known(examples)
        reader = self._reader_of([example.input for example in known])
        found = self._rows(reader, known)
        rows = [row for row, _ in found]
        estimator = self._build(reader, rows)
        wanted = _targets(estimator, [example.target for _, example in found])
        with one_thread():
            rest, matrix = self._encoded(estimator, reader, rows)
            rest.fit(matrix, wanted)
        self._reader, self._estimator = reader, estimator

    def _rows(self, reader: Reader, known: Sequence[Example]) -> list[tuple[object, Example]]:
        """What is read of the examples that can be read, with each."""
        decodes = getattr(reader, "DECODES", False)
        read = getattr(reader, "taught", reader.row)  # what it remembers of what is learned from
        return readable(lambda example: (read(example.input), example), known, self._note, ahead=decodes)

    def cannot_go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example]) -> str:
        """Why it cannot go on from what was kept there: see `merits.core.doors.Continuing`."""
        self.restore(folder)
        assert self._reader is not None
        if self._temperature != 1.0:
            return "it has learned shares of labels, and these are labels"
        if isinstance(self._reader, Columns):
            strange = self._reader.unknown(known, new)
        else:
            stays = not getattr(self._reader, "LEARNS_NOTHING", False) or has_categories(self._estimator)
            strange = "how it reads inputs was learned too, and stays as it was" if stays else ""
        return strange or cannot_go_on(self._estimator, [example.target for example in (*known, *new)])

    def go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example], share: float) -> None:
        """Goes on from what was kept there; how inputs become numbers stays as it was."""
        self.restore(folder)
        reader, estimator = self._reader, self._estimator
        assert reader is not None
        assert estimator is not None
        found = self._rows(reader, [*known, *new])
        fresh = {id(example) for example in new}
        wanted = _targets(estimator, [example.target for _, example in found])
        is_new = np.array([id(example) in fresh for _, example in found], np.bool_)
        with one_thread():
            go_on(estimator, reader.matrix([row for row, _ in found]), wanted, is_new, share)

    def _encoded(self, estimator: Any, reader: Reader, rows: Sequence[object]) -> tuple[Any, Any]:
        """What is still to be fitted, and the matrix for it: in a trial the encoder of inputs may be fitted already."""
        matrix, steps = reader.matrix(rows), getattr(estimator, "steps", [])
        if not self._shares or not isinstance(reader, Texts | Columns) or len(steps) != 2:
            return estimator, matrix
        (name, encoder), (_, rest) = steps  # as its reader made it: see `Reader.encoder`
        fitted, matrix = shared_fits.fitted(encoder, matrix)
        estimator.steps[0] = (name, fitted)
        return rest, matrix

    def opened(self) -> FittedEstimator:
        """The fitted estimator, with what reads inputs for it."""
        if self._reader is None or self._estimator is None:
            raise RuntimeError("opened before it was fitted")
        return FittedEstimator(self._estimator, ReadRows(self._reader))

    def kept_rows(self, folder: Path) -> ReadRows:
        """What reads inputs for an estimator like this one, from a folder that it was kept in."""
        return ReadRows(_reader_from(kept_json(folder / _ROWS, ReaderState), self._reader_of))

    def fit_soft(
        self, examples: Sequence[Example], shares: Sequence[Mapping[str, float]], temperature: float = 1.0
    ) -> None:
        """Learn from the shares of labels: from each example once for each of its labels, with that weight.

        An estimator that takes no weights sees each example in ten copies. Its probabilities are at the temperature of
        the shares, and are brought back to 1 when it answers.
        """
        reader = self._reader_of([example.input for example in examples])
        decodes = getattr(reader, "DECODES", False)
        read = getattr(reader, "taught", reader.row)
        numbered = dict(zip(map(id, examples), shares, strict=True))
        found = readable(
            lambda example: (read(example.input), numbered[id(example)]), examples, self._note, ahead=decodes
        )
        soft = soft_of([row_shares for _, row_shares in found], temperature)
        if self._needs_classes and len(soft.labels) < 2:
            raise _of_one_label(len(found), likeliest(found[0][1]))
        rows = [row for row, _ in found]
        estimator = self._build(reader, rows)
        with one_thread():
            rest, matrix = self._encoded(estimator, reader, rows)
            fit_weighted(rest, matrix, soft)
        self._reader, self._estimator, self._temperature = reader, estimator, temperature

    def keep(self, folder: Path) -> None:
        """Writes the fitted estimator and how inputs are read for it; CandidateError for what cannot be kept."""
        opened = self.opened()
        reader, fitted = opened.rows.reader, opened.estimator
        own = isinstance(fitted, Portable)  # an object of the user's own that knows how
        keep_json(_Kept(_state_of(reader), self._temperature, self._outside is not None, own), folder / _KEPT)
        if own:
            keep_inside(fitted, folder, _OWN)
            return
        put_away = getattr(reader, "put_away", _as_it_is)
        estimator = _with_steps(fitted, lambda step: _OUTSIDE if step is self._outside else put_away(step))
        keep_estimator(estimator, folder / _ESTIMATOR)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        kept = kept_json(folder / _KEPT, _Kept)
        reader, outside = _reader_from(kept.reader, self._reader_of), self._outside
        if kept.own:
            estimator = self._build(reader, [])
            restore_inside(estimator, folder, _OWN)
        else:
            estimator = kept_estimator(folder / _ESTIMATOR)
        if kept.outside != (self._outside is not None) or not hasattr(estimator, "predict"):
            raise CandidateError("the kept files are of another candidate.", "Release it anew: merits release")
        taken_up = getattr(reader, "taken_up", _as_it_is)
        self._estimator = _with_steps(estimator, lambda step: outside if _is_outside(step) else taken_up(step))
        self._reader, self._temperature = reader, kept.temperature

    def close(self) -> None:
        """Forgets what was learned, and frees its memory."""
        self._size_bytes = self.size_bytes
        self._reader = self._estimator = None

    @property
    def size_bytes(self) -> int | None:
        """The bytes of the fitted estimator, pickled as it would be kept; None where it has not learned, or cannot be.

        Once closed, of the one that it had.
        """
        return self._size_bytes if self._estimator is None else pickled_size(self._estimator)

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
        """One answer for each input; an input that cannot be read fails alone."""
        reader, estimator = self._reader, self._estimator
        if reader is None or estimator is None:
            raise RuntimeError("asked before it was fitted")
        read = partial(_read, reader)
        rows = list(decoded_ahead(read, inputs) if getattr(reader, "DECODES", False) else map(read, inputs))
        good = [row for row in rows if not isinstance(row, _Unreadable)]
        with one_thread():
            answers = iter(predicted(estimator, reader.matrix(good), self._temperature) if good else [])
        return [row.problem if isinstance(row, _Unreadable) else next(answers) for row in rows]


class _Kept(msgspec.Struct, frozen=True):
    """What is kept beside the estimator: how inputs are read, and at which temperature it learned."""

    reader: ReaderState
    temperature: float = 1.0
    outside: bool = False
    own: bool = False


_KEPT, _ESTIMATOR, _OWN, _ROWS = "learner.json", "estimator.skops", "own", "rows.json"
_OUTSIDE = "merits: outside"  # stands for a step that is not kept
_A_PICTURE = "1.png"  # an input that is called like a picture, for a reader that is chosen by that


def _is_outside(step: object) -> bool:
    return isinstance(step, str) and step == _OUTSIDE


def _with_steps(estimator: Any, changed: Callable[[Any], Any]) -> Any:
    """The estimator with other steps, if it has any; the given one stays as it is."""
    steps = getattr(estimator, "steps", None)
    if not steps:
        return estimator
    other = copy.copy(estimator)
    other.steps = [(name, changed(step)) for name, step in steps]
    return other


def _as_it_is(step: Any) -> Any:
    return step


def _state_of(reader: Reader) -> ReaderState:
    """The name of a reader, and the columns that it found; CandidateError for one that learned more than that."""
    if isinstance(reader, Remembering):
        return reader.state()
    if not getattr(reader, "LEARNS_NOTHING", False):
        raise CandidateError(
            f"how its inputs are read ({type(reader).__name__}) is not kept.", "It learns again at the start."
        )
    return {type(reader).__name__: []}


def _reader_from(state: ReaderState, reader_of: ReaderOf) -> Reader:
    """The reader of that name: what `reader_of` makes of one text or picture, with the columns that were found."""
    if "Columns" in state:
        return Columns(()).with_state(state)
    for some in ("a text", _A_PICTURE, {"a column": 1}):
        found = reader_of([some])
        if type(found).__name__ in state:
            return found.with_state(state) if isinstance(found, Remembering) else found
    raise CandidateError("the kept files are read by another reader.", "Release it anew: merits release")


def labels_to_learn(examples: Sequence[Example]) -> list[Example]:
    """The examples that have a target; CandidateError when they are of one label only, or none."""
    known = _known(examples)
    if len({str(example.target) for example in known}) < 2:
        raise _of_one_label(len(known), known[0].target)
    return known


def _of_one_label(n: int, label: JSON) -> CandidateError:
    return CandidateError(
        f"all {n} examples to learn from are labelled {label!r}.",
        "A classifier needs examples of two classes in the dev split.",
    )


def _known(examples: Sequence[Example]) -> list[Example]:
    known = [example for example in examples if example.target is not None]
    if not known:
        raise CandidateError("there is no example with a target to learn from.", "Add examples to the dev split.")
    return known


def pickled_size(thing: object) -> int | None:
    """How many bytes a pickle of it takes; None for what cannot be pickled.

    >>> pickled_size("text") == len(pickle.dumps("text")), pickled_size(lambda: None)
    (True, None)
    """
    counter = _Counter()
    try:
        pickle.dump(thing, counter)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
    return counter.n_bytes


class _Counter:
    """A file that nothing is written to."""

    n_bytes = 0

    def write(self, piece: bytes) -> int:
        self.n_bytes += len(piece)
        return len(piece)


class _Unreadable:
    def __init__(self, problem: Exception) -> None:
        self.problem = problem


def one_thread() -> AbstractContextManager[object]:
    """Keeps native code (BLAS, OpenMP) to one thread while it is open.

    Candidates take turns on the cores as it is; a boosting that starts a thread for each core while another candidate
    computes spins instead: 28 s of processor time became 8 on two busy cores, and latencies say what one core does.
    """
    return cast("AbstractContextManager[object]", _controller().limit(limits=1))


@cache
def _controller() -> Any:
    """The loaded native libraries; finding them takes milliseconds, so they are found once."""
    import sklearn.ensemble  # noqa: F401 (loads the libraries that are to be found)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _read(reader: Reader, input: JSON) -> object:
    try:
        return reader.row(input)
    except (TypeError, ValueError, DataError) as problem:
        return _Unreadable(problem)


def learning_model(
    learner: Learner,
    *,
    fingerprint: str,
    timeout_s: float,
    batch_size: int = BATCH_SIZE,
    weights: Weights | None = None,
    closing: Callable[[], None] = lambda: None,
) -> Batcher:
    """The learner as a trainable model; `weights` are those of what it embeds with, if anything.

    One that embeds is mostly that network, which is none of the estimator, so it cannot be opened. `closing` is called
    when it is closed.
    """

    def close() -> None:
        learner.close()
        closing()

    return Batcher(
        learner.answer_batch,
        batch_size=batch_size,
        fingerprint=fingerprint,
        timeout_s=timeout_s,
        fit=learner.fit,
        fit_soft=learner.fit_soft,
        close=close,
        weights=weights,
        insides=None if weights else EstimatorInsides(learner.opened, learner.kept_rows),
        size_bytes=lambda: learner.size_bytes,
        keeping=learner,
        going_on=learner,
    )


def fit_weighted(estimator: Any, matrix: Any, soft: Soft) -> None:
    """Fits an estimator to shares; what comes before the last step of a pipeline sees each example once."""
    from sklearn.utils.validation import has_fit_parameter

    likely = [soft.labels[code] for code in soft.codes]
    while steps := getattr(estimator, "steps", None):
        *before, (_, estimator) = steps
        for _, step in before:
            matrix = matrix if step in (None, "passthrough") else step.fit_transform(matrix, likely)
    takes_weights = has_fit_parameter(estimator, "sample_weight")
    rows, codes, weights = weighted(soft, None if takes_weights else _COPIES)
    repeated = matrix[rows] if hasattr(matrix, "shape") else [matrix[row] for row in rows]
    labels = [soft.labels[code] for code in codes]
    if takes_weights:
        estimator.fit(repeated, labels, sample_weight=weights)
    else:
        estimator.fit(repeated, labels)


def _targets(estimator: Predictor, targets: Sequence[JSON]) -> list[JSON]:
    """The targets as the estimator wants them: numbers for a regressor, as they are otherwise."""
    from sklearn.base import is_regressor

    if not (hasattr(estimator, "__sklearn_tags__") and is_regressor(estimator)):
        return list(targets)
    try:
        return [float(str(target)) for target in targets]
    except ValueError as problem:
        raise CandidateError(f"a regressor learns numbers only: {problem}.", "Name a classifier.") from None


def predicted(estimator: Any, matrix: object, temperature: float = 1.0) -> list[Answer]:
    """The answers for a matrix; what comes before the last step of a pipeline is computed once.

    Of an estimator that learned shares at a `temperature` they are sharper than what it predicts.
    """
    *before, (_, estimator) = getattr(estimator, "steps", [("", estimator)])
    for _, step in before:
        matrix = matrix if step in (None, "passthrough") else step.transform(matrix)
    outputs = [as_output(output) for output in estimator.predict(matrix)]
    if not hasattr(estimator, "predict_proba"):
        return [Answer(output) for output in outputs]
    classes = [str(as_output(name)) for name in estimator.classes_]
    rows = estimator.predict_proba(matrix).tolist()
    return [
        Answer(
            output,
            at_temperature(dict(zip(classes, row, strict=True)), 1.0 / temperature)
            if all(map(math.isfinite, row))
            else None,
        )
        for output, row in zip(outputs, rows, strict=True)
    ]


def as_output(value: object) -> Any:
    """A numpy scalar as the plain number, text or truth value it holds; anything else as it is."""
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "ndim", None) == 0 else value
