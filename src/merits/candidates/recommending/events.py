"""Who chose what, and when, as arrays that candidates learn from; users and items are numbered as they come.

Knows nothing about how items are ranked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merits.core.identity import JSON
from merits.core.interactions import items_of
from merits.core.task import Example

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Events", "Numbering", "events_of", "matrix_of"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Numbering:
    """Names in the order in which they were first met; a name keeps its number when others join.

    >>> seen = Numbering()
    >>> [seen.add(name) for name in ("a", "b", "a")], seen.number("c"), len(seen)
    ([0, 1, 0], None, 2)
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    @classmethod
    def of(cls, names: Sequence[str]) -> Numbering:
        """The numbering that gave these names the numbers from 0 on."""
        made = cls()
        for name in names:
            made.add(name)
        return made

    def __len__(self) -> int:
        return len(self.names)

    def add(self, name: str) -> int:
        """The number of a name, a new one where it has none yet."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number

    def number(self, name: str) -> int | None:
        """The number of a name; None where it is not known."""
        return self._numbers.get(name)


@dataclass(frozen=True)
class Events:
    """Events in the order of time: `user` and `item` numbers and `times`, of shape (events,)."""

    user: Ints
    item: Ints
    times: Floats

    def __len__(self) -> int:
        return len(self.user)

    def __getitem__(self, which: NDArray[np.bool_] | slice) -> Events:
        return Events(self.user[which], self.item[which], self.times[which])

    def joined(self, later: Events) -> Events:
        """These events and others, in the order of time."""
        user = np.concatenate([self.user, later.user])
        item = np.concatenate([self.item, later.item])
        times = np.concatenate([self.times, later.times])
        order = np.argsort(times, kind="stable")
        return Events(user[order], item[order], times[order])


def events_of(examples: Iterable[Example], users: Numbering, items: Numbering) -> Events:
    """The events of examples, those of their inputs and of their targets. New users and items are numbered.

    Without times, the events of a user are one second apart.

    >>> found = events_of([Example("1", {"user": "7", "items": ["a"], "times": [5]}, ["b"])], Numbering(), Numbering())
    >>> found.item.tolist(), found.times.tolist()
    ([0, 1], [5.0, 6.0])
    """
    user: list[int] = []
    item: list[int] = []
    times: list[float] = []
    for example in examples:
        given = example.input if isinstance(example.input, Mapping) else {}
        number = users.add(str(given.get("user", example.id)))
        last = 0.0
        for run in (given, example.target):
            names = items_of(run)
            when = _times(run, len(names), last)
            user += [number] * len(names)
            item += map(items.add, names)
            times += when
            last = when[-1] if when else last
    order = np.argsort(np.array(times), kind="stable")
    return Events(np.array(user, np.int64)[order], np.array(item, np.int64)[order], np.array(times, np.float64)[order])


def _times(run: JSON, n: int, last: float) -> list[float]:
    given = run.get("times") if isinstance(run, Mapping) else None
    if isinstance(given, Sequence) and len(given) == n:
        return [float(time) for time in given]  # type: ignore[arg-type]
    return [last + 1.0 + step for step in range(n)]


def matrix_of(events: Events, n_users: int, n_items: int) -> csr_matrix:
    """Which user chose which item: a sparse matrix (users, items) of 0 and 1."""
    from scipy.sparse import csr_matrix

    ones = np.ones(len(events), np.float32)
    matrix = csr_matrix((ones, (events.user, events.item)), shape=(n_users, n_items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
