"""Looks at data and drafts a task file that already runs, saying what it assumed and how sure that is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.kinds import is_labelled, task_kind
from merits.core.task import Task
from merits.core.validate import did_you_mean
from merits.reading.numbers import number_in
from merits.tasks.amounts import customary_tolerance
from merits.tasks.columns import label_of
from merits.tasks.draft_plan import Plan
from merits.tasks.draft_text import write
from merits.tasks.file import parse_yaml
from merits.tasks.folders import only_table, split_files
from merits.tasks.guess import guess_kind, is_number
from merits.tasks.looking import Look, look
from merits.tasks.make import build
from merits.tasks.recognise import Found, recognise
from merits.tasks.roles import Roles, pick
from merits.tasks.rows import Table, join, near_files, read
from merits.tasks.source import Source

__all__ = ["Draft", "draft"]

Data: TypeAlias = str | dict[str, str]
# How worked answers mark their end: GSM8K's, LaTeX's, and plain English.
_ENDINGS = (r"####\s*(.+)", r"\\boxed\{([^{}]+)\}", r"(?:T|t)he answer is:?\s*(.+?)\.?\s*$")
_MANY_ROWS = 20_000


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A task file's text that already runs, what was assumed to write it, and what the reader should look at."""

    text: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def draft(
    path: str | Path,
    *,
    target: str | None = None,
    input: str | Sequence[str] | None = None,
    kind: str | None = None,
    folder: str | Path | None = None,
) -> Draft:
    """A drafted task for a data file, or for a folder with files named train and test.

    A folder of pictures has a folder for each label; one with a single table in it is that table. `target`, `input`
    and `kind` override what it would guess. `folder` is where the task file will be written, from which the path of
    the data starts; by default the folder of the data. A `train` file is joined by the `test` file beside it. Raises
    DataError, naming the columns and the options to use, when no column can be the target or the input; and whatever
    `load_task` would raise, because a draft that does not run is none.
    """
    path = Path(path)
    path = only_table(path) or path
    folder = Path(folder) if folder is not None else path.parent
    data, table, said = _data(path, folder)
    looks = {name: look(table, name) for name in table.columns}
    inputs = [input] if isinstance(input, str) else input
    for name in (target, *(inputs or ())):
        if name is not None and name not in looks:
            raise DataError(
                f"{table.name} has no column {name!r}; it has {', '.join(looks)}.", did_you_mean(name, looks)
            )
    if path.is_dir() and target is None and "label" in looks and looks["label"].is_constant:
        raise DataError(
            f"all {len(table.rows):,} files of {path.name} are in one folder ({table.rows[0]['label']}), which would "
            "be their only label.",
            "Put those of a label into a folder of its own; or name a table (CSV, JSONL) with a column of their names "
            "and a column with what is right.",
        )
    found = recognise(looks, kind=kind, target=target, inputs=inputs)
    if found and found.events:
        roles, plan = Roles(), _plan_of_events(found, table)
    else:
        roles = pick(looks, target=target, inputs=inputs, found=found)
        plan = _plan(looks, roles, kind or (found.kind if found else ""), table)
    plan = msgspec.structs.replace(plan, name=_name(path), data=data, where=folder)
    text = write(plan)
    task = _loaded(text, folder)
    return Draft(
        text=text,
        assumptions=(said, *roles.said, *_said_of(plan, kind, found)),
        warnings=(*_warnings(plan, table, looks), *task.notes),
    )


def _loaded(text: str, folder: Path) -> Task:
    """The task of the draft: proof that it runs, with the complaints about the data that `load_task` would have."""
    values, lines = parse_yaml(text, "the draft")
    return build(values, Source("the draft", lines), folder)


def _data(path: Path, folder: Path) -> tuple[Data, Table, str]:
    """How the task file names the data, its rows, and what to say of that."""
    files = _pair(path)
    if files:
        tables = [(split, read(file, name=file.name)) for split, file in files.items()]
        names = {split: _relative(file, folder) for split, file in files.items()}
        rows = " and ".join(f"{len(table.rows):,} rows of {table.name} as {split}" for split, table in tables)
        return names, join(" and ".join(table.name for _, table in tables), tables), f"data: {rows} (sure)"
    if not path.exists():
        raise DataError(f"there is no file {str(path)!r}.", near_files(path))
    table = read(path, name=path.name)
    return _relative(path, folder), table, f"data: the {len(table.rows):,} rows of {path.name} (sure)"


def _pair(path: Path) -> dict[str, Path]:
    """The file for dev and the file for test, when the data is a pair of files; else nothing."""
    if path.is_dir():
        if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
            return {}
        files = dict(reversed(split_files(path)))
        return {"dev": files["train"], "test": files["test"]} if {"train", "test"} <= files.keys() else {}
    match = re.search(r"(?i)(?<![a-z])(train|test)(?![a-z])", path.name)
    if not match or not path.exists():
        return {}
    other = path.with_name(path.name[: match.start()] + _other(match[0]) + path.name[match.end() :])
    if not other.exists():
        return {}
    return {"dev": path, "test": other} if match[0].lower() == "train" else {"dev": other, "test": path}


def _other(word: str) -> str:
    """The other of train and test, written in the same case."""
    other = "test" if word.lower() == "train" else "train"
    return other.upper() if word.isupper() else other.title() if word.istitle() else other


