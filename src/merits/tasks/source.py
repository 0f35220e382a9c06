"""Turns what a task file says into records, and points at the line of what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from merits.core.errors import TaskError, UsageError
from merits.core.validate import Place, misfit

__all__ = ["Place", "Source", "convert_at"]

T = TypeVar("T")
_LOOK_THERE = "docs/task-file.md and `merits schema` say what may stand there."


@dataclass(frozen=True)
class Source:
    """Where a task is defined: what messages call it, and the lines of its parts by their path, if it has lines."""

    name: str
    lines: Mapping[Place, int] = field(default_factory=dict)

    def at(self, *place: str | int) -> str:
        """The place in words: `tickets.yaml, line 7`; without the line where none is known.

        >>> Source("tickets.yaml", {("needs",): 7}).at("needs", "currency")
        'tickets.yaml, line 7'
        """
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return f"{self.name}, line {self.lines[place[:length]]}"
        return self.name

    def error(self, problem: UsageError, *place: str | int) -> UsageError:
        """The same error with the place in front, unless it already begins with this source's name."""
        if problem.found.startswith(self.name):
            return problem
        return type(problem)(f"{self.at(*place)}: {problem.found}", problem.next_step)


def convert_at(value: object, to: type[T], source: Source, *place: str | int) -> T:
    """The value as a record of type `to`. Raises TaskError with the line, and the key or word probably meant."""
    wrong = misfit(value, to)
    if wrong is None:
        return msgspec.convert(value, to)
    where = source.at(*place, *wrong.place)
    raise TaskError(f"{where}: {wrong.text(*place)}", wrong.next_step or _LOOK_THERE)
