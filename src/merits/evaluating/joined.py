"""Sequences that stand one after the other, none of them copied: rows as they are, and the same ones perturbed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, compress
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from merits.core.on_demand import OnDemand, Outline
from merits.core.task import Example, Split

__all__ = ["Joined", "JoinedRows", "joined_examples", "some_of"]

T = TypeVar("T")


def some_of(examples: Sequence[Example], chosen: Sequence[int]) -> Sequence[Example]:
    """The examples at these indices, which are in order."""
    return _Some(examples, chosen) if isinstance(examples, OnDemand) else tuple(examples[at] for at in chosen)


def joined_examples(parts: Sequence[Sequence[Example]]) -> Sequence[Example]:
    """All of them, read on demand where they are."""
    if any(isinstance(part, OnDemand) for part in parts):
        return _JoinedExamples([part for part in parts if isinstance(part, OnDemand)])
    return tuple(chain.from_iterable(parts))


class _Some(OnDemand):
    """Some of the examples, in order."""

    def __init__(self, examples: OnDemand, chosen: Sequence[int]) -> None:
        self._examples, self._chosen = examples, np.asarray(chosen, np.int32)

    def __len__(self) -> int:
        return len(self._chosen)

    def item(self, index: int) -> Example:
        return self._examples[int(self._chosen[index])]

    def digests(self) -> NDArray[np.void]:
        return self._examples.digests()[self._chosen]

    def outlines(self) -> Iterator[Outline]:
        wanted = np.zeros(len(self._examples), np.bool_)
        wanted[self._chosen] = True
        return compress(self._examples.outlines(), wanted.data)

    def of_split(self, name: Split) -> Sequence[Example]:
        return [self.item(at) for at, one in enumerate(self.outlines()) if one.split == name]


class _JoinedExamples(OnDemand):
    """Several sequences of examples, one after the other."""

    def __init__(self, parts: Sequence[OnDemand]) -> None:
        self._parts, self._all = parts, Joined(parts)

    def __len__(self) -> int:
        return len(self._all)

    def item(self, index: int) -> Example:
        return self._all[index]

    def digests(self) -> NDArray[np.void]:
        return np.concatenate([part.digests() for part in self._parts])

    def outlines(self) -> Iterator[Outline]:
        return chain.from_iterable(part.outlines() for part in self._parts)

    def of_split(self, name: Split) -> Sequence[Example]:
        return [one for part in self._parts for one in part.of_split(name)]


class Joined(Sequence[T], Generic[T]):
    """Several sequences, one after the other, none of them copied."""

    def __init__(self, parts: Sequence[Sequence[T]]) -> None:
        self._parts = parts
        self._ends = list(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)}, and none at {index}")
        part = bisect_right(self._ends, index)
        return self._parts[part][index - (self._ends[part - 1] if part else 0)]


class JoinedRows(Joined[Sequence[int]]):
    """The rows of each question of several `Rows`, each counted from its own first row."""

    def __init__(self, parts: Sequence[Sequence[Sequence[int]]], first_rows: Sequence[int]) -> None:
        super().__init__(
            [_Shifted(part, first) if first else part for part, first in zip(parts, first_rows, strict=True)]
        )


class _Shifted(Sequence[Sequence[int]]):
    def __init__(self, rows_of: Sequence[Sequence[int]], by: int) -> None:
        self._rows_of, self._by = rows_of, by

    def __len__(self) -> int:
        return len(self._rows_of)

    @overload
    def __getitem__(self, question: int) -> Sequence[int]: ...
    @overload
    def __getitem__(self, question: slice) -> Sequence[Sequence[int]]: ...
    def __getitem__(self, question: int | slice) -> Sequence[int] | Sequence[Sequence[int]]:
        if isinstance(question, slice):
            return [self[number] for number in range(*question.indices(len(self)))]
        return tuple(row + self._by for row in self._rows_of[question])
