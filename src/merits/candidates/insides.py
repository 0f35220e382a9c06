"""What a model that has learned lets others see of itself, so that a smaller or faster copy can be made of it.

A model that can be opened has an attribute `insides`. Knows nothing about what is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = [
    "Arrays",
    "Batch",
    "Estimator",
    "EstimatorInsides",
    "Form",
    "Insides",
    "Network",
    "NetworkInsides",
    "Outputs",
    "Reading",
    "Rows",
    "insides_of",
    "labelled",
]

Form: TypeAlias = Literal["network", "estimator"]
Arrays: TypeAlias = dict[str, NDArray[Any]]
Outputs: TypeAlias = Sequence[NDArray[Any]]


class Batch(NamedTuple):
    """Inputs that are computed together: their places among all, and their arrays by name, one row for each."""

    places: Sequence[int]
    arrays: Arrays


class Reading(Protocol):
    """What stands around whatever computes: `batches` reads inputs, `answers` says what comes out, an array an output.

    It holds nothing of what computes; `beside` are fitted steps of scikit-learn that it needs. `keep` writes it into a
    folder, from which the `Insides` that it came from make it again. CandidateError where it cannot be kept.
    """

    @property
    def beside(self) -> Sequence[Any]: ...

    def batches(self, inputs: Sequence[JSON]) -> Iterable[Batch]: ...

    def answers(self, outputs: Outputs) -> list[Answer]: ...

    def keep(self, folder: Path) -> None: ...


class Network(Protocol):
    """A trained network of torch. `module` takes the arrays of a batch by name, and gives one row for each input.

    `tune` trains `module`, a changed copy of its own, in place for so many epochs.
    """

    @property
    def module(self) -> Any: ...

    @property
    def reading(self) -> Reading: ...

    def tune(self, module: Any, examples: Sequence[Example], epochs: int) -> None: ...


class Rows(Protocol):
    """What reads inputs for an estimator of scikit-learn: `row` one of them, `matrix` the rows. See `Reading.keep`."""

    def row(self, input: JSON) -> object: ...

    def matrix(self, rows: Sequence[object]) -> Any: ...

    def keep(self, folder: Path) -> None: ...


class Estimator(Protocol):
    """A fitted estimator of scikit-learn, with what reads inputs for it."""

    @property
    def estimator(self) -> Any: ...

    @property
    def rows(self) -> Rows: ...


@dataclass(frozen=True, eq=False)
class NetworkInsides:
    """`open` gives the network of a model that has learned; what it holds must not be changed.

    `reading` is made of a folder that one was kept in, `blank` a module for it that has not learned: as the model would
    begin with.
    """

    form: ClassVar[Form] = "network"
    open: Callable[[], Network]
    reading: Callable[[Path], Reading]
    blank: Callable[[Path], Any]


@dataclass(frozen=True, eq=False)
class EstimatorInsides:
    """`open` gives the estimator of a model that has learned; what it holds must not be changed.

    `rows` are made of a folder that they were kept in.
    """

    form: ClassVar[Form] = "estimator"
    open: Callable[[], Estimator]
    rows: Callable[[Path], Rows]


Insides: TypeAlias = NetworkInsides | EstimatorInsides


def insides_of(model: object) -> Insides | None:
    """What a model lets others see of itself; None for one that is closed.

    >>> insides_of(object()) is None
    True
    """
    found = getattr(model, "insides", None)
    return found if isinstance(found, NetworkInsides | EstimatorInsides) else None


def labelled(labels: Sequence[str], logits: NDArray[Any]) -> list[Answer]:
    """The likeliest label of each row of logits, shape (inputs, labels), and the probability of every one.

    >>> labelled(["no", "yes"], np.array([[0.0, 1.0]]))[0].output
    'yes'
    """
    scores = np.asarray(logits, np.float64)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return [Answer(labels[int(row.argmax())], dict(zip(labels, row.tolist(), strict=True))) for row in shares]
