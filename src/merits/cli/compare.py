"""What changed: the paired difference with its interval, which examples flipped, which slices gain or lose.

Things to compare are candidates (NAME), candidates as of an earlier run (NAME@3; @-1 is the run before the latest),
whole runs (@3), and files with results (FILE, or FILE:NAME) of merits run --json, Inspect, lm-evaluation-harness,
promptfoo, or CSV and Parquet with the columns candidate, example, score. All are compared with the first.
Ends with 0 when all can be told apart, 3 when not.

example:  merits compare small large
          merits compare small@-1 small
          merits compare main.eval branch.eval --markdown
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from merits.cli.options import DEFAULT_TASK, add_json, add_store, console, print_json
from merits.cli.parsing import number, whole
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from merits.cli.sides import Finder
    from merits.core.identity import JSON
    from merits.deciding.changes import Change

__all__ = ["add_reading", "arguments", "flipped_inputs", "run"]

UNDECIDED = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits compare`."""
    parser.add_argument("things", nargs="*", metavar="THING", help="NAME, NAME@RUN, @RUN, FILE or FILE:NAME")
    parser.add_argument("--task", default=DEFAULT_TASK, help=f"the task file (default: {DEFAULT_TASK})")
    parser.add_argument("--runs", action="store_true", help="list the runs there are")
    add_store(parser)
    add_reading(parser)
    parser.add_argument("--flips", type=whole(0), default=5, metavar="N", help="show N flipped examples of each kind")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of text")
    add_json(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds how results of other tools are read."""
    parser.add_argument(
        "--metric", default="", metavar="NAME", help="which score of a results file (default: its first)"
    )
    parser.add_argument(
        "--solved-at",
        type=number(0, 1, closed=True),
        metavar="SCORE",
        help="from which score on a case of a results file is solved",
    )


def run(args: argparse.Namespace) -> int:
    """0 when all can be told apart, 3 when some cannot."""
    from merits.cli.sides import Finder, check_used, inputs_by_example, matched
    from merits.deciding.changes import changes
    from merits.evaluating.importing import Reading

    reading = Reading(args.metric, args.solved_at)
    finder = Finder(args.task, args.store, reading)
    if args.runs:
        return _show_runs(finder, as_json=args.json)
    if not args.things:
        raise UsageError("nothing to compare.", "Name two: merits compare small large (or list the runs: --runs)")
    found = [finder.sides(word) for word in args.things]
    check_used(reading, (side for sides in found for side in sides))
    compared = [change for first, others in matched(args.things, found) for change in changes(first, others)]
    inputs = inputs_by_example((side for sides in found for side in sides), finder.inputs)
    _show(compared, flipped_inputs(compared, inputs), args)
    return UNDECIDED if any(change.verdict == "cannot be told apart" for change in compared) else 0


def flipped_inputs(compared: Sequence[Change], inputs: Mapping[str, JSON]) -> dict[str, JSON]:
    """The inputs of the examples that flipped, by their ids, as far as they are known."""
    flips = [flip.example for change in compared for flip in (*change.lost, *change.gained)]
    return {example: inputs[example] for example in flips if example in inputs}


def _show(compared: Sequence[Change], inputs: Mapping[str, JSON], args: argparse.Namespace) -> None:
    if args.json:
        print_json("merits.compare/1", {"comparisons": list(compared), "inputs": inputs})
        return
    if args.markdown:
        from merits.report import changes_markdown

        print("".join(changes_markdown.render(change, inputs) for change in compared), end="")
        return
    from merits.report import changes_terminal

    for change in compared:
        changes_terminal.render(change, inputs, console(), most_flips=args.flips)


def _show_runs(finder: Finder, *, as_json: bool) -> int:
    if as_json:
        print_json("merits.runs/1", {"runs": list(finder.runs)})
        return 0
    for run in finder.runs:
        when = "unknown" if run.at is None else datetime.fromtimestamp(run.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        other = "" if run.task == finder.task.id else "  (the examples or scorers were others)"
        print(f"@{run.number}  {when}  {', '.join(run.candidates)}{other}")
    return 0
