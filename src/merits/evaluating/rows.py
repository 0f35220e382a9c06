"""The rows of an evaluation: one for each example, repeat and perturbation, and the questions behind them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain, repeat
from typing import overload

import numpy as np
from numpy.typing import NDArray

from merits.core.clusters import first_seen, units_of
from merits.core.doors import AnswerKey
from merits.core.hashes import Hashes, digests_of
from merits.core.on_demand import OnDemand, Outline, outlines
from merits.core.robustness import Level
from merits.core.task import Example, Split
from merits.evaluating.joined import Joined, JoinedRows, joined_examples, some_of

__all__ = ["Rows"]

_REMEMBERED = 20_000  # keys: three megabytes


@dataclass(frozen=True)
class Rows:
    """Rows, example by example, and within each its repeats; `keys[question_of[row]]` is a row's question.

    Rows whose examples have the same input share their questions: what is asked once is not asked twice. The examples
    as they are come first; then, level by level, those that are also asked perturbed. `examples` holds all as they are:
    that is what an answer is scored against.

    >>> rows = Rows.of([Example("1", "a"), Example("2", "b"), Example("3", "a")], repeats=2)
    >>> len(rows.examples), len(rows.keys), rows.rows_of[0]
    (6, 4, (0, 4))
    """

    examples: Sequence[Example]
    repeats: NDArray[np.int32]
    keys: Sequence[AnswerKey]
    question_of: NDArray[np.int32]
    rows_of: Sequence[Sequence[int]]
    levels: tuple[Level, ...] = ()
    starts: tuple[int, ...] = ()  # the first question of each level

    @classmethod
    def of(
        cls,
        examples: Sequence[Example],
        *,
        repeats: int,
        levels: Sequence[Level] = (),
        sample: Sequence[int] | None = None,
    ) -> Rows:
        """The rows of these examples, and of those at the indices `sample` (all, where it is None) at each level.

        >>> typos = Level("typos 0.1", "typos", "typos 0.1 v1 seed 0", 0.1)
        >>> rows = Rows.of([Example("1", "a"), Example("2", "b")], repeats=1, levels=[typos], sample=[1])
        >>> rows.ids.tolist(), rows.perturbations.tolist(), rows.groups.tolist()
        (['1', '2', '2'], ['', '', 'typos 0.1'], [0, 1, 1])
        """
        clean = cls._of(examples, repeats)
        if not levels:
            return clean
        part = clean if sample is None else cls._of(some_of(examples, sample), repeats)
        parts = [clean, *(replace(part, keys=_under(part.keys, level)) for level in levels)]
        starts = list(accumulate(len(each.keys) for each in parts))[:-1]
        first_rows = list(accumulate(map(len, parts)))[:-1]
        return cls(
            joined_examples([each.examples for each in parts]),
            np.concatenate([each.repeats for each in parts]),
            Joined([each.keys for each in parts]),
            np.concatenate([each.question_of + np.int32(s) for each, s in zip(parts, [0, *starts], strict=True)]),
            JoinedRows([each.rows_of for each in parts], [0, *first_rows]),
            tuple(levels),
            tuple(starts),
        )

    @classmethod
    def _of(cls, examples: Sequence[Example], repeats: int) -> Rows:
        each = _repeated(examples, repeats)
        question_of, first = _questions(examples, repeats)
        return cls(
            each,
            _numbers(len(examples), repeats),
            _Keys(Hashes(_digests(each)), first, repeats),
            question_of,
            _RowsOf(question_of, first),
        )

    def __len__(self) -> int:
        return len(self.examples)

    def example_of(self, question: int) -> Example:
        """The first example behind a question."""
        return self.examples[self.rows_of[question][0]]

    def level_of(self, question: int) -> Level | None:
        """What the input of a question is perturbed by; None where it is asked as it is."""
        if not self.levels or question < self.starts[0]:
            return None
        return self.levels[bisect_right(self.starts, question) - 1]

    @property
    def n_clean(self) -> int:
        """How many rows are of examples as they are; these come first."""
        return len(self) if not self.levels else int(np.searchsorted(self.question_of >= self.starts[0], True))

    @cached_property
    def perturbations(self) -> NDArray[np.str_]:
        """The id of each row's perturbation; "" for an example as it is. Where all are, they take no memory."""
        if not self.levels:
            return np.broadcast_to(np.str_(""), len(self))
        codes = np.searchsorted(self.starts, self.question_of, side="right")
        return np.array(["", *(level.id for level in self.levels)])[codes]

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """The id of each row's example."""
        width = max((len(example.id) for example in outlines(self.examples)), default=1)
        return np.fromiter((example.id for example in outlines(self.examples)), f"U{max(1, width)}", len(self))

    @cached_property
    def input_hashes(self) -> Hashes:
        """The hash of each row's input."""
        return Hashes(_digests(self.examples))

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
    return digests_of(example.input_hash for example in examples)


def _questions(examples: Sequence[Example], repeats: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The question of each row, and the first row of each question; questions are numbered as they first appear."""
    inputs = first_seen(_digests(examples))
    question_of = inputs
    if repeats > 1:
        question_of = np.repeat(inputs, repeats) * np.int32(repeats) + _numbers(len(inputs), repeats)
    seen = np.maximum.accumulate(question_of) if len(question_of) else question_of
    first = np.flatnonzero(np.diff(seen, prepend=np.int32(-1)))
    return question_of, first.astype(np.int32)


def _numbers(n_examples: int, repeats: int) -> NDArray[np.int32]:
    """The number of the repeat, row by row. Where all are 0 they take no memory."""
    if repeats == 1:
        return np.broadcast_to(np.int32(0), n_examples)
    return np.tile(np.arange(repeats, dtype=np.int32), n_examples)


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
    """The key of each question, made when it is asked for: a million of them would take 150 MB. Few are remembered."""

    def __init__(self, hashes: Hashes, first: NDArray[np.int32], repeats: int, perturbation: str = "") -> None:
        self._hashes, self._repeats, self._perturbation = hashes, repeats, perturbation
        self._all, self._first = first, first.data
        self._made: list[AnswerKey] | None = None

    def __iter__(self) -> Iterator[AnswerKey]:
        if len(self) > _REMEMBERED:
            return (self[question] for question in range(len(self)))
        if self._made is None:
            self._made = [self[question] for question in range(len(self))]
        return iter(self._made)

    def under(self, perturbation: str) -> _Keys:
        """The keys of the same questions under a perturbation."""
        return _Keys(self._hashes, self._all, self._repeats, perturbation)

    def __len__(self) -> int:
        return len(self._first)

    @overload
    def __getitem__(self, question: int) -> AnswerKey: ...
    @overload
    def __getitem__(self, question: slice) -> Sequence[AnswerKey]: ...
    def __getitem__(self, question: int | slice) -> AnswerKey | Sequence[AnswerKey]:
        if isinstance(question, slice):
            return [self[number] for number in range(*question.indices(len(self)))]
        if self._made is not None:
            return self._made[question]
        row: int = self._first[question]
        return AnswerKey(self._hashes[row], row % self._repeats, self._perturbation)


def _under(keys: Sequence[AnswerKey], level: Level) -> Sequence[AnswerKey]:
    assert isinstance(keys, _Keys)
    return keys.under(level.asked_as)


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
