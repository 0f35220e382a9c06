"""Adds labels that came later to what was served: a file (CSV, JSONL, JSON, Parquet), a row for each request.

`request` is the id that the answer came with (X-Request-Id), `target` the right answer, or `solved` 1 or 0. Labels for
requests that nobody knows, that were there already, or that contradict earlier ones are counted and said; nothing is
lost. --judge has the task's judge look at a share of the answers instead, within a budget of money for each day.

example:  merits feedback labels.csv
          merits feedback --judge --share 0.05 --budget "2 USD"
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from merits.cli.next_steps import pasted
from merits.cli.options import DEFAULT_TASK, add_json, add_live, found_task, print_json
from merits.cli.parsing import number, share, whole
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merits.core.task import Task
    from merits.production.fed_back import FeedbackAdded

__all__ = ["arguments", "run"]

_SHOWN = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits feedback`."""
    parser.add_argument("file", nargs="?", help="the labels")
    parser.add_argument("--task", default=DEFAULT_TASK, metavar="TASKFILE", help=f"default: {DEFAULT_TASK}")
    parser.add_argument(
        "--source", choices=["label", "user", "judge"], default="label", help="whose word it is (default: label)"
    )
    judging = parser.add_argument_group("without a file")
    judging.add_argument("--judge", action="store_true", help="let the task's judge look at served answers")
    judging.add_argument("--dry-run", action="store_true", help="say how many it would look at, and ask nothing")
    judging.add_argument("--share", type=share, default=0.05, metavar="S", help="of the answers (default: 0.05)")
    judging.add_argument("--budget", metavar="AMOUNT", help="money for one day (UTC), such as '2 USD'")
    judging.add_argument("--most", type=whole(1), default=1_000, metavar="N", help="verdicts at most (default: 1,000)")
    judging.add_argument(
        "--days", type=number(0, 3_650), default=7.0, metavar="D", help="of what was served since (default: 7)"
    )
    add_live(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 once it is added; of a judge 3 where it came to no verdict though answers waited."""
    if bool(args.file) == args.judge:
        raise UsageError("a file of labels, or --judge: one of them.", "merits feedback labels.csv")
    if args.dry_run and args.file:
        raise UsageError("--dry-run is about --judge: labels of a file cost nothing.", "Leave it out.")
    task = found_task(args.task)
    return _judged(args, task) if args.judge else _added(args, task)


def _added(args: argparse.Namespace, task: Task) -> int:
    from merits.production import fed_back

    added = fed_back.add_feedback(task, args.file, source=args.source, live=args.live)
    if args.json:
        print_json("merits.feedback/1", added)
        return 0
    print(pasted("\n".join(_lines(added, task.name, args.file)), args))
    return 0


def _lines(added: FeedbackAdded, name: str, file: str) -> list[str]:
    """How many rows were added, and of each kind that needs a look how many, which, and the next step."""
    lines = [f"{added.n_added:,} of {added.n_rows:,} rows added to what {name} served."]
    if added.n_again:
        lines.append(f"  there already, word for word: {added.n_again:,}")
    if added.contradicting:
        lines += [
            f"  contradicting what the same source said before: {_listed(added.contradicting)}; the last word counts",
            "    next: where that is wrong, add a file with the right ones",
        ]
    if added.unknown:
        lines += [
            f"  unknown: {_listed(added.unknown)}; kept, for they may still come from a server's journal",
            "    next: if they do not, look at the ids (X-Request-Id of the answer), and whether this is their task "
            f"and its store: merits feedback --live PLACE {file}",
        ]
    return lines


def _judged(args: argparse.Namespace, task: Task) -> int:
    from merits.core.racing import Budget
    from merits.production import fed_back
    from merits.report.numbers import counted

    budget = Budget.of(args.budget) if args.budget else None
    if budget is not None and budget.unit != task.needs.currency:
        currency = task.needs.currency
        raise UsageError(f"the budget is in {budget.unit}, the needs in {currency}.", f"Give it in {currency}.")
    judged = fed_back.judge_live(
        task,
        share=args.share,
        budget=None if budget is None else budget.amount,
        most=args.most,
        since_days=args.days,
        live=args.live,
        dry_run=args.dry_run,
    )
    if args.json:
        print_json("merits.judged-live/1", judged)
    elif args.dry_run:
        spent = "" if judged.spent is None else f"; {judged.spent:.4g} {judged.currency} were spent today"
        n = min(judged.left, args.most)
        print(f"{counted(n, 'answer')} would be judged, of {judged.left:,} that wait{spent}.")
        print("nothing was asked.", file=sys.stderr)
    else:
        money = "no price is known" if judged.spent is None else f"{judged.spent:.4g} {judged.currency} today"
        print(f"{judged.n_judged:,} answers judged, {judged.n_unjudged:,} could not be, {judged.left:,} wait; {money}.")
    return 3 if judged.n_unjudged and not judged.n_judged else 0


def _listed(requests: Sequence[str]) -> str:
    from merits.report.numbers import counted

    shown = ", ".join(repr(request) for request in requests[:_SHOWN])
    more = f" and {len(requests) - _SHOWN:,} more" if len(requests) > _SHOWN else ""
    return f"{counted(len(requests), 'request')} ({shown}{more})"
