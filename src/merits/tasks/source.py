"""Turns what a task file says into records, and points at the line of what cannot be."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from merits.core.errors import TaskError, UsageError
from merits.core.validate import did_you_mean

__all__ = ["Place", "Source", "convert_at"]

T = TypeVar("T")
Place: TypeAlias = tuple[str | int, ...]
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")


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
    for problem in _problems(value, to, source, place):
        raise problem
    try:
        return msgspec.convert(value, to)
    except msgspec.ValidationError as problem:
        text, inside = _readable(str(problem))
        where = (*place, *inside)
        shown = ".".join(map(str, where))
        raise TaskError(f"{source.at(*where)}: {f'{shown}: ' if shown else ''}{text}.") from None


def _problems(value: object, to: object, source: Source, place: Place) -> Iterator[TaskError]:
    """Wrong keys and wrong words, found before msgspec complains of them without a near miss."""
    record = next((option for option in _options(to) if _is_record(option)), None)
    if record is not None and isinstance(value, Mapping):
        hints = get_type_hints(record, include_extras=True)
        for key, part in value.items():
            if key not in hints:
                inside = f" in {'.'.join(map(str, place))}" if place else ""
                where = source.at(*place, str(key))
                yield TaskError(f"{where}: unknown key {str(key)!r}{inside}.", did_you_mean(str(key), hints))
            else:
                yield from _problems(part, hints[key], source, (*place, key))
    words = [word for option in _options(to) if get_origin(option) is Literal for word in get_args(option)]
    if words and isinstance(value, str) and value not in words and str not in _options(to):
        where = f"{source.at(*place)}: {'.'.join(map(str, place))}"
        yield TaskError(f"{where}: {value!r} is not one of its words.", did_you_mean(value, words))


def _options(to: object) -> list[object]:
    """The members of a union, without annotations."""
    if get_origin(to) is Annotated:
        return _options(get_args(to)[0])
    if get_origin(to) in (Union, types.UnionType):
        return [option for member in get_args(to) for option in _options(member)]
    return [to]


def _is_record(option: object) -> bool:
    return isinstance(option, type) and issubclass(option, msgspec.Struct)


def _readable(message: str) -> tuple[str, Place]:
    """msgspec's message in plain words, and the path that it names.

    >>> _readable("Expected `int`, got `str` - at `$.settings.retries`")
    ('expected a whole number, found text', ('settings', 'retries'))
    """
    text, _, path = message.partition(" - at ")
    place = tuple(int(number) if number else key for key, number in _STEP.findall(path) if key or number)
    text = text.replace("Object missing required field", "it lacks the key").replace(", got", ", found")
    for word, plain in _WORDS.items():
        text = text.replace(f"`{word}`", plain).replace(f"{word} |", f"{plain} or").replace(f"| {word}", f"or {plain}")
    text = text.replace("`", "")
    return f"{text[0].lower()}{text[1:]}", place


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "nothing",
}
