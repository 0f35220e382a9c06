"""Searches for better or cheaper candidates on the dev examples, and puts the best of them to the test, once.

Techniques that fit the task are tried cheapest first, within the budget. Ctrl-C ends the search with the best so far;
the same command goes on where it was, and pays for nothing twice.

example:  merits improve --dry-run && merits improve --budget "30 min, 5 USD"
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from merits.cli.light import lighten
from merits.cli.options import add_json, add_quiet, add_store, add_task, console, found_task, print_json
from merits.cli.parsing import whole
from merits.cli.search_plan import render_search_plan
from merits.cli.spending import confirmation, foretold
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.core.identity import JSON
    from merits.core.task import Task
    from merits.evaluating import Plan as Asked
    from merits.improved import Improved
    from merits.searching import Plan

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits improve`."""
    add_task(parser)
    parser.add_argument("--budget", default="", metavar="AMOUNT", help="'30 min', '5 USD' or '30 min, 5 USD'")
    parser.add_argument(
        "--technique", action="append", default=[], metavar="NAME", help="only this one (again for several)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="TECHNIQUE.PARAMETER=VALUE",
        help="a parameter of a technique: tuning.trials=50 (again for several)",
    )
    parser.add_argument("--finalists", type=whole(1), default=4, metavar="N", help="the most that go to test")
    parser.add_argument("--list", action="store_true", help="list all techniques with their parameters")
    parser.add_argument("--dry-run", action="store_true", help="say what would be tried, and why not the rest")
    parser.add_argument("--yes", action="store_true", help="begin without asking")
    add_store(parser)
    parser.add_argument("--report", metavar="PATH", help="where the HTML report goes (default: beside the task)")
    add_quiet(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """0 where something was found that holds on test, 3 where nothing was, or nothing is shown."""
    lighten()
    if args.list:
        return _listed(args)
    from merits import improved
    from merits.cli.watching import watcher_for

    task = found_task(args.task)
    quiet = args.quiet or args.json
    params = _params(args.set)
    if args.dry_run:
        try:
            with watcher_for(quiet=quiet, ask=False) as watching:
                made = improved.plan_improvement(
                    task,
                    budget=args.budget,
                    techniques=args.technique,
                    params=params,
                    store=args.store,
                    watching=watching,
                    ask_first=partial(_only_what_is_free, task),
                )
        except _Paid as paid:
            return _show_what_is_asked_first(str(paid), args)
        return _show_plan(made, args)
    from merits.report.drawings import painter
    from merits.searching import SearchBudget

    with painter.apart():
        with watcher_for(quiet=quiet, ask=not args.yes and not args.json) as watching:
            done = improved.improve(
                task,
                budget=args.budget,
                techniques=args.technique,
                params=params,
                store=args.store,
                watching=watching,
                ask_first=confirmation(args, SearchBudget.of(args.budget).amount if args.budget else None),
                confirm=watching.confirm,
                finalists=args.finalists,
            )
        return _conclude(task, done, args)


class _Paid(Exception):
    """The given candidates would be asked paid questions; says what these are likely to cost."""


def _only_what_is_free(task: Task, plan: Asked) -> None:
    from merits.tasks.recipes import costs_by_use

    by_use = {candidate.name for candidate in task.candidates if costs_by_use(candidate)}
    n_paid = sum(part.n_to_ask for part in plan.parts if part.candidate in by_use)
    if n_paid:
        raise _Paid("; ".join(filter(None, [f"{n_paid:,} questions about dev that may cost money", foretold(plan)])))


def _show_what_is_asked_first(said: str, args: argparse.Namespace) -> int:
    """What fits is only known by how the given candidates do on dev, which costs something here."""
    told = f"The given candidates are asked first: {said}."
    if args.json:
        print_json("merits.improvement-plan/1", {"budget": args.budget, "asked_first": told, "techniques": []})
    else:
        print(told)
        print(
            "nothing was asked, so what fits is not known yet: `merits run --dev` asks that, and the search takes it "
            "from there.",
            file=sys.stderr,
        )
    return 0


def _listed(args: argparse.Namespace) -> int:
    from merits.improving.registry import params_schema, technique, technique_names

    if args.json:
        print_json("merits.techniques/1", {"techniques": params_schema()})
        return 0
    for name in technique_names():
        found = technique(name)
        print(f"{name}: {found.TITLE} ({found.EFFORT})")
        for field in msgspec.json.schema(found.Params)["$defs"][found.Params.__name__]["properties"].items():
            print(f"  {field[0]}: {field[1].get('description', '')} (default: {field[1].get('default')})")
    return 0


def _params(said: Sequence[str]) -> dict[str, dict[str, JSON]]:
    """The parameters that --set names, by technique; values are JSON, or else texts."""
    found: dict[str, dict[str, JSON]] = {}
    for text in said:
        path, equals, value = text.partition("=")
        technique, dot, name = path.partition(".")
        if not equals or not dot or not name:
            raise UsageError(f"--set {text!r} names no parameter.", "Write --set tuning.trials=50.")
        read: JSON = value
        with suppress(msgspec.DecodeError):
            read = msgspec.json.decode(value)
        found.setdefault(technique, {})[name] = read
    return found


def _show_plan(plan: Plan, args: argparse.Namespace) -> int:
    if args.json:
        print_json("merits.improvement-plan/1", _plan_as_data(plan))
    else:
        render_search_plan(plan, console())
        print("nothing was searched.", file=sys.stderr)
    return 0


def _plan_as_data(plan: Plan) -> dict[str, object]:
    return {
        "budget": str(plan.budget),
        "given": [one.record for one in plan.given],
        "techniques": [
            {"name": one.name, "title": one.title, "effort": one.effort, "why_not": one.why_not, "notes": one.notes}
            for one in plan.techniques
        ],
    }


def _conclude(task: Task, done: Improved, args: argparse.Namespace) -> int:
    from merits import flow
    from merits.report import terminal

    folder = Path(task.folder)
    report = args.report or folder / f"{task.name}-improved.html"
    flow.save_page(done.run.view, report)
    recipes = save_recipes(done, folder / f"{task.name}-found.yaml")
    if args.json:
        said: dict[str, object] = {
            "improvement": done.improvement,
            "decision": done.run.decision,
            "report": str(report),
            "recipes": recipes and str(recipes),
        }
        print_json("merits.improvement/1", said)
    else:
        terminal.render(done.run.view, console())
        if recipes:
            print(f"recipes: {recipes} (to go on with them, put them under `candidates:`)")
        print(f"report: {report}")
    return 0 if any(gain.is_shown for gain in done.improvement.gains) else 3


def save_recipes(done: Improved, path: Path) -> Path | None:
    """The file with the recipes of the finalists, as they stand under `candidates:`; None where there are none."""
    if not done.finalists:
        return None
    from merits.core.recipes import as_listed, in_yaml

    path.write_text(in_yaml([as_listed(candidate) for candidate in done.finalists]), encoding="utf-8")
    return path
