"""Turns plain data (from a file, a plug-in, a caller) into records, and names the near miss when it cannot.

Knows nothing about which records there are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

import msgspec

from merits.core.errors import TaskError, UsageError
from merits.core.identity import JSON

__all__ = ["convert", "did_you_mean", "near_miss", "schema_of"]

T = TypeVar("T")


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """The next step for a word that is not one of the options: the near miss when there is one, else all of them.

    >>> did_you_mean("modle", ["model", "prompt"])
    "Did you mean 'model'?"
    >>> did_you_mean("x", ["model", "prompt"])
    'There are: model, prompt.'
    """
    known = sorted(options)
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


def convert(value: object, to: type[T], where: str, error: type[UsageError] = TaskError) -> T:
    """The value as a record of type `to`. Raises `error`, saying where, and which key was probably meant.

    `where` names the place for the reader: "tickets.yaml, candidate 'gpt'".

    >>> from merits.core.candidate import Price
    >>> convert({"per_cal": 0.1}, Price, "tickets.yaml, price")
    Traceback (most recent call last):
    ...
    merits.core.errors.TaskError: tickets.yaml, price: unknown key 'per_cal'. Did you mean 'per_call'?
    """
    if isinstance(value, Mapping) and isinstance(to, type) and issubclass(to, msgspec.Struct):
        names = [name.encode_name for name in msgspec.structs.fields(to)]
        for key in value:
            if key not in names:
                raise error(f"{where}: unknown key {str(key)!r}.", did_you_mean(str(key), names))
    try:
        return msgspec.convert(value, to)
    except msgspec.ValidationError as problem:
        raise error(f"{where}: {_readable(str(problem))}.") from None


def _readable(message: str) -> str:
    """The message with the path first and in words: "Expected `int`, got `str` - at `$.a`" gives "a: expected int…"."""
    text, _, path = message.partition(" - at `")
    place = path.rstrip("`").removeprefix("$").removeprefix(".")
    text = text.replace("`", "")
    return f"{place}: {text[0].lower()}{text[1:]}" if place else text


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
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    return schema
