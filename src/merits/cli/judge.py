"""Measures a judge against people: how far it agrees with them, which mistakes it makes, and what they depend on.

The labels are a table with a row for each: `solved` (1 or 0) and which answer it is about: `example` and `candidate`
of a stored run, or the text in `answer` (and `other`, of a pair) with `example` or `input`. Only what is not stored is
asked.

example:  merits judge check --labels human.csv --dry-run
"""

from __future__ import annotations

import argparse
from pathlib import Path

from merits.cli.foreseen import show_plan
from merits.cli.options import add_json, add_store, add_task, console, found_task, print_json
from merits.cli.parsing import number
from merits.cli.spending import add_spending, budget_of, confirmation

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits judge`."""
    parser.add_argument("what", choices=["check"], help="check: measure the judge against labels of people")
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


def run(args: argparse.Namespace) -> int:
    """Prints the measures; 0, or 3 where the judge came to no verdict."""
    from merits import flow

    task = found_task(args.task)
    labels = str(Path(args.labels).resolve()) if args.labels else ""
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
