"""Tests candidates along the test examples in their order, each case before it is learned from: does learning on pay?

Candidates that can learn while they answer (kind: online, recommenders) are told each label when it would come, and
stand beside all candidates as they were after dev. What is stored is not asked again.

example:  merits prequential --delay 100
          merits prequential tickets.yaml --candidate tree --report stream.html
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from merits.cli.options import add_json, add_quiet, add_store, add_task, console, found_task, print_json
from merits.cli.parsing import whole
from merits.core.errors import UsageError
from merits.core.validate import did_you_mean

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits prequential`."""
    add_task(parser)
    parser.add_argument(
        "--delay", type=whole(0), default=0, metavar="N", help="a label comes before the case N later (default: 0)"
    )
    parser.add_argument(
        "--candidate", action="append", default=[], metavar="NAME", help="only this one (again for several)"
    )
    parser.add_argument("--window", type=whole(2), metavar="N", help="cases of a window (default: 20 windows at most)")
    parser.add_argument("--report", metavar="PATH", help="write a page with the drawing there")
    add_store(parser)
    add_quiet(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 when it was done."""
    from merits.report import prequential as report
    from merits.report.drawings import painter
    from merits.streamed import prequential

    task = found_task(args.task)
    names = [candidate.name for candidate in task.candidates]
    for name in args.candidate:
        if name not in names:
            raise UsageError(f"no candidate is named {name!r}.", did_you_mean(name, names))
    chosen = [candidate for candidate in task.candidates if candidate.name in args.candidate] or None
    found = prequential(
        task,
        chosen,
        delay=args.delay,
        window=args.window,
        store=args.store,
        told=_teller(quiet=args.quiet or args.json),
    )
    if args.report:
        with painter.apart():
            _write(Path(args.report), report.page(found))
    if args.json:
        print_json("merits.prequential/1", found)
        return 0
    report.render(found, console())
    if args.report:
        print(f"page: {args.report}")
    return 0


def _teller(*, quiet: bool) -> Callable[[str, int, int], object]:
    """What says on stderr how far it is; nothing where nobody looks."""
    if quiet or not sys.stderr.isatty():
        return lambda name, done, n: None

    def tell(name: str, done: int, n: int) -> None:
        end = "\n" if done == n else ""
        sys.stderr.write(f"\r{name}: {done:,} of {n:,} cases{end}")
        sys.stderr.flush()

    return tell


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            f"cannot write the page to {path}: {problem.strerror}.", "Name another place with --report."
        ) from None
