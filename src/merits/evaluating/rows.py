"""The rows of an evaluation: one for each example and repeat, and the questions behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import overload

import numpy as np
from numpy.typing import NDArray

from merits.core.clusters import first_seen, units_of
from merits.core.doors import AnswerKey
from merits.core.on_demand import OnDemand, Outline, outlines
from merits.core.task import Example, Split

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """Rows, example by example, and within each its repeats; `keys[question_of[row]]` is a row's question.

    Rows whose examples have the same input share their questions: what is asked once is not asked twice.

    >>> rows = Rows.of([Example("1", "a"), Example("2", "b"), Example("3", "a")], repeats=2)
    >>> len(rows.examples), len(rows.keys), rows.rows_of[0]
    (6, 4, (0, 4))
    """

    examples: Sequence[Example]
    repeats: NDArray[np.int32]
    keys: Sequence[AnswerKey]
    question_of: NDArray[np.int32]
    rows_of: Sequence[Sequence[int]]

    @classmethod
    def of(cls, examples: Sequence[Example], *, repeats: int) -> Rows:
        """The rows of these examples."""
        each = _repeated(examples, repeats)
        question_of, first = _questions(examples, repeats)
        return cls(
            each,
            np.tile(np.arange(repeats, dtype=np.int32), len(examples)),
            _Keys(_digests(each)[first], first % repeats),
            question_of,
            _RowsOf(question_of, first),
        )

    def __len__(self) -> int:
        return len(self.examples)

    def example_of(self, question: int) -> Example:
        """The first example behind a question."""
        return self.examples[self.rows_of[question][0]]

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """The id of each row's example."""
        width = max((len(example.id) for example in outlines(self.examples)), default=1)
        return np.fromiter((example.id for example in outlines(self.examples)), f"U{max(1, width)}", len(self))

    @cached_property
    def input_hashes(self) -> NDArray[np.str_]:
        """The hash of each row's input."""
        return np.fromiter((example.input_hash for example in outlines(self.examples)), "U32", len(self))

    @cached_property
    def groups(self) -> NDArray[np.int32]:
        """A code for each row; rows of one group or of one input share one: they are not independent.

        A question that is asked of many rows is answered once, so however often it is repeated, it is one piece of
        evidence.

        >>> Rows.of([Example("1", "a"), Example("2", "b"), Example("3", "a")], repeats=1).groups.tolist()
        [0, 1, 0]
        """
        groups = [example.group for example in outlines(self.examples)]
        if not any(groups):
            return first_seen(_digests(self.examples))
        return np.array(units_of([example.input_hash for example in outlines(self.examples)], groups), np.int32)

    @cached_property
    def tags(self) -> dict[str, NDArray[np.str_]]:
        """The text of each tag, row by row; "" where an example has none of that name."""
        names = sorted({name for example in outlines(self.examples) for name in example.tags})
        return {name: np.array([e.tags.get(name, "") for e in outlines(self.examples)]) for name in names}


def _repeated(examples: Sequence[Example], repeats: int) -> Sequence[Example]:
    if isinstance(examples, OnDemand):
        return examples if repeats == 1 else _Repeated(examples, repeats)
    return tuple(examples) if repeats == 1 else tuple(chain.from_iterable(repeat(e, repeats) for e in examples))


def _digests(examples: Sequence[Example]) -> NDArray[np.void]:
    """The hash of each input as 16 bytes."""
    if isinstance(examples, OnDemand):
        return examples.digests()
    return np.frombuffer(b"".join(bytes.fromhex(example.input_hash) for example in examples), "V16")


def _questions(examples: Sequence[Example], repeats: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The question of each row, and the first row of each question; questions are numbered as they first appear."""
    inputs = first_seen(_digests(examples))
    question_of = np.repeat(inputs, repeats) * np.int32(repeats) + np.tile(
        np.arange(repeats, dtype=np.int32), len(inputs)
    )
    first = np.unique(question_of, return_index=True)[1]
    return question_of.astype(np.int32), first.astype(np.int32)


class _Repeated(OnDemand):
    """Each example several times in a row."""

    def __init__(self, examples: OnDemand, repeats: int) -> None:
        self._examples, self._repeats = examples, repeats

    def __len__(self) -> int:
        return len(self._examples) * self._repeats

    def item(self, index: int) -> Example:
        return self._examples[index // self._repeats]

    def digests(self) -> NDArray[np.void]:
        return np.repeat(self._examples.digests(), self._repeats)

    def outlines(self) -> Iterator[Outline]:
        return _each(self._examples.outlines(), self._repeats)

    def of_split(self, name: Split) -> Sequence[Example]:
        return _repeated(self._examples.of_split(name), self._repeats)


def _each(given: Iterable[Outline], repeats: int) -> Iterator[Outline]:
    return chain.from_iterable(repeat(one, repeats) for one in given)


class _Keys(Sequence[AnswerKey]):
    """The key of each question, made when it is asked for: a million of them would take 150 MB."""

    def __init__(self, digests: NDArray[np.void], repeats: NDArray[np.int32]) -> None:
        self._digests, self._repeats = digests.tobytes(), repeats.data

    def __len__(self) -> int:
        return len(self._repeats)

    @overload
    def __getitem__(self, question: int) -> AnswerKey: ...
    @overload
    def __getitem__(self, question: slice) -> Sequence[AnswerKey]: ...
    def __getitem__(self, question: int | slice) -> AnswerKey | Sequence[AnswerKey]:
        if isinstance(question, slice):
            return [self[number] for number in range(*question.indices(len(self)))]
        repeat, number = self._repeats[question], question % len(self)
        return AnswerKey(self._digests[16 * number : 16 * number + 16].hex(), repeat)


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
