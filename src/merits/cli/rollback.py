"""Lets an earlier release serve again: the one before the present one, or any other with --to.

Running servers switch within about a second, and finish what they have begun. A comparison that goes on (merits
rollout) ends with it: its challenger answers no more, and the reason says so.

example:  merits rollback --reason "answers are too slow"
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from merits.cli.options import add_json, add_live, add_reason, add_task, found_task, print_json
from merits.cli.parsing import whole

if TYPE_CHECKING:
    from merits.core.live import Rollout
    from merits.core.task import Task

__all__ = ["arguments", "run", "say_what_serves"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits rollback`."""
    add_task(parser)
    parser.add_argument("--to", type=whole(1), metavar="N", help="the version (default: the one before)")
    add_reason(parser)
    add_live(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0, once it is noted."""
    from merits.production import released

    task = found_task(args.task)
    rollout = released.roll_back(task, args.to, live=args.live, reason=args.reason)
    say_what_serves(task, rollout, "merits.rollback/1", args)
    return 0


def say_what_serves(task: Task, rollout: Rollout, schema: str, args: argparse.Namespace) -> None:
    """Prints which release serves from now on, and why."""
    if args.json:
        print_json(schema, {"rollout": rollout})
        return
    before = "" if rollout.previous is None else f" (before: {rollout.previous})"
    print(f"merits/{task.name}@{rollout.champion} serves from now on{before}: {rollout.reason}.")
