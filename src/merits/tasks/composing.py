"""Candidates that are made of others: `parts: [names]` in a task file. Whatever one is made of is made before it.

Knows nothing about what a recipe says beside its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from merits.candidates import registry
from merits.core.candidate import Candidate
from merits.core.errors import TaskError
from merits.core.validate import did_you_mean
from merits.tasks.source import Place, Source

__all__ = ["Composing", "Listed"]

Listed: TypeAlias = tuple[Place, str, object]  # where it stands, the name it has there, and what it is


class Maker(Protocol):
    """Makes a candidate of what a task says of it, and of its parts."""

    def __call__(self, thing: object, name: str, place: Place, parts: tuple[Candidate, ...]) -> Candidate: ...


class Composing:
    """Makes each listed candidate once, after those that it is made of.

    A part is the name of a listed candidate, the name of a kind, or a recipe of its own, which is no candidate by
    itself. Raises TaskError, with the near miss, for a name that nobody has, and for what is made of itself.
    """

    def __init__(self, listed: Sequence[Listed], make: Maker, source: Source) -> None:
        self._listed, self._make, self._source = listed, make, source
        self._made: dict[int, Candidate] = {}
        self._making: list[int] = []

    def candidate(self, number: int) -> Candidate:
        """The candidate in this place of the list."""
        if number not in self._made:
            place, name, thing = self._listed[number]
            if number in self._making:
                raise TaskError(
                    f"{self._source.at(*place)}: a candidate is made of itself, by way of its `parts`.",
                    "Take one of them out of `parts:`.",
                )
            self._making.append(number)
            self._made[number] = self._recipe(thing, name, place)
            self._making.remove(number)
        return self._made[number]

    def _recipe(self, thing: object, name: str, place: Place) -> Candidate:
        return self._make(thing, name, place, self._parts(thing, place))

    def _parts(self, thing: object, place: Place) -> tuple[Candidate, ...]:
        if not isinstance(thing, Mapping) or "parts" not in thing:
            return ()
        given, place = thing["parts"], (*place, "parts")
        if not isinstance(given, list | tuple):
            raise TaskError(f"{self._source.at(*place)}: parts are a list of candidates.", "Write: parts: [a, b].")
        return tuple(self._part(part, (*place, number)) for number, part in enumerate(given))

    def _part(self, part: object, place: Place) -> Candidate:
        if not isinstance(part, str):
            return self._recipe(part, "", place)
        numbers = [number for number in range(len(self._listed)) if self._said_name(number) == part]
        if not numbers:  # those that are named by what they are
            plain = [number for number in range(len(self._listed)) if not _has_parts(self._listed[number][2])]
            numbers = [number for number in plain if self.candidate(number).name == part]
        if numbers:
            return self.candidate(numbers[0])
        names = [self._said_name(number) for number in range(len(self._listed))]
        if part not in registry.names_of_kinds():
            raise TaskError(
                f"{self._source.at(*place)}: no candidate is named {part!r}.",
                did_you_mean(part, [name for name in names if name]) or "Name one of `candidates:`, or write a recipe.",
            )
        return self._recipe(part, "", place)

    def _said_name(self, number: int) -> str:
        """The name that a candidate is given where it is listed; "" where it gets one by what it is."""
        _, name, thing = self._listed[number]
        if isinstance(thing, Mapping):
            said = thing.get("name", name)
            return said if isinstance(said, str) else ""
        return thing.name if isinstance(thing, Candidate) else name or (thing if isinstance(thing, str) else "")


def _has_parts(thing: object) -> bool:
    return isinstance(thing, Mapping) and "parts" in thing
