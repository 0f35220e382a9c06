"""Passes or fails one candidate, for CI: it must not be worse than a baseline by more than a margin, and must meet
what the task requires. Only what is not stored is asked. Ends with 0 passed, 1 failed, 3 inconclusive.

A baseline is a small file in baselines/ that is committed: outcomes and hashes, no inputs and no answers. Any file with
results that merits compare reads is a baseline too.

example:  merits gate --save main && git add baselines/main.json
          merits gate --baseline main --margin 1pt --junit gate.xml
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merits.cli import github
from merits.cli.compare import add_reading, flipped_inputs
from merits.cli.options import DEFAULT_TASK, add_json, add_quiet, add_store, console, found_task, print_json
from merits.cli.parsing import whole
from merits.cli.sides import check_used, inputs_by_example, inputs_of, sides_in_file
from merits.core.errors import UsageError
from merits.core.needs import Needs
from merits.core.validate import did_you_mean
from merits.deciding.pairing import Side

if TYPE_CHECKING:
    from merits.core.identity import JSON
    from merits.core.task import Task
    from merits.deciding.gate import Gate
    from merits.evaluating.importing import Reading

__all__ = ["arguments", "parse_margin", "run"]

EXITS = {"passed": 0, "failed": 1, "inconclusive": 3}
_MARGIN = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%|pts?|points?)?")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `merits gate`."""
    parser.add_argument("task", nargs="?", help=f"the task file (default: {DEFAULT_TASK})")
    parser.add_argument("--baseline", metavar="NAME", help="compare with baselines/NAME.json, or with a file")
    parser.add_argument("--save", metavar="NAME", help="save the outcomes as baselines/NAME.json, once a gate passed")
    parser.add_argument("--candidate", metavar="NAME", help="who is gated (default: the baseline's, the incumbent)")
    parser.add_argument("--margin", metavar="1pt", help="how much worse is still fine (default: what the needs say)")
    parser.add_argument("--results", metavar="FILE", help="gate these results, also another tool's; asks nothing")
    parser.add_argument("--stored", action="store_true", help="gate the latest run as it is stored; ask nothing")
    add_store(parser)
    add_reading(parser)
    parser.add_argument("--flips", type=whole(0), default=5, metavar="N", help="show N flipped examples of each kind")
    parser.add_argument("--junit", metavar="PATH", help="write JUnit XML there")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of text")
    add_quiet(parser)
    add_json(parser)


@dataclass(frozen=True)
class _Subject:
    """Who is gated, and what is known around it: the task, and its inputs by their hash."""

    side: Side
    task: Task | None
    inputs: dict[str, JSON]

    @property
    def needs(self) -> Needs:
        return Needs() if self.task is None else self.task.needs

    @property
    def folder(self) -> Path:
        return Path("." if self.task is None else self.task.folder)


def run(args: argparse.Namespace) -> int:
    """0 passed (or saved), 1 failed, 3 inconclusive."""
    from merits.deciding.gate import judge_gate, margin_of
    from merits.evaluating.importing import Reading

    reading = Reading(args.metric, args.solved_at)
    margin = None if args.margin is None else parse_margin(args.margin)
    task = _task(args)
    baseline_path = _baseline_path(args.baseline, Path("." if task is None else task.folder))
    subject = _subject(args, task, reading, baseline_path)
    if not args.baseline and not args.save and not subject.needs.requirements:
        raise UsageError(
            "there is nothing to gate on.", "Name a --baseline, or put requirements into the task's needs."
        )
    baseline = None if baseline_path is None else _baseline(baseline_path, args.baseline, subject.side, reading)
    check_used(reading, filter(None, [subject.side, baseline]))
    gate = judge_gate(
        subject.side,
        baseline,
        subject.needs,
        margin=margin_of(subject.needs) if margin is None else margin,
        confidence=subject.needs.confidence,
    )
    only_save = args.save and not args.baseline
    if not only_save:
        _show(gate, subject, args)
    if args.save:
        return _save(gate, subject, args.save, EXITS[gate.outcome] if args.baseline else 0)
    return EXITS[gate.outcome]


def parse_margin(text: str) -> float:
    """A margin as a share: "1pt", "1 point", "1%" and "0.01" are all one point of a hundred.

    >>> [parse_margin(text) for text in ("1pt", "0.5 points", "2%", "0.01")]
    [0.01, 0.005, 0.02, 0.01]
    """
    match = _MARGIN.fullmatch(text.strip())
    number = float(match["number"]) if match else -1.0
    if match and match["unit"]:
        number /= 100.0
    elif number >= 1.0:
        number = -1.0
    if not 0.0 <= number < 1.0:
        raise UsageError(f"--margin {text!r} is no share.", "Write it in points, as in --margin 1pt, or as 0.01.")
    return number


def _task(args: argparse.Namespace) -> Task | None:
    """The task; None where results of another tool are gated without one."""
    if args.results and args.task is None:
        return None
    return found_task(args.task or DEFAULT_TASK)


def _subject(args: argparse.Namespace, task: Task | None, reading: Reading, baseline: Path | None) -> _Subject:
    inputs = {} if task is None else inputs_of(task)
    if args.results:
        sides = sides_in_file(Path(args.results), args.candidate or "", reading)
        if len(sides) > 1:
            names = ", ".join(sides[0].evaluation.names)
            raise UsageError(f"{args.results} holds several candidates: {names}.", "Name one with --candidate.")
        return _Subject(sides[0], task, inputs)
    assert task is not None
    return _Subject(_evaluated(args, task, _named(args, task, baseline)), task, inputs)


