"""Has a candidate learn from production as its labels come: each once, in their order, beside what serves.

Nothing that serves is changed. Each request is asked as it came, of what had learned the labels that were there then,
so it is known at any time whether what learns is better than what was served, however late labels are; then `merits
retrain` makes a release of it that must win before it serves.
What has learned goes on where it was, also after a crash.

example:  merits learn --candidate tree
          merits learn --candidate tree --every 10
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_live, add_task, found_task, print_json
from merits.cli.parsing import number

if TYPE_CHECKING:
    from merits.production.learning_on import LearnedOn

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits learn`."""
    add_task(parser)
    parser.add_argument("--candidate", required=True, metavar="NAME", help="who learns: kind online, or a recommender")
    parser.add_argument(
        "--users", action="store_true", help="learn from corrections by users too, not from labels only"
    )
    parser.add_argument(
        "--every", type=number(0.0), metavar="SECONDS", help="go on, looking so often, until it is interrupted"
    )
    add_live(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 when all labels were learned that are there."""
    from merits.opening import opened_live
    from merits.production.learning_on import LearningOn

    task = found_task(args.task)
    with opened_live(args.live, task) as memory:
        learner = LearningOn(task, args.candidate, memory, sources=("label", "user") if args.users else ("label",))
        _show(learner.catch_up(), args)
        while args.every:
            time.sleep(args.every)
            found = learner.catch_up()
            if found.n_learned:
                _show(found, args)
    return 0


def _show(found: LearnedOn, args: argparse.Namespace) -> None:
    if args.json:
        print_json("merits.learn/1", found)
        return
    print(pasted(found.text, args), flush=True)
    for why, n in sorted(found.skipped.items()):
        print(f"{n:,} labels taught nothing: {why}.", flush=True)
    if found.n_waiting:
        print(f"{found.n_waiting:,} labels wait for their requests, which are not in the store yet.", flush=True)