def _relative(path: Path, folder: Path) -> str:
    """The path from the task file to the data; the whole path where both share nothing but the root."""
    path, folder = path.resolve(), folder.resolve()
    if os.path.commonpath([path, folder]) == path.anchor:
        return path.as_posix()
    return Path(os.path.relpath(path, folder)).as_posix()


def _name(path: Path) -> str:
    """What to call the task: the file's name, or its folder's when the file is only called train, test or data."""
    stem = path.resolve().name if path.is_dir() else path.name.split(".")[0]
    if stem.lower() in ("train", "test", "data", "dev", "dataset"):
        stem = path.resolve().parent.name
    return re.sub(r"[^\w.-]+", "-", stem).strip("-") or "task"


def _plan_of_events(found: Found, table: Table) -> Plan:
    """Who chose what, and when: no example to a row, so no input and no target."""
    return Plan(
        kind=found.kind,
        inputs=(),
        tabular=False,
        reads_text=False,
        target="",
        id="",
        group="",
        slices=(),
        split={"method": "time", "test": 0.2},
        extract="",
        numeric=False,
        labels=(),
        n_rows=len(table.rows),
        events=dict(found.events),
    )


def _plan(looks: Mapping[str, Look], roles: Roles, known: str, table: Table) -> Plan:
    """The plan for a table of examples; `known` is the kind that was told or recognised, "" to guess it."""
    values = looks[roles.target].values
    extract = "" if known and task_kind(known).target != "text" else _ending(values)
    answers = [_first_group(extract, value) for value in values] if extract else values
    pictures = tuple(name for name in roles.inputs if looks[name].is_picture)
    kind = known or guess_kind(answers, tabular=roles.tabular)
    if not known and is_labelled(kind) and pictures == roles.inputs and not roles.tabular:
        kind = "image-classification"
    return Plan(
        kind=kind,
        inputs=roles.inputs,
        tabular=roles.tabular,
        pictures=pictures,
        sounds=tuple(name for name in roles.inputs if looks[name].is_sound),
        reads_text=not roles.tabular or all(looks[name].is_free_text for name in roles.inputs),
        target=roles.target,
        id=roles.id,
        group=roles.group,
        slices=roles.slices,
        split={} if table.splits else _split(roles, kind),
        extract=extract,
        numeric=kind == "generation" and all(is_number(str(answer)) for answer in answers),
        labels=tuple(sorted({label_of(answer) for answer in answers})) if is_labelled(kind) else (),
        tolerance=_tolerance(answers) if task_kind(kind).target == "number" else 0.0,
        n_rows=len(table.rows),
    )


def _tolerance(answers: Sequence[JSON]) -> float:
    found = [number for answer in answers if (number := number_in(answer)) is not None]
    return customary_tolerance(found) if found else 0.0


def _split(roles: Roles, kind: str) -> dict[str, JSON]:
    if roles.split:
        return {"method": "given", "column": roles.split}
    if roles.group:
        return {"method": "group", "test": 0.5, "seed": 0}
    if roles.time:
        return {"method": "time", "column": roles.time, "test": 0.5}
    return {"method": "stratified" if is_labelled(kind) else "hash", "test": 0.5, "seed": 0}


def _ending(targets: Sequence[JSON]) -> str:
    """The pattern by which worked answers mark their end, if every one of them does."""
    texts = [target for target in targets if isinstance(target, str)]
    for pattern in _ENDINGS:
        if texts and len(texts) == len(targets) and all(re.search(pattern, text) for text in texts):
            return pattern
    return ""


def _first_group(pattern: str, value: JSON) -> str:
    match = re.search(pattern, str(value))
    return match[1].strip() if match else ""


def _said_of(plan: Plan, told: str | None, found: Found | None) -> list[str]:
    said = []
    if plan.events:
        said.append(
            "events: " + ", ".join(f"{key} {name}" for key, name in plan.events.items()) + ", by their names (likely)"
        )
        said.append("split: the latest fifth of the events is test; candidates learn from what was before")
    if plan.extract:
        said.append(f"extract: every target ends in an answer that {plan.extract!r} finds (sure)")
    if is_labelled(plan.kind):
        why = f"{len(plan.labels)} labels come back again and again"
    elif plan.kind == "regression":
        why = "the targets are amounts"
        said.append(
            f"scorers: within {plan.tolerance:g} of the target is solved, half the median distance of the targets from "
            "their median (a guess: you know better)"
        )
    else:
        why = "the answers are numbers" if plan.numeric else "the answers are too many or too long for labels"
    if found and found.kind and not told:
        said.append(f"kind: {plan.kind}: {found.why}")
    else:
        said.append(f"kind: {plan.kind} ({'told' if told else f'likely: {why}'})")
    if plan.split and plan.split["method"] in ("stratified", "hash"):
        said.append("split: half of the rows are test, drawn by content; duplicates stay together")
    return said


def _warnings(plan: Plan, table: Table, looks: Mapping[str, Look]) -> list[str]:
    warnings = []
    if len(table.rows) > _MANY_ROWS:
        warnings.append(f"{len(table.rows):,} rows: to try things out faster, add `sample: 5000` to the task file.")
    left = [name for name, look in looks.items() if look.is_constant and name != plan.target]
    if left:
        warnings.append(f"{', '.join(left)}: always the same value, so left out.")
    return warnings
