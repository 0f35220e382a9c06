"""Lists what a task file can name: kinds of task, candidate and scorer with their parameters, and perturbations.

example:  merits kinds chat
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from merits.cli.options import add_json, print_json
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.core.validate import did_you_mean
from merits.perturbations.registry import perturbation, perturbation_names

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits kinds`."""
    parser.add_argument("name", nargs="?", help="show the parameters of this kind")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the kinds; 0."""
    found = _all()
    names = [name for schemas in found.values() for name in schemas]
    if args.name:
        found = {
            group: {name: schema for name, schema in schemas.items() if name == args.name}
            for group, schemas in found.items()
        }
        if not any(found.values()):
            raise UsageError(f"no kind is named {args.name!r}.", did_you_mean(args.name, names))
    if args.json:
        print_json("merits.kinds/1", found)
        return 0
    for group, schemas in found.items():
        for name, schema in schemas.items():
            _print_kind("kind of task" if group == "tasks" else group.removesuffix("s"), name, schema)
    return 0


def _all() -> dict[str, Mapping[str, JSON]]:
    """What there is, group by group: name -> what it is."""
    from merits.candidates import registry as candidates
    from merits.scorers import registry as scorers

    return {
        "tasks": {name: _task(name) for name in kind_names()},
        "candidates": candidates.params_schema(),
        "scorers": scorers.params_schema(),
        "perturbations": {name: _perturbation(name) for name in perturbation_names()},
    }


def _task(name: str) -> JSON:
    kind = task_kind(name)
    facts = {
        "reads": ", ".join(kind.reads),
        "target": kind.target,
        "scorers": ", ".join(kind.scorers),
        "perturbations": ", ".join(kind.perturbations),
    }
    return {"description": kind.description, "facts": {key: said for key, said in facts.items() if said}}


def _perturbation(name: str) -> JSON:
    found = perturbation(name)
    return {
        "description": (found.__doc__ or "").strip().split("\n")[0],
        "facts": {"reads": found.READS, "strength": found.STRENGTH},
        "levels": list(found.LEVELS),
    }


def _print_kind(group: str, name: str, schema: JSON) -> None:
    if not isinstance(schema, Mapping):
        return
    print(f"{name}  ({group})  {schema.get('description', '')}")
    facts, levels, properties = (schema.get(key) for key in ("facts", "levels", "properties"))
    for key, said in facts.items() if isinstance(facts, Mapping) else ():
        print(f"    {key}: {said}")
    if isinstance(levels, list):
        print(f"    levels: {', '.join(f'{level:g}' for level in levels)}")
    for key, about in properties.items() if isinstance(properties, Mapping) else ():
        described = about.get("description", "") if isinstance(about, Mapping) else ""
        print(f"    {key}: {described}")
