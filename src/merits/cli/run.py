"""Evaluates the candidates on the test examples, decides, and writes the report. Run again, it pays for nothing twice.

Candidates that are paid by token or call race: all are asked the same examples in one random order, and those that
cannot be the best are dropped.

example:  merits run --dry-run && merits run --budget "5 USD"
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from merits.cli import github
from merits.cli.batching import add_batch, batching_of, in_batches, said_before
from merits.cli.foreseen import show_plan
from merits.cli.light import lighten
from merits.cli.next_steps import pasted
from merits.cli.options import add_json, add_quiet, add_store, add_task, console, found_task, print_json
from merits.cli.parsing import number, whole
from merits.cli.racing import add_race, racing_of
from merits.cli.spending import add_spending, budget_of, confirmation
from merits.core.errors import UsageError
from merits.core.validate import did_you_mean

if TYPE_CHECKING:
    from merits.core.batching import Batching
    from merits.core.racing import Budget, Racing
    from merits.core.task import Split, Task
    from merits.flow import Run

__all__ = ["arguments", "conclude", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits run`."""
    add_task(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be asked, and ask nothing")
    parser.add_argument("--dev", action="store_true", help="evaluate on dev (cross-validated); decides nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this candidate (again for several)")
    parser.add_argument("--repeats", type=whole(1), metavar="N", help="ask every question N times")
    parser.add_argument("--concurrency", type=whole(1), metavar="N", help="questions in flight per candidate")
    parser.add_argument("--timeout", type=number(0), metavar="SECONDS", help="deadline of one attempt")
    _add_asking(parser)
    add_race(parser)
    add_spending(parser)
    add_batch(parser)
    add_store(parser)
    parser.add_argument("--report", metavar="PATH", help="where the HTML report goes (default: beside the task)")
    add_quiet(parser)
    add_json(parser)


def _add_asking(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    for option, ask, text in (
        ("--offline", "nothing", "ask nothing: decide on what is stored, and fail when something is missing"),
        ("--refresh", "everything", "ask everything again; the new answers count from then on"),
        ("--retry-failed", "failed", "ask again what failed or was refused before, and nothing new"),
    ):
        group.add_argument(option, dest="ask", action="store_const", const=ask, default="missing", help=text)


def run(args: argparse.Namespace) -> int:
    """The exit code of the decision: 0 adopt or keep, 1 none meets the bar, 3 undecided."""
    lighten()
    from merits.report.drawings import painter

    task = _adjusted(found_task(args.task), args)
    split: Split = "dev" if args.dev else "test"
    if args.dry_run:
        return _foretold(task, split, args)
    with painter.apart():
        return conclude(_done(task, split, args), args)


def _foretold(task: Task, split: Split, args: argparse.Namespace) -> int:
    from merits import flow

    race, budget, batch = _how(task, args)
    asked = flow.plan(task, split=split, store=args.store, ask=args.ask, budget=budget, batch=batch)
    return show_plan(asked, flow.barred(task), args.json, raced=race is not None)


def _how(task: Task, args: argparse.Namespace) -> tuple[Racing | None, Budget | None, Batching | None]:
    return racing_of(args, task), budget_of(args), batching_of(args)


def _done(task: Task, split: Split, args: argparse.Namespace) -> Run:
    from merits import flow
    from merits.cli.progress import progress_for

    race, budget, batch = _how(task, args)
    with progress_for(quiet=args.quiet or args.json) as progress:
        if batch is not None:
            race = in_batches(race)
            if progress is not None:
                for note in said_before(task, race):
                    progress.note(note)
        return flow.run(
            task,
            split=split,
            store=args.store,
            progress=progress,
            race=race,
            ask=args.ask,
            budget=budget,
            confirm=confirmation(args, budget),
            batch=batch,
        )


def conclude(done: Run, args: argparse.Namespace) -> int:
    """Writes the report, prints the outcome, and returns the exit code of the decision."""
    from merits import flow
    from merits.evaluating.importing import outcomes_file

    name = "report-dev.html" if done.evaluation.split == "dev" else "report.html"
    path = args.report or Path(done.task.folder) / f"{done.task.name}-{name}"
    if args.json:
        flow.save_page(done.view, path)
        outcomes = outcomes_file(done.evaluation)
        said: dict[str, object] = {
            "decision": done.decision,
            "report": str(path),
            "outcomes": outcomes,
            "bill": done.bill,
        }
        if done.view.robustness is not None:
            said["robustness"] = done.view.robustness
        print_json("merits.run/1", said)
    else:
        from merits.report import terminal

        terminal.render(done.view, console())  # before the page, which may not be writable
        print(f"report: {flow.save_page(done.view, path)}")
        if done.evaluation.split == "test" and done.decision.verdict in ("adopt", "keep"):
            print(pasted("in production: merits release, then merits serve", args))
    _step_summary(done)
    if done.evaluation.split == "dev":
        return 0
    return {"adopt": 0, "keep": 0, "none worth it": 1, "recheck": 1, "undecided": 3}[done.decision.verdict]


def _step_summary(done: Run) -> None:
    """In GitHub Actions, the decision also goes onto the page of the step."""
    from merits.report import markdown

    github.step_summary(lambda: markdown.render(done.view))


def _adjusted(task: Task, args: argparse.Namespace) -> Task:
    given = {
        name: value
        for name, value in (
            ("repeats", args.repeats),
            ("concurrency", args.concurrency),
            ("timeout_s", args.timeout),
        )
        if value is not None
    }
    for name, value in given.items():
        if value <= 0:
            raise UsageError(f"--{name.removesuffix('_s')} must be above 0, not {value:g}.")
    candidates = task.candidates
    if args.only:
        names = [candidate.name for candidate in candidates]
        for name in args.only:
            if name not in names:
                raise UsageError(f"no candidate is named {name!r}.", did_you_mean(name, names))
        candidates = tuple(candidate for candidate in candidates if candidate.name in args.only)
    return msgspec.structs.replace(
        task, settings=msgspec.structs.replace(task.settings, **given), candidates=candidates
    )
