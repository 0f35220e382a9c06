"""Lists the kinds of candidate and of scorer that a task file can name, with their parameters.

example:  merits kinds chat
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from merits.cli.options import add_json, print_json
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.validate import did_you_mean

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits kinds`."""
    parser.add_argument("name", nargs="?", help="show the parameters of this kind")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the kinds; 0."""
    from merits.candidates import registry as candidates
    from merits.scorers import registry as scorers

    found = {"candidates": candidates.params_schema(), "scorers": scorers.params_schema()}
    if args.name:
        found = {
            group: {name: schema for name, schema in schemas.items() if name == args.name}
            for group, schemas in found.items()
        }
        if not any(found.values()):
            names = [*candidates.params_schema(), *scorers.params_schema()]
            raise UsageError(f"no kind is named {args.name!r}.", did_you_mean(args.name, names))
    if args.json:
        print_json("merits.kinds/1", found)
        return 0
    for group, schemas in found.items():
        for name, schema in schemas.items():
            _print_kind(group.removesuffix("s"), name, schema)
    return 0


def _print_kind(group: str, name: str, schema: JSON) -> None:
    if not isinstance(schema, Mapping):
        return
    print(f"{name}  ({group})  {schema.get('description', '')}")
    properties = schema.get("properties")
    for key, about in properties.items() if isinstance(properties, Mapping) else ():
        described = about.get("description", "") if isinstance(about, Mapping) else ""
        print(f"    {key}: {described}")
