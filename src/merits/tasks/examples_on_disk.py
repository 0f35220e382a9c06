"""Examples that are read from a large file when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merits.core.hashes import Hashes, digests_of
from merits.core.identity import JSON, hash_of_input
from merits.core.on_demand import OnDemand, Outline
from merits.core.task import Example, Split
from merits.tasks.columns import Values
from merits.tasks.on_disk import changed

__all__ = ["ExamplesOnDisk"]

_SPLITS: tuple[Split, ...] = ("dev", "test", "live")


class ExamplesOnDisk(OnDemand):
    """Examples whose columns may be read on demand. Raises DataError for one that is no longer as it was.

    `contents` says of an input and its target which files they name, and what identifies what is in them.
    """

    def __init__(
        self, name: str, values: Values, splits: Sequence[Split], contents: Callable[[JSON, JSON], dict[str, str]]
    ) -> None:
        self._name, self._contents = name, contents
        self._columns = (values.ids, values.targets, values.groups, values.tags)
        self._inputs = values.inputs
        self._splits = np.fromiter(map(_SPLITS.index, splits), np.int8, len(splits))
        self._digests = digests_of(hash_of_input(one, contents(one, None)) for one in values.inputs)

    def __len__(self) -> int:
        return len(self._splits)

    def item(self, index: int) -> Example:
        ids, targets, groups, tags = self._columns
        split = _SPLITS[self._splits[index]]
        input, target = self._inputs[index], targets[index]
        files = self._contents(input, target)
        example = Example(ids[index], input, target, groups[index], tags[index], split, files)
        if example.input_hash != self._digests[index].tobytes().hex():
            raise changed(self._name)
        return example

    def digests(self) -> NDArray[np.void]:
        return self._digests

    def outlines(self) -> Iterator[Outline]:
        return self.some(None)

    def some(self, indices: NDArray[np.int32] | None) -> Iterator[Outline]:
        """The outlines of those at these indices, in order; of all when it is None."""
        splits = map(_SPLITS.__getitem__, self._splits.data)
        hashes = Hashes(self._digests)
        columns: Iterator[tuple[Any, ...]] = zip(self._columns[0], hashes, *self._columns[1:], splits, strict=True)
        if indices is not None:
            chosen = np.zeros(len(self), np.bool_)
            chosen[indices] = True
            columns = compress(columns, chosen.data)
        return map(Outline._make, columns)

    def in_split(self, name: Split) -> NDArray[np.bool_]:
        """Which of them are in a split."""
        return np.asarray(self._splits == _SPLITS.index(name))

    def of_split(self, name: Split) -> Sequence[Example]:
        chosen = np.flatnonzero(self.in_split(name)).astype(np.int32)
        return self if len(chosen) == len(self) else _Chosen(self, chosen)


class _Chosen(OnDemand):
    """Some of the examples, in order."""

    def __init__(self, examples: ExamplesOnDisk, indices: NDArray[np.int32]) -> None:
        self._examples, self._indices = examples, indices

    def __len__(self) -> int:
        return len(self._indices)

    def item(self, index: int) -> Example:
        return self._examples.item(int(self._indices[index]))

    def digests(self) -> NDArray[np.void]:
        return self._examples.digests()[self._indices]

    def outlines(self) -> Iterator[Outline]:
        return self._examples.some(self._indices)

    def of_split(self, name: Split) -> Sequence[Example]:
        return _Chosen(self._examples, self._indices[self._examples.in_split(name)[self._indices]])
