"""The options of a race, and when there is one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Literal

from merits.cli.parsing import number
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.racing import Racing
    from merits.core.task import Task

__all__ = ["add_race", "racing_of"]


def add_race(parser: argparse.ArgumentParser) -> None:
    """Adds --race, --no-race, --race-target and --race-error."""
    group = parser.add_argument_group("race")
    group.add_argument(
        "--race",
        nargs="?",
        const="auto",
        choices=("auto", "certified", "economy"),
        help="drop candidates that cannot be the best; certified (on test) bounds the error, economy (on --dev) asks "
        "less and is calibrated, not certified (default: race where answers are paid by token or call)",
    )
    group.add_argument("--no-race", action="store_true", help="ask every candidate everything")
    group.add_argument(
        "--race-target",
        choices=("traffic", "examples"),
        help="the best on future traffic like these examples (default), or only on these examples: certain sooner",
    )
    group.add_argument(
        "--race-error", type=number(0, 1), metavar="P", help="probability of ever dropping the best (default: 0.05)"
    )


def racing_of(args: argparse.Namespace, task: Task) -> Racing | None:
    """How the candidates race; None when they do not."""
    from merits import flow
    from merits.core.racing import Racing

    detailed = args.race_target or args.race_error is not None
    if args.no_race:
        if args.race or detailed:
            raise UsageError("--no-race and options of a race contradict each other.", "Leave one of them out.")
        return None
    if args.batch and not (args.race or detailed):
        return None  # a race goes in rounds, and a batch takes hours
    if len(task.candidates) < 2 or not (args.race or detailed or flow.costs_money(task)):
        return None
    mode: Literal["certified", "economy"] = "economy" if args.dev else "certified"
    if args.race in ("certified", "economy"):
        mode = args.race
    return Racing(
        mode=mode,
        target=args.race_target or "traffic",
        delta=0.05 if args.race_error is None else args.race_error,
        at_once=task.settings.concurrency or 8,
    )
