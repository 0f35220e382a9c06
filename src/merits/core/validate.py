"""Turns plain data (from a file, a plug-in, a caller) into records, and names the near miss when it cannot.

Knows nothing about which records there are.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypeGuard, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from merits.core.errors import TaskError, UsageError
from merits.core.identity import JSON

__all__ = [
    "Misfit",
    "Place",
    "convert",
    "did_you_mean",
    "members",
    "misfit",
    "near_miss",
    "record_keys",
    "schema_of",
]

T = TypeVar("T")
Place: TypeAlias = tuple[str | int, ...]
_BOOLEANS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}  # YAML 1.1's, and quoted
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "nothing",
}


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """The next step for a word that is not one of the options: the near miss when there is one, else all of them.

    >>> did_you_mean("modle", ["model", "prompt"])
    "Did you mean 'model'?"
    >>> did_you_mean("x", ["model", "prompt"])
    'There are: model, prompt.'
    >>> did_you_mean("x", [])
    'There is none yet.'
    """
    known = sorted(options)
    if not known:
        return "There is none yet."
    return near_miss(word, known) or f"There are: {', '.join(known)}."


def near_miss(word: str, options: Iterable[str]) -> str:
    """The option that was probably meant, as a question; "" where none is near.

    >>> near_miss("solved", ["example", "sloved"]), near_miss("x", ["model"])
    ("Did you mean 'sloved'?", '')
    """
    known = sorted(options)
    near = difflib.get_close_matches(word.lower(), [option.lower() for option in known], n=1, cutoff=0.6)
    found = (option for option in known if near and option.lower() == near[0])
    return next((f"Did you mean {option!r}?" for option in found), "")


@dataclass(frozen=True)
class Misfit:
    """Why a value is no record of a type: where in it (keys and positions), what was found, and the next step."""

    place: Place
    found: str
    next_step: str

    def text(self, *outside: str | int) -> str:
        """What was found, with the place in front: the value's own (`outside`) and that in it."""
        if self.found.startswith("unknown key"):  # it is named already
            return self.found
        place = ".".join(map(str, (*outside, *self.place)))
        return f"{place}: {self.found}" if place else self.found


def convert(value: object, to: type[T], where: str, error: type[UsageError] = TaskError, next_step: str = "") -> T:
    """The value as a record of type `to`. Raises `error`, saying where, and which key or word was probably meant.

    `where` names the place for the reader: "tickets.yaml, candidate 'gpt'". `next_step` is said where there is no
    near miss.

    >>> from merits.core.candidate import Price
    >>> convert({"per_cal": 0.1}, Price, "tickets.yaml, price")
    Traceback (most recent call last):
    ...
    merits.core.errors.TaskError: tickets.yaml, price: unknown key 'per_cal'. Did you mean 'per_call'?
    """
    wrong = misfit(value, to)
    if wrong is not None:
        raise error(f"{where}: {wrong.text()}", wrong.next_step or next_step)
    return msgspec.convert(value, to)


def misfit(value: object, to: object) -> Misfit | None:
    """Why the value is no record of type `to`; None when it is one.

    >>> from merits.core.racing import Racing
    >>> misfit({"mode": "certifed"}, Racing)
    Misfit(place=('mode',), found="'certifed' is not one of its words.", next_step="Did you mean 'certified'?")
    >>> misfit("yes", bool)
    Misfit(place=(), found="expected true or false, found the text 'yes'.", next_step='Write true, without quotes.')
    >>> misfit({"at_once": "many"}, Racing)
    Misfit(place=('at_once',), found='expected a whole number, found text.', next_step='')
    """
    for wrong in _misspelt(value, to, ()):
        return wrong
    try:
        msgspec.convert(value, to)
    except msgspec.ValidationError as problem:
        text, place = _readable(str(problem))
        return Misfit(place, f"{text}.", "")
    return None


def _misspelt(value: object, to: object, place: Place) -> Iterator[Misfit]:
    """Wrong keys and wrong words, found before msgspec complains of them without a near miss."""
    options = members(to)
    record = next((option for option in options if _is_record(option)), None)
    if record is not None and isinstance(value, Mapping):
        kinds = record_keys(record)
        for key, part in value.items():
            if key in kinds:
                yield from _misspelt(part, kinds[key], (*place, key))
            else:
                inside = f" in {'.'.join(map(str, place))}" if place else ""
                yield Misfit((*place, str(key)), f"unknown key {str(key)!r}{inside}.", did_you_mean(str(key), kinds))
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if words and isinstance(value, str) and value not in words and str not in options:
        yield Misfit(place, f"{value!r} is not one of its words.", did_you_mean(value, words))
    elif bool in options and isinstance(value, str) and value.lower() in _BOOLEANS and str not in options:
        meant = "true" if _BOOLEANS[value.lower()] else "false"
        yield Misfit(place, f"expected true or false, found the text {value!r}.", f"Write {meant}, without quotes.")
    if isinstance(value, list):
        items = [get_args(option)[0] for option in options if get_origin(option) in (list, tuple)]
        for kind in items[:1]:
            for number, part in enumerate(value):
                yield from _misspelt(part, kind, (*place, number))


def record_keys(record: type[msgspec.Struct]) -> dict[str, object]:
    """The keys of a record, with the types of their values."""
    hints = get_type_hints(record, include_extras=True)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(record)}


def members(to: object) -> list[object]:
    """The members of a union, without annotations."""
    if get_origin(to) is Annotated:
        return members(get_args(to)[0])
    if get_origin(to) in (Union, types.UnionType):
        return [option for member in get_args(to) for option in members(member)]
    return [to]


def _is_record(option: object) -> TypeGuard[type[msgspec.Struct]]:
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


def schema_of(record: type[msgspec.Struct]) -> dict[str, JSON]:
    """The JSON Schema of a record, whole in itself: every `$ref` is replaced by what it names.

    Records that refer to themselves are not for this.

    >>> from merits.core.candidate import Price
    >>> schema_of(Price)["properties"]["per_call"]["default"] is None
    True
    """
    (schema,), definitions = msgspec.json.schema_components([record], ref_template="{name}")
    return cast("dict[str, JSON]", _inlined(schema, definitions))


def _inlined(schema: JSON, definitions: Mapping[str, JSON]) -> JSON:
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        rest = {key: _inlined(value, definitions) for key, value in schema.items() if key != "$ref"}
        if not isinstance(reference, str):
            return rest
        return {**cast("dict[str, JSON]", _inlined(definitions[reference], definitions)), **rest}
    if isinstance(schema, list | tuple):  # a default may be a tuple
        return [_inlined(item, definitions) for item in schema]
    return schema
