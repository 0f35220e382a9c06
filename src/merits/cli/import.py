"""Decides on results of other tools, and keeps them in a store: for evaluations that were paid for already.

Readable are logs of Inspect (.eval, .json), samples of lm-evaluation-harness (samples_*.jsonl, or the results_*.json
beside them), exports of promptfoo (JSON, JSONL), and CSV or Parquet tables with the columns candidate, example, score
(and cost, latency, error, repeat, input, target, output), or a row for each example and a column for each candidate.

Several files become one evaluation, paired on examples. The task file is drafted where there is none; afterwards
merits report, explain-decision and compare work on it, under whatever needs and prices it states. Nothing is asked.

example:  merits import large.eval small.eval
          merits import before=main.eval after=branch.eval --task prompts.yaml
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from merits.cli.compare import add_reading
from merits.cli.options import DEFAULT_TASK, add_json, add_store, console, print_json
from merits.core.errors import UsageError

if TYPE_CHECKING:
    from merits.imported import Import

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits import`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file with results; NAME=FILE names its candidate")
    parser.add_argument("--task", metavar="PATH", help=f"the task file, drafted if missing (default: {DEFAULT_TASK})")
    parser.add_argument("--name", default="", metavar="NAME", help="what to call the task; its file is NAME.yaml")
    parser.add_argument("--repeats", action="store_true", help="files of one candidate are repeats: it was asked again")
    add_reading(parser)
    add_store(parser)
    parser.add_argument("--report", metavar="PATH", help="where the HTML report goes (default: beside the task)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Imports, decides and writes the report; 0 whatever the verdict is: `merits report` and `merits gate` judge."""
    from merits import flow
    from merits.imported import import_results

    done = import_results(
        _files(args.files),
        task=args.task or (f"{args.name}.yaml" if args.name else DEFAULT_TASK),
        name=args.name,
        metric=args.metric,
        solved_at=args.solved_at,
        as_repeats=args.repeats,
        store=args.store,
    )
    path = args.report or Path(done.run.task.folder) / f"{done.run.task.name}-report.html"
    if args.json:
        flow.save_page(done.run.view, path)
        print_json("merits.import/1", _said(done, str(path)))
        return 0
    _show(done)
    print(f"report: {flow.save_page(done.run.view, path)}")
    return 0


def _files(words: list[str]) -> list[str] | dict[str, str]:
    """The files; by the names of their candidates where names are given. UsageError when only some have one."""
    named = [_named(word) for word in words]
    if not any(name for name, _ in named):
        return words
    names = [name for name, _ in named]
    if not all(names) or len(set(names)) < len(names):
        raise UsageError("not every file has a name of its own.", "Name the candidate of each: NAME=FILE NAME=FILE")
    return dict(named)


def _named(word: str) -> tuple[str, str]:
    name, mark, path = word.partition("=")
    return (name, path) if mark and name and "/" not in name and not Path(word).exists() else ("", word)


def _said(done: Import, report: str) -> dict[str, object]:
    from merits.evaluating.importing import outcomes_file

    return {
        "task": str(done.task_file),
        "drafted": done.drafted,
        "changed": done.changed,
        "notes": done.notes,
        "decision": done.run.decision,
        "report": report,
        "outcomes": outcomes_file(done.run.evaluation),
    }


def _show(done: Import) -> None:
    from merits.report import terminal
    from merits.report.plain import clean

    evaluation = done.run.evaluation
    n, repeats = len(set(evaluation.examples.tolist())), int(evaluation.repeats.max()) + 1
    asked = f"{n:,} examples" + (f", asked up to {repeats} times," if repeats > 1 else "")
    tool, file = evaluation.facts["tool"], evaluation.facts["imported from"]
    print(clean(f"{tool}: {asked} of {len(evaluation.names)} candidates, from {file}"))
    for note in done.notes:
        print(clean(f"  - {note}"))
    terminal.render(done.run.view, console())
    if not done.changed:
        print("nothing new: all of this was imported before.", file=sys.stderr)
    if done.drafted:
        print(
            f"wrote {done.task_file}. Say there what is needed and what it costs, then: merits report {done.task_file}"
        )
