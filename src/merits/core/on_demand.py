"""Examples that are read when they are asked for, and what is known of them without reading their inputs.

Knows nothing about where they are read from.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from merits.core.identity import JSON
    from merits.core.task import Example, Split

    ExampleSequence = Sequence[Example]
else:  # core.task knows this module
    Example, ExampleSequence = Any, Sequence

__all__ = ["OnDemand", "Outline", "outlines"]


class Outline(NamedTuple):
    """An example without its input: the fields are called as the example's are."""

    id: str
    input_hash: str
    target: JSON
    group: str
    tags: Mapping[str, str]
    split: Split


class OnDemand(ExampleSequence):
    """A sequence of examples of which each is made when it is asked for, so that a million of them take little memory.

    May be read from several threads.
    """

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if isinstance(index, slice):
            return [self.item(at) for at in range(*index.indices(len(self)))]
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"there are {n} examples")
        return self.item(index % n)

    @abstractmethod
    def item(self, index: int) -> Example:
        """The example at an index from 0."""

    @abstractmethod
    def digests(self) -> NDArray[np.void]:
        """The hash of each input, 16 bytes each."""

    @abstractmethod
    def outlines(self) -> Iterator[Outline]:
        """Each example without its input."""

    @abstractmethod
    def of_split(self, name: Split) -> Sequence[Example]:
        """The examples of one split, in order, read on demand too."""


def outlines(examples: Sequence[Example]) -> Iterable[Example | Outline]:
    """Every example, without its input where that would have to be read.

    >>> outlines(())
    ()
    """
    return examples.outlines() if isinstance(examples, OnDemand) else examples
