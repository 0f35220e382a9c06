"""Options that several verbs share, and how they find the task and print machine output."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from merits.cli.parsing import number
from merits.core.errors import TaskError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from merits.core.task import Task

__all__ = [
    "DEFAULT_TASK",
    "add_alpha",
    "add_json",
    "add_live",
    "add_quiet",
    "add_reason",
    "add_store",
    "add_task",
    "check_live",
    "console",
    "found_task",
    "must_be_named",
    "print_json",
]

DEFAULT_TASK = "merits.yaml"
_MAKE_LIVE = ("keys", "release")


def add_task(parser: argparse.ArgumentParser) -> None:
    """Adds the optional TASK argument."""
    parser.add_argument("task", nargs="?", default=DEFAULT_TASK, help=f"the task file (default: {DEFAULT_TASK})")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of text")


def add_store(parser: argparse.ArgumentParser) -> None:
    """Adds --store."""
    parser.add_argument("--store", metavar="PATH", help="where answers are kept (default: .merits/ beside the task)")


def add_live(parser: argparse.ArgumentParser) -> None:
    """Adds --live."""
    parser.add_argument(
        "--live",
        metavar="PLACE",
        help="where what is served is remembered: a path, or postgresql://... (default: MERITS_LIVE, else .merits/)",
    )


def add_alpha(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds --alpha, the error rate of a test that may be looked at any time; `what` says which error it bounds."""
    parser.add_argument(
        "--alpha",
        type=number(0, 0.5),
        default=0.05,
        metavar="A",
        help=f"{what}, however often one looks (default: 0.05)",
    )


def add_reason(parser: argparse.ArgumentParser) -> None:
    """Adds --reason."""
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who come later")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Adds --quiet."""
    parser.add_argument("--quiet", action="store_true", help="no progress")


def check_live(args: argparse.Namespace) -> None:
    """Raises UsageError where the live store that was named is not there, but for verbs that make one.

    A place that was mistyped would be an empty store otherwise, in which nothing serves.
    """
    named = getattr(args, "live", None) or (os.environ.get("MERITS_LIVE") if hasattr(args, "live") else None)
    if named and "://" not in named and args.verb not in _MAKE_LIVE and not Path(named).is_file():
        raise UsageError(f"there is no live store at {named}.", "It is made with the first release: merits release")


def found_task(path: str) -> Task:
    """The task of a file. Raises TaskError with the way to make one when there is none."""
    from merits.tasks.file import load_task

    must_be_named(path)
    return load_task(path)


def must_be_named(path: str) -> None:
    """Raises TaskError where no task was named and there is none of the default name: with the next step."""
    if path != DEFAULT_TASK or Path(path).exists():
        return
    step = "make one from your data: merits init DATA.csv"
    named = sorted(
        file.name for file in Path().iterdir() if file.suffix in (".yaml", ".yml", ".toml") and _is_task(file)
    )
    if named:
        raise TaskError(f"there is no {DEFAULT_TASK} here.", f"Name yours ({', '.join(named)}), or {step}")
    raise TaskError(f"there is no {DEFAULT_TASK} here.", f"M{step[1:]}")


def _is_task(file: Path) -> bool:
    try:
        return re.search(r"^(candidates\b|\[\[candidates)", file.read_text("utf-8"), re.MULTILINE) is not None
    except (OSError, ValueError):
        return False


def console() -> Console:
    """A console on stdout that a closed pipe (`merits run | head`) ends like any other command."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Piped()


def print_json(schema: str, value: object) -> None:
    """Prints one JSON object on stdout; `schema` names its shape and version, as in `merits.run/1`."""
    import msgspec

    body = msgspec.json.encode({"schema": schema, **msgspec.to_builtins(value, str_keys=True)})
    sys.stdout.write(msgspec.json.format(body, indent=2).decode() + "\n")
