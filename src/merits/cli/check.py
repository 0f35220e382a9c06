"""Validates the task and profiles its data: sizes, balance, duplicates, leakage, conflicting labels, and what
difference this many examples can show. Spends nothing.

example:  merits check
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import TextIO

from merits.cli.options import add_json, add_task, console, found_task, print_json

__all__ = ["arguments", "run"]

_SECONDS_BETWEEN_LINES = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits check`."""
    add_task(parser)
    parser.add_argument("--quick", action="store_true", help="open no pictures or sounds, and doubt no labels")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the profile; 0 (what is wrong with the task itself is an error, exit 2)."""
    from merits.flow import checked

    task = found_task(args.task)
    progress = _Told(sys.stderr)
    progress("data", 0, len(task.examples))
    found = checked(task, thorough=not args.quick, looking=progress)
    progress.done()
    if args.json:
        print_json("merits.check/1", found)
        return 0
    from merits.report import profile_table

    profile_table.render(found, console())
    return 0


class _Told:
    """How far a check is, on stderr: on a terminal a line that the next one replaces, elsewhere one line each sort.

    Elsewhere further lines come only when a look takes long, so that a log is neither silent nor full.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock, self._live = stream, clock, stream.isatty()
        self._what, self._at = "", 0.0

    def __call__(self, what: str, done: int, total: int, /) -> None:
        line = f"looking at {what}: {done:,} of {total:,}"
        if self._live:
            self._write(f"\r\x1b[K{line if done < total else ''}")
        elif done < total and (what != self._what or self._clock() - self._at > _SECONDS_BETWEEN_LINES):
            self._write(f"{line}\n" if done else f"looking at {what}\n")
            self._what, self._at = what, self._clock()

    def done(self) -> None:
        """Leaves nothing of the line on a terminal."""
        if self._live:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
