"""The rows of an evaluation: one for each example and repeat, and the questions behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from merits.core.clusters import units_of
from merits.core.doors import AnswerKey
from merits.core.task import Example

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """Rows, example by example, and within each its repeats; `keys[question_of[row]]` is a row's question.

    Rows whose examples have the same input share their questions: what is asked once is not asked twice.

    >>> rows = Rows.of([Example("1", "a"), Example("2", "b"), Example("3", "a")], repeats=2)
    >>> len(rows.examples), len(rows.keys), rows.rows_of[0]
    (6, 4, (0, 4))
    """

    examples: tuple[Example, ...]
    repeats: NDArray[np.int32]
    keys: Sequence[AnswerKey]
    question_of: NDArray[np.int32]
    rows_of: Sequence[Sequence[int]]

    @classmethod
    def of(cls, examples: Sequence[Example], *, repeats: int) -> Rows:
        """The rows of these examples."""
        each = tuple(examples) if repeats == 1 else tuple(example for example in examples for _ in range(repeats))
        question_of, first = _questions(examples, repeats)
        return cls(
            each,
            np.tile(np.arange(repeats, dtype=np.int32), len(examples)),
            _Keys(each, first, repeats),
            question_of,
            _RowsOf(question_of, first),
        )

    def __len__(self) -> int:
        return len(self.examples)

    def example_of(self, question: int) -> Example:
        """The first example behind a question."""
        return self.examples[self.rows_of[question][0]]

    def groups(self) -> NDArray[np.int32]:
        """A code for each row; rows of one group or of one input share one: they are not independent.

        A question that is asked of many rows is answered once, so however often it is repeated, it is one piece of
        evidence.

        >>> Rows.of([Example("1", "a"), Example("2", "b"), Example("3", "a")], repeats=1).groups().tolist()
        [0, 1, 0]
        """
        hashes, groups = [e.input_hash for e in self.examples], [e.group for e in self.examples]
        return np.array(units_of(hashes, groups), np.int32)

    def tags(self) -> dict[str, NDArray[np.str_]]:
        """The text of each tag, row by row; "" where an example has none of that name."""
        names = sorted({name for example in self.examples for name in example.tags})
        return {name: np.array([example.tags.get(name, "") for example in self.examples]) for name in names}


def _questions(examples: Sequence[Example], repeats: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The question of each row, and the first row of each question; questions are numbered as they first appear."""
    numbers: dict[str, int] = {}
    inputs = np.fromiter((numbers.setdefault(e.input_hash, len(numbers)) for e in examples), np.int32, len(examples))
    question_of = np.repeat(inputs, repeats) * np.int32(repeats) + np.tile(
        np.arange(repeats, dtype=np.int32), len(inputs)
    )
    first = np.unique(question_of, return_index=True)[1]
    return question_of.astype(np.int32), first.astype(np.int32)


class _Keys(Sequence[AnswerKey]):
    """The key of each question, made when it is asked for: a million of them would take 150 MB."""

    def __init__(self, examples: Sequence[Example], first: NDArray[np.int32], repeats: int) -> None:
        self._examples, self._first, self._repeats = examples, first.data, repeats

    def __len__(self) -> int:
        return len(self._first)

    @overload
    def __getitem__(self, question: int) -> AnswerKey: ...
    @overload
    def __getitem__(self, question: slice) -> Sequence[AnswerKey]: ...
    def __getitem__(self, question: int | slice) -> AnswerKey | Sequence[AnswerKey]:
        if isinstance(question, slice):
            return [self[number] for number in range(*question.indices(len(self)))]
        row = self._first[question]
        return AnswerKey(self._examples[row].input_hash, row % self._repeats)


class _RowsOf(Sequence[Sequence[int]]):
    """The rows of each question, in order."""

    def __init__(self, question_of: NDArray[np.int32], first: NDArray[np.int32]) -> None:
        self._shared = len(first) < len(question_of)
        rows = np.argsort(question_of, kind="stable").astype(np.int32) if self._shared else first
        ends = np.cumsum(np.bincount(question_of), dtype=np.int32) if self._shared else first
        self._n, self._rows, self._ends = len(first), rows.data, ends.data

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, question: int) -> Sequence[int]: ...
    @overload
    def __getitem__(self, question: slice) -> Sequence[Sequence[int]]: ...
    def __getitem__(self, question: int | slice) -> Sequence[int] | Sequence[Sequence[int]]:
        if isinstance(question, slice):
            return [self[number] for number in range(*question.indices(self._n))]
        if not self._shared:
            return (self._rows[question],)
        start = self._ends[question - 1] if question else 0
        return tuple(self._rows[start : self._ends[question]])
