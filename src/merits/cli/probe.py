"""Asks a model a fixed set of test examples again, and says whether it is still the model that was evaluated.

Providers change models behind one name. A pass over the set is compared with the passes before it, the answers of
`merits run` among them, by exact tests that know how much the model wavers by itself. Answers are stored as repeats:
each is paid for once.

example:  merits probe --candidate gpt --n 50 --dry-run
          merits probe --candidate gpt --n 50 --budget "0.50 USD"
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from merits.cli.next_steps import pasted
from merits.cli.options import add_alpha, add_json, add_live, add_quiet, add_store, add_task, found_task, print_json
from merits.cli.parsing import number, whole
from merits.cli.spending import add_spending, budget_of, confirmation

if TYPE_CHECKING:
    from merits.core.task import Task
    from merits.production.probed import Probed

__all__ = ["arguments", "run"]

_EXITS = {"same": 0, "changed": 1, "could not find out": 3}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits probe`."""
    add_task(parser)
    parser.add_argument(
        "--candidate",
        action="append",
        default=[],
        metavar="NAME",
        help="who is asked; may be repeated (default: the one that was decided on)",
    )
    parser.add_argument("--n", type=whole(1), default=50, metavar="N", help="how many questions (default: 50)")
    add_alpha(parser, "the chance of ever accusing a model that has not changed")
    parser.add_argument(
        "--shift",
        type=number(0, 1),
        default=0.3,
        metavar="S",
        help='the shift in the share solved that is to be noticed before "same" is said (default: 0.3)',
    )
    parser.add_argument(
        "--every",
        type=number(0),
        metavar="HOURS",
        help="probe again and again; what changed is an alert (merits alerts)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be asked, and ask nothing")
    add_spending(parser)
    add_live(parser)
    add_quiet(parser)
    add_store(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 the same, 1 changed, 3 it could not be found out; of several candidates the worst news."""
    if args.dry_run:
        return _foreseen(args)
    code = _once(args)
    while args.every:
        sys.stdout.flush()
        try:
            time.sleep(3_600.0 * args.every)
        except KeyboardInterrupt:
            return code
        code = _once(args)
    return code


def _foreseen(args: argparse.Namespace) -> int:
    """0, once it is said what the next probe would ask."""
    from merits.cli.foreseen import show_plan
    from merits.production.probed import foreseen

    plans = foreseen(found_task(args.task), args.candidate, n=args.n, store=args.store, budget=budget_of(args))
    for plan in plans:
        show_plan(plan, {}, args.json, raced=False)
    return 0


def _warn(task: Task, found: Sequence[Probed], args: argparse.Namespace) -> None:
    """Adds an alert for what changed, where the task is served."""
    from merits.opening import opened_live, place_of_live
    from merits.production.probed import warn

    place = place_of_live(args.live, task.folder)
    if not any(one.result == "changed" for one in found) or not ("://" in str(place) or Path(place).is_file()):
        return
    with opened_live(args.live, task) as live:
        for alert in warn(task, found, live, at=time.time()):
            print(pasted(f"alert {alert.id}: merits alerts --show {alert.id}", args), file=sys.stderr)


def _once(args: argparse.Namespace) -> int:
    from merits.cli.progress import progress_for
    from merits.production.probed import probe
    from merits.report.plain import clean

    task, budget = found_task(args.task), budget_of(args)
    with progress_for(quiet=args.quiet or args.json) as progress:
        found = probe(
            task,
            args.candidate,
            n=args.n,
            alpha=args.alpha,
            least=args.shift,
            store=args.store,
            progress=progress,
            budget=budget,
            confirm=confirmation(args, budget),
        )
    _warn(task, found, args)
    if args.json:
        candidates = [
            {
                "candidate": one.candidate,
                "result": one.result,
                "text": one.text,
                "n_asked": one.n_asked,
                "probe": None if one.probe is None else asdict(one.probe),
            }
            for one in found
        ]
        print_json("merits.probe/1", {"candidates": candidates})
    else:
        for one in found:
            print(clean(f"{one.candidate}: {one.text}."))
    results = [one.result for one in found]
    worst = next(result for result in ("changed", "could not find out", "same") if result in results)
    return _EXITS[worst]
