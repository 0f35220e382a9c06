"""Validates the task and profiles its data: sizes, balance, duplicates, leakage, conflicting labels, and what
difference this many examples can show. Spends nothing.

example:  merits check
"""

from __future__ import annotations

import argparse
import sys

from merits.cli.options import add_json, add_task, console, found_task, print_json

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits check`."""
    add_task(parser)
    parser.add_argument("--quick", action="store_true", help="open no pictures or sounds, and doubt no labels")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the profile; 0 (what is wrong with the task itself is an error, exit 2)."""
    from merits.flow import check_needs, check_robustness
    from merits.tasks.profile import profile

    task = found_task(args.task)
    check_needs(task)
    check_robustness(task)
    found = profile(task, thorough=not args.quick, progress=_told if sys.stderr.isatty() else None)
    if args.json:
        print_json("merits.check/1", found)
        return 0
    from merits.report import profile_table

    profile_table.render(found, console())
    return 0


def _told(what: str, done: int, total: int, /) -> None:
    """Progress of a long look, in one line on stderr that the next one replaces."""
    line = f"looking at {what}: {done:,} of {total:,}" if done < total else ""
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()