def _named(args: argparse.Namespace, task: Task, baseline: Path | None) -> str:
    """The name of the candidate that is gated."""
    names = [candidate.name for candidate in task.candidates]
    if args.candidate:
        if args.candidate not in names:
            raise UsageError(f"no candidate is named {args.candidate!r}.", did_you_mean(args.candidate, names))
        return str(args.candidate)
    before = _names_in(baseline) if baseline is not None else []
    likely = [name for name in names if name in before] or [name for name in names if name == task.needs.incumbent]
    if len(likely) == 1 or len(names) == 1:
        return (likely or names)[0]
    raise UsageError(f"which candidate is gated? There are {', '.join(names)}.", "Name one with --candidate.")


def _names_in(path: Path) -> list[str]:
    from merits.evaluating.importing import read_results

    return list(read_results(path).names)


def _evaluated(args: argparse.Namespace, task: Task, name: str) -> Side:
    from merits import flow
    from merits.cli.progress import progress_for

    flow.check_needs(task)
    if args.stored:
        evaluation = flow.stored_evaluation(task, store=args.store)
        if name not in evaluation.names:
            raise UsageError(f"{name!r} is not in the latest run.", f"Run it: merits run --only {name}")
    else:
        with progress_for(quiet=args.quiet or args.json) as progress:
            evaluation = flow.evaluate_one(task, name, store=args.store, progress=progress)
    return Side(name, evaluation, evaluation.index(name))


def _baseline_path(name: str | None, folder: Path) -> Path | None:
    if name is None:
        return None
    path = Path(name) if _is_path(name) else _place(name, folder)
    if not path.is_file():
        known = [other.stem for other in path.parent.glob("*.json")] if path.parent.is_dir() else []
        near = did_you_mean(path.stem, known) if known else f"Save one first: merits gate --save {path.stem}"
        raise UsageError(f"there is no baseline {name!r} ({path} is not there).", near)
    return path


def _is_path(name: str) -> bool:
    return Path(name).suffix != "" or "/" in name or "\\" in name


def _place(name: str, folder: Path) -> Path:
    return folder / "baselines" / f"{name}.json"


def _baseline(path: Path, name: str, candidate: Side, reading: Reading) -> Side:
    """The baseline's side: its only candidate, or the one of the candidate's name."""
    from merits.evaluating.importing import read_results

    evaluation = read_results(path, reading)
    own = candidate.evaluation.names[candidate.k]
    k = 0 if len(evaluation.names) == 1 else None
    if own in evaluation.names:
        k = evaluation.index(own)
    if k is None:
        raise UsageError(f"{path} has no {own!r}; it has {', '.join(evaluation.names)}.", "Save one of one candidate.")
    label = path.name if _is_path(name) else name
    return Side(f"baseline {label}", evaluation, k)


def _show(gate: Gate, subject: _Subject, args: argparse.Namespace) -> None:
    from merits.report import changes_markdown, changes_terminal

    inputs = inputs_by_example([subject.side], subject.inputs)
    inputs = flipped_inputs([gate.change] if gate.change else [], inputs)
    if args.json:
        print_json("merits.gate/1", {"gate": gate, "inputs": inputs})
    elif args.markdown:
        print(changes_markdown.render_gate(gate, inputs), end="")
    else:
        changes_terminal.render_gate(gate, inputs, console(), most_flips=args.flips)
    github.step_summary(lambda: changes_markdown.render_gate(gate, inputs))
    for check in gate.checks:
        if check.outcome != "passed":
            github.error_line(f"merits gate {check.outcome}", check.text)
    if args.junit:
        _write(Path(args.junit), _junit(gate, subject, args))


def _junit(gate: Gate, subject: _Subject, args: argparse.Namespace) -> str:
    from merits import flow
    from merits.report import junit

    said: dict[str, JSON] = {}
    if subject.task is not None and not args.results:
        said = flow.raw_outputs(subject.task, subject.side.evaluation, subject.side.k, args.store)
    return junit.render(gate, subject.side, said)


def _save(gate: Gate, subject: _Subject, name: str, exit_code: int) -> int:
    """Writes the baseline, unless the gate it was to pass did not."""
    import sys

    import msgspec

    from merits.evaluating.importing import outcomes_file

    if exit_code != 0:
        print(f"not saved: the gate {gate.outcome}.", file=sys.stderr)
        return exit_code
    side = subject.side
    record = msgspec.to_builtins(outcomes_file(side.evaluation, [side.evaluation.names[side.k]]))
    lines = (
        f"{msgspec.json.encode(key).decode()}: {msgspec.json.encode(part).decode()}" for key, part in record.items()
    )
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
        raise UsageError(
            f"{name!r} is no name of a baseline.", "Give a plain one, such as main: it is kept in baselines/."
        )
    path = _place(name, subject.folder)
    _write(path, "{\n" + ",\n".join(lines) + "\n}\n")
    print(f"saved {path}: commit it.", file=sys.stderr)
    return exit_code


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"{path} cannot be written: {problem.strerror}.", "Name another place.") from None
