"""Solved when the output is JSON that a schema allows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import TaskError
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.values import json_of, shorten
from merits.scorers.reading import SOLVED, wrong

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["Params", "fingerprint", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The schema, here or in a file."""

    schema: Annotated[dict[str, JSON] | None, msgspec.Meta(description="The JSON Schema itself.")] = None
    file: Annotated[str, msgspec.Meta(description="A file with the JSON Schema, relative to the task file.")] = ""
    equal: Annotated[
        bool, msgspec.Meta(description="The output must also equal the target, read as JSON; order of keys aside.")
    ] = False

    def __post_init__(self) -> None:
        if (self.schema is None) == (not self.file):
            raise ValueError("give the schema either as schema or as file")
        if self.schema is not None:
            problem = _problem_of_schema(self.schema)
            if problem:
                raise ValueError(f"schema: {problem}")


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that reads the output as JSON (text, with or without a Markdown fence) and validates it.

    Output that is no JSON, or too deeply nested to be looked at, is not solved; nothing a model says raises.
    References in the schema are resolved inside it, never over the network.

    >>> schema = {"type": "object", "required": ["city"]}
    >>> score = load(Params(schema=schema), classes=(), folder=Path())
    >>> score(Example(id="1", input="?"), Answer(output='{"city": "Bern"}')).solved
    True
    >>> score(Example(id="1", input="?"), Answer(output="Bern")).solved
    False
    """
    validator = _validator(params.schema if params.schema is not None else _read_file(folder / params.file))

    def score(example: Example, answer: Answer) -> Score:
        try:
            value = json_of(answer.output) if isinstance(answer.output, str) else answer.output
        except ValueError as problem:
            return wrong(f"no JSON ({shorten(str(problem), 80)}): {shorten(answer.output)!r}")
        return _judge(value, validator, example if params.equal else None)

    return score


def fingerprint(params: Params, *, folder: Path) -> str:
    """A hash of the schema's content, so that a changed file scores again."""
    return content_hash(params.schema if params.schema is not None else _read_file(folder / params.file))


def _judge(value: JSON, validator: Validator, example: Example | None) -> Score:
    try:
        problem = next(iter(validator.iter_errors(value)), None)
        if problem is not None:
            place = ".".join(str(part) for part in problem.absolute_path) or "the whole"
            return wrong(f"{shorten(place, 40)}: {shorten(problem.message)}")
        if example is None:
            return SOLVED
        return SOLVED if content_hash(value) == content_hash(_target(example)) else wrong("valid, but not the target")
    except RecursionError:
        return wrong("nested too deeply to be validated")


def _target(example: Example) -> JSON:
    target = example.target
    if not isinstance(target, str):
        return target
    try:
        return json_of(target)
    except ValueError:
        return target


def _read_file(path: Path) -> Mapping[str, JSON]:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise TaskError(f"the schema {path} cannot be read: {problem.strerror}.", "Check `file`.") from None
    except ValueError as problem:
        raise TaskError(f"the schema {path} is no JSON: {problem}.") from None
    trouble = _problem_of_schema(schema)
    if trouble:
        raise TaskError(f"{path} is no JSON Schema: {trouble}.")
    assert isinstance(schema, Mapping)
    return schema


def _problem_of_schema(schema: JSON) -> str:
    """What makes it no JSON Schema; "" when it is one."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    if not isinstance(schema, Mapping):
        return "it must be a mapping"
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(dict(schema))
    except SchemaError as problem:
        place = ".".join(str(part) for part in problem.absolute_path)
        return f"{place}: {problem.message}" if place else problem.message
    return _open_reference(schema)


def _open_reference(schema: Mapping[str, JSON]) -> str:
    """The first reference that points outside the schema, as a sentence; "" when there is none."""
    identity = schema.get("$id")
    for reference in _references(schema):
        local = reference.startswith("#") or (isinstance(identity, str) and reference.startswith(identity))
        if not local:
            return f"the reference {reference!r} points outside the schema; copy it under $defs"
        if reference.startswith("#/") and _follow(schema, reference[2:]) is None:
            return f"the reference {reference!r} points to nothing"
    return ""


def _references(value: JSON) -> list[str]:
    if isinstance(value, Mapping):
        own = value.get("$ref")
        below = [found for part in value.values() for found in _references(part)]
        return [own, *below] if isinstance(own, str) else below
    if isinstance(value, (list, tuple)):
        return [found for part in value for found in _references(part)]
    return []


def _follow(schema: JSON, pointer: str) -> JSON:
    """What a JSON pointer (RFC 6901) points to; None when that is nothing."""
    value = schema
    for part in pointer.split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, (list, tuple)) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _validator(schema: Mapping[str, JSON]) -> Validator:
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    # An empty registry: jsonschema's own would fetch what a schema refers to from the network.
    kind = validator_for(schema, default=Draft202012Validator)
    validator: Validator = kind(schema, registry=Registry())
    return validator
