"""What a look at inputs is given and what it brings back; and where looks are registered.

What a kind of task `reads` says which looks there are: an entry point of that name under `merits.looks`, so that a
new kind, or a new sort of input, needs nothing changed here or in the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar, cast

import msgspec
import numpy as np

from merits.core.errors import TaskError
from merits.core.identity import JSON
from merits.core.kinds import task_kind
from merits.core.plugins import names, plugin
from merits.core.task import Example, Task
from merits.media.finding import Media

__all__ = ["Fact", "Finding", "Look", "Looker", "Progress", "Seen", "Sight", "codes", "lookers", "spread_of"]

_GROUP = "merits.looks"
T = TypeVar("T")


class Progress(Protocol):
    """Told now and then how far a long look has come: what is looked at, how many of how many."""

    def __call__(self, what: str, done: int, total: int, /) -> None: ...


def _silent(what: str, done: int, total: int, /) -> None:
    """Nobody is told."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something to look at: a stable code (see `codes` and WARNINGS), a sentence, and the next step."""

    code: str
    text: str
    next_step: str


class Fact(msgspec.Struct, frozen=True):
    """Something that was seen: what it is, in words, and the figures behind it."""

    name: str
    text: str
    figures: dict[str, JSON] = {}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of inputs of one sort: `n_seen` of the `n` there are, a sample where they are many."""

    reads: str
    n: int
    n_seen: int
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Seen:
    """What a look brings back: facts, findings, and pairs of positions (earlier, later) that are nearly the same."""

    n: int
    n_seen: int
    facts: Sequence[Fact] = ()
    findings: Sequence[Finding] = ()
    twins: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Sight:
    """The examples of a task, dev before test, with what is needed to look at them."""

    task: Task
    examples: Sequence[Example]
    progress: Progress = field(default=_silent)

    @cached_property
    def media(self) -> Media:
        """The files that inputs name."""
        return Media.of(self.task)

    def sample(self, things: Sequence[T], most: int) -> list[T]:
        """At most so many of some things, evenly spread and always the same: what is looked at within the time.

        >>> Sight(None, ()).sample(range(10), 4)
        [0, 2, 5, 7]
        """
        if len(things) <= most:
            return list(things)
        return [things[place * len(things) // most] for place in range(most)]

    def watched(self, what: str, things: Sequence[T], each: Callable[[T], object]) -> list[object]:
        """What `each` makes of every thing, telling how far it has come."""
        made = []
        for done, thing in enumerate(things):
            if done % 100 == 0:
                self.progress(what, done, len(things))
            made.append(each(thing))
        self.progress(what, len(things), len(things))
        return made


class Looker(Protocol):
    """What an entry point under `merits.looks` names; a module will do. Its name is what kinds of task read.

    `CODES` says what each code of its findings means. `look` is None where no input is of this sort. Deterministic;
    asks nobody, and reads no more than it can in some ten seconds: of more it looks at a sample (`Sight.sample`). A
    package that is missing is no error: a fact says what to install.

    Optional beside them: `OPENS_FILES` is true for what reads the files that inputs name. `reads(example)` says
    whether an input is of this sort, and `features(sight, positions)` makes a matrix of numbers, a row for each of
    some positions that it reads, for what learns from them; None where it cannot.
    """

    CODES: Mapping[str, str]

    def look(self, sight: Sight) -> Seen | None: ...


def lookers(kind: str) -> dict[str, Looker]:
    """The looks for a kind of task, by what it reads; what nobody has a look for is left out.

    >>> sorted(lookers("classification"))
    ['columns', 'text']
    """
    return {name: _looker(name) for name in task_kind(kind).reads if name in names(_GROUP)}


def codes() -> dict[str, str]:
    """All codes that findings of looks can have, with what they mean.

    >>> "personal-data" in codes()
    True
    """
    return {code: meaning for name in names(_GROUP) for code, meaning in sorted(_looker(name).CODES.items())}


def spread_of(numbers: Sequence[float]) -> dict[str, float]:
    """The smallest, the median, the 95th percentile and the largest of some numbers.

    >>> spread_of([3.0, 1.0, 2.0])
    {'low': 1.0, 'median': 2.0, 'p95': 3.0, 'high': 3.0}
    """
    ordered = sorted(numbers)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"low": ordered[0], "median": float(np.median(ordered)), "p95": p95, "high": ordered[-1]}


def _looker(name: str) -> Looker:
    return cast(Looker, plugin(_GROUP, name, "look at inputs", unknown=TaskError, broken=TaskError))
