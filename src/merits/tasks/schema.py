"""Publishes what a task file may say as a JSON Schema, so that editors complete it and check it while it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from merits.core.candidate import Price
from merits.core.errors import UsageError
from merits.core.kinds import kind_names
from merits.core.limits import Limits
from merits.core.plugins import names, plugin
from merits.core.validate import schema_of
from merits.tasks.definition import Definition

__all__ = ["publish", "schema"]

Schema: TypeAlias = dict[str, Any]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_IMPROVERS = "merits.improvers"
_ONLY_IN_PYTHON = frozenset({"object"})  # kinds of live objects, which no file can hold


def schema() -> Schema:
    """The JSON Schema (draft 2020-12) of the task file, with every registered kind of candidate and scorer.

    It is stricter than nothing and laxer than `load_task`: what depends on the data (columns, labels) and what is
    text with a grammar of its own (requirements) is checked there only.

    >>> sorted(schema()["required"])
    ['data']
    """
    from merits.candidates import registry as candidates
    from merits.scorers import registry as scorers

    whole: Schema = schema_of(Definition)
    properties = whole["properties"]
    candidate = _spec(candidates.params_schema(), _candidate_extras())
    scorer = _spec(
        scorers.params_schema(), {"name": {"type": "string", "description": "What it is called in reports."}}
    )
    properties["kind"] = {"description": properties["kind"]["description"], "enum": list(kind_names())}
    properties["data"] |= {"anyOf": [{"type": "string", "minLength": 1}, _files()]}
    properties["scorers"] = {
        "description": properties["scorers"]["description"],
        "anyOf": [{"$ref": "#/$defs/scorer"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/scorer"}}],
    }
    properties["candidates"] = {
        "description": properties["candidates"]["description"],
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/$defs/candidate"}},
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/candidate"}},
        ],
    }
    properties["robustness"] |= {"anyOf": _robustness()}
    properties["improve"] = {
        "description": properties["improve"]["description"],
        "type": "object",
        "properties": _techniques(),
        "additionalProperties": False,
    }
    return {
        "$schema": _DIALECT,
        "title": "Merits task",
        **{key: value for key, value in whole.items() if key != "title"},
        "$defs": {"candidate": candidate, "price": schema_of(Price), "scorer": scorer},
    }


def publish(path: Path) -> None:
    """Writes the schema to a file, in the form in which the published copy is kept."""
    path.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")


def _robustness() -> list[Schema]:
    """`default`, names of perturbations, or a mapping from each to its strengths."""
    from merits.perturbations.registry import perturbation, perturbation_names

    numbers = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "number"}}
    strengths = [{"const": "default"}, {"type": "number"}, numbers]
    each: Schema = {}
    for name in perturbation_names():
        found = perturbation(name)
        usual = ", ".join(f"{level:g}" for level in found.LEVELS)
        each[name] = {"description": f"{found.STRENGTH}; default: {usual}", "anyOf": strengths}
    by = {"description": "The name of a candidate, or a recipe.", "anyOf": [{"type": "string"}, {"type": "object"}]}
    each["paraphrase"] = {
        "description": "Put in other words by another model.",
        "type": "object",
        "properties": {"by": by},
        "required": ["by"],
        "additionalProperties": False,
    }
    each["sample"] = {"description": "Only so many examples, drawn with the seed.", "type": "integer", "minimum": 1}
    return [
        {"enum": ["default", *perturbation_names()]},
        {"type": "array", "minItems": 1, "items": {"enum": list(perturbation_names())}},
        {"type": "object", "minProperties": 1, "properties": each, "additionalProperties": False},
    ]


def _techniques() -> Schema:
    """The parameters of each technique that searches for candidates, as far as they can be imported here."""
    found: Schema = {}
    for name in names(_IMPROVERS):
        with suppress(UsageError):
            module: Any = plugin(_IMPROVERS, name, "technique", unknown=UsageError, broken=UsageError)
            found[name] = schema_of(module.Params)
    return found


def _files() -> Schema:
    return {
        "type": "object",
        "properties": {
            "dev": {"type": "string", "description": "What candidates learn from."},
            "test": {"type": "string", "description": "What decisions are made on."},
            "train": {"type": "string", "description": "Another word for dev."},
        },
        "required": ["test"],
        "additionalProperties": False,
    }


def _candidate_extras() -> Schema:
    return {
        "name": {"type": "string", "description": "What it is called; renaming asks nothing again."},
        "price": {"description": "What an answer costs.", "$ref": "#/$defs/price"},
        "metadata": {"type": "object", "description": "Anything worth knowing: licence, where it runs."},
        "limits": {"description": "What is asked in a minute at most.", **schema_of(Limits)},
    }


def _spec(params: Mapping[str, Any], extras: Schema) -> Schema:
    """A kind by its name alone, or with its parameters beside it; only kinds without required ones stand alone."""
    kinds = {kind: part for kind, part in params.items() if kind not in _ONLY_IN_PYTHON}
    alone = [kind for kind, part in kinds.items() if not part.get("required")]
    return {"anyOf": [{"enum": alone}, *(_with_kind(kind, part, extras) for kind, part in kinds.items())]}


def _with_kind(kind: str, part: Schema, extras: Schema) -> Schema:
    described = {"const": kind, **({"description": part["description"]} if "description" in part else {})}
    return {
        "title": kind,
        "type": "object",
        "properties": {"kind": described, **extras, **part.get("properties", {})},
        "required": ["kind", *part.get("required", [])],
        "additionalProperties": False,
    }
