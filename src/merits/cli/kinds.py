"""Lists what a task file can name: kinds of task, candidates, scorers and perturbations; with NAME, all of one.

example:  merits kinds speech
"""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from merits.cli.options import add_json, print_json
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.core.validate import did_you_mean
from merits.perturbations.registry import perturbation, perturbation_names

__all__ = ["arguments", "run"]

# Each family: what one of it is called, and what it is for.
_FAMILIES = {
    "tasks": ("kind of task", "kinds of task (`kind:`)"),
    "candidates": ("candidate", "candidates, by what inputs they read"),
    "scorers": ("scorer", "scorers, which say what is solved"),
    "perturbations": ("perturbation", "perturbations (`robustness:`), by what they change"),
}
_ANY = "any"  # what says nothing of what it reads
_WIDEST = 118

Families = Mapping[str, Mapping[str, JSON]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits kinds`."""
    parser.add_argument(
        "name", nargs="?", help=f"one kind, with its parameters; or one family in a line each ({', '.join(_FAMILIES)})"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the kinds; 0."""
    found = _all()
    is_family = args.name in found
    if args.name:
        found = {args.name: found[args.name]} if is_family else _named(found, args.name)
    if args.json:
        print_json("merits.kinds/1", found)
    elif is_family:
        for name, schema in found[args.name].items():
            _print_wrapped(f"{name}: ", _described(schema), indent="    ")
    elif args.name:
        for family, schemas in found.items():
            for name, schema in schemas.items():
                _print_kind(_FAMILIES[family][0], name, schema)
    else:
        _print_overview(found)
    return 0


def _named(found: Families, name: str) -> Families:
    """What is called so in each family. UsageError with the near miss for nothing."""
    known = [*found, *(known for schemas in found.values() for known in schemas)]
    if name not in known:
        raise UsageError(f"no kind is named {name!r}.", did_you_mean(name, known))
    return {
        family: {known: schema for known, schema in schemas.items() if known == name}
        for family, schemas in found.items()
    }


def _all() -> Families:
    """What there is, family by family: name -> what it is."""
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


def _print_overview(found: Families) -> None:
    for family, (_, heading) in _FAMILIES.items():
        print(heading)
        if family == "tasks":
            for name, schema in found[family].items():
                print(f"  {name:<26} {_described(schema)}")
        else:
            groups = _by_reads(family, found[family])
            for reads, names in groups.items():
                label = f"  {f'{reads}: ' if len(groups) > 1 else ''}"
                _print_wrapped(label, ", ".join(names), indent="      ")
        print()
    print("One with its parameters: merits kinds NAME. A family, in a line each: merits kinds candidates.")


def _by_reads(family: str, names: Iterable[str]) -> dict[str, list[str]]:
    """The names by what they read, those that read anything last; scorers are one group."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(", ".join(_reads(family, name)) or _ANY, []).append(name)
    return dict(sorted(groups.items(), key=lambda group: group[0] == _ANY))


def _reads(family: str, name: str) -> Sequence[str]:
    if family == "candidates":
        from merits.candidates.registry import reads_of

        return reads_of(name)
    return (perturbation(name).READS,) if family == "perturbations" else ()


def _described(schema: JSON) -> str:
    return str(schema.get("description", "")) if isinstance(schema, Mapping) else ""


def _print_wrapped(start: str, text: str, *, indent: str) -> None:
    width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 0)).columns)
    lines = textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    print("\n".join(lines or [start.rstrip()]))


def _print_kind(family: str, name: str, schema: JSON) -> None:
    if not isinstance(schema, Mapping):
        return
    print(f"{name}  ({family})  {_described(schema)}")
    facts, levels, properties = (schema.get(key) for key in ("facts", "levels", "properties"))
    for key, said in facts.items() if isinstance(facts, Mapping) else ():
        print(f"    {key}: {said}")
    if family == "kind of task":
        _print_wrapped("    candidates: ", ", ".join(_who_reads(name)), indent="        ")
    if isinstance(levels, list):
        print(f"    levels: {', '.join(f'{level:g}' for level in levels)}")
    for key, about in properties.items() if isinstance(properties, Mapping) else ():
        described = about.get("description", "") if isinstance(about, Mapping) else ""
        print(f"    {key}: {described}")


def _who_reads(task: str) -> list[str]:
    """The candidates that can read inputs of a kind of task, those for whatever inputs last."""
    from merits.candidates.registry import kinds, reads_of

    there = set(task_kind(task).reads)
    found = [(name, reads_of(name)) for name in kinds()]
    return [name for name, reads in found if there & set(reads)] + [name for name, reads in found if not reads]
