"""Measures a judge against people: how far it agrees with them, which mistakes it makes, and what they depend on.

`draw` writes stored answers that chance drew to a table, for people to label; `check` measures the judge against such
a table. It has a row for each label: `solved` (1 or 0) and which answer it is about: `example` and `candidate`
of a stored run, or the text in `answer` (and `other`, of a pair) with `example` or `input`. Only what is not stored is
asked.

example:  merits judge draw --n 100 --out human.csv
          merits judge check --labels human.csv --dry-run
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from merits.cli.foreseen import show_plan
from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_store, add_task, console, found_task, print_json
from merits.cli.parsing import number, whole
from merits.cli.spending import add_spending, budget_of, confirmation
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.task import Task

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits judge`."""
    what = "draw: answers for people to label; check: measure the judge against their labels"
    parser.add_argument("what", choices=["draw", "check"], help=what)
    add_task(parser)
    parser.add_argument("--labels", metavar="PATH", help="what people said (default: the task's human_labels)")
    parser.add_argument("--scorer", metavar="NAME", help="which judge (default: the task's first)")
    parser.add_argument(
        "--confidence", type=number(0.5, 1), default=0.95, metavar="C", help="of the intervals (default: 0.95)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be asked, and ask nothing")
    add_spending(parser)
    parser.add_argument("--quiet", action="store_true", help="do not say what it is likely to cost")
    add_store(parser)
    add_json(parser)
    drawing = parser.add_argument_group("for draw")
    drawing.add_argument(
        "--n", type=whole(1), default=100, metavar="N", help="how many answers of each candidate (default: 100)"
    )
    drawing.add_argument(
        "--candidate", action="append", default=[], metavar="NAME", help="only of this one; may be repeated"
    )
    drawing.add_argument("--out", metavar="PATH", help="the new table (default: human.csv beside the task)")
    drawing.add_argument("--seed", type=whole(0), metavar="N", help="of the draw (default: the task's)")


def run(args: argparse.Namespace) -> int:
    """Prints the measures, or what was drawn; 0, or 3 where the judge came to no verdict."""
    from merits import flow

    task = found_task(args.task)
    labels = str(Path(args.labels).resolve()) if args.labels else ""
    if args.what == "draw":
        return _draw(args, task, labels)
    budget = budget_of(args)
    if args.dry_run:
        asked = flow.plan_check(task, labels, scorer=args.scorer or "", store=args.store, budget=budget)
        return show_plan(asked, {}, args.json, raced=False)
    found = flow.check_judge(
        task,
        labels,
        scorer=args.scorer or "",
        store=args.store,
        level=args.confidence,
        budget=budget,
        confirm=confirmation(args, budget),
    )
    if args.json:
        print_json("merits.judge/1", found)
    else:
        from merits.report import judge_check

        judge_check.render(found, console())
    return 0 if found.n_judged else 3


def _draw(args: argparse.Namespace, task: Task, labels: str) -> int:
    """Writes the table of answers to label, and says what is in it and what to do with it."""
    from merits import flow

    for option, given in (("--dry-run", args.dry_run), ("--scorer", args.scorer), ("--budget", args.budget)):
        if given:
            raise UsageError(f"{option} is an option of `merits judge check`.", "Leave it out: to draw asks nothing.")
    out = Path(args.out) if args.out else Path(task.folder) / "human.csv"
    drawn = flow.draw_labels(
        task, out, n=args.n, candidates=args.candidate, labels=labels, seed=args.seed, store=args.store
    )
    if args.json:
        print_json("merits.draw/1", {"path": str(out), "counts": drawn.counts, "left": drawn.left})
        return 0
    counts = ", ".join(f"{n:,} of {name} ({drawn.left[name]:,} left)" for name, n in drawn.counts.items())
    print(f"{out}: {sum(drawn.counts.values()):,} answers to label, drawn by chance: {counts}.")
    print("Write 1 or 0 in `solved`, from the top: where you stop, what is above is still a random draw.")
    relative = os.path.relpath(out, task.folder)
    if relative != task.human_labels:
        print(pasted(f"Then name it in the task (human_labels: {relative}) and run again: merits run", args))
    return 0
