"""What a model that has learned lets others see of itself, so that a smaller or faster copy can be made of it.

A model that can be opened has an attribute `insides`. Knows nothing about what is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["Arrays", "Batch", "Estimator", "Form", "Insides", "Network", "insides_of", "labelled"]

Form: TypeAlias = Literal["network", "estimator"]
Arrays: TypeAlias = dict[str, NDArray[Any]]


class Batch(NamedTuple):
    """Inputs that are computed together: their places among all, and their arrays by name, one row for each."""

    places: Sequence[int]
    arrays: Arrays


class Network(Protocol):
    """A trained network of torch. `module` takes the arrays of a batch by name, and gives one row for each input.

    `batches` reads inputs, `answers` says what the rows that come out mean. `tune` trains `module`, a changed copy of
    its own, in place for so many epochs.
    """

    @property
    def module(self) -> Any: ...

    def batches(self, inputs: Sequence[JSON]) -> Iterable[Batch]: ...

    def answers(self, rows: NDArray[Any]) -> list[Answer]: ...

    def tune(self, module: Any, examples: Sequence[Example], epochs: int) -> None: ...


class Estimator(Protocol):
    """A fitted estimator of scikit-learn, with what reads inputs for it: `row` one of them, `matrix` the rows."""

    @property
    def estimator(self) -> Any: ...

    def row(self, input: JSON) -> object: ...

    def matrix(self, rows: Sequence[object]) -> Any: ...


@dataclass(frozen=True, eq=False)
class Insides:
    """`open` gives the network or the estimator of a model that has learned; what it holds must not be changed."""

    form: Form
    open: Callable[[], Network | Estimator]


def insides_of(model: object) -> Insides | None:
    """What a model lets others see of itself; None for one that is closed.

    >>> insides_of(object()) is None
    True
    """
    found = getattr(model, "insides", None)
    return found if isinstance(found, Insides) else None


def labelled(labels: Sequence[str], logits: NDArray[Any]) -> list[Answer]:
    """The likeliest label of each row of logits, shape (inputs, labels), and the probability of every one.

    >>> labelled(["no", "yes"], np.array([[0.0, 1.0]]))[0].output
    'yes'
    """
    scores = np.asarray(logits, np.float64)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return [Answer(labels[int(row.argmax())], dict(zip(labels, row.tolist(), strict=True))) for row in shares]
