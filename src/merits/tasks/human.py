"""Reads what people said of answers: a table with a row for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.judge import HumanLabel, LabelTable
from merits.core.spreadsheets import unguarded
from merits.core.validate import near_miss
from merits.tasks.rows import NoRows, read

__all__ = ["read_labels"]

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "solved": ("solved", "human", "label", "score", "preferred"),
    "example": ("example", "id", "example_id"),
    "candidate": ("candidate", "model"),
    "repeat": ("repeat", "epoch"),
    "answer": ("answer", "output", "response"),
    "other": ("other", "other_answer", "against"),
    "input": ("input", "question", "prompt", "text"),
    "target": ("target", "expected", "ideal"),
    "group": ("group",),
}
_NEEDED = {
    "solved": "Write what people said in a column `solved`: 1 or 0, yes or no, or tie.",
    "example": "Say what was asked: the id of the example, or its text in `input`.",
    "candidate": "Say whose answer was labelled: the name of the candidate, or the text in `answer`.",
}
_SAID: Mapping[str, bool | None] = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "y", "solved", "good"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", "n", "not solved", "bad"), False),
    **dict.fromkeys(("tie", "0.5"), None),
}


def read_labels(path: str, folder: Path) -> LabelTable:
    """The labels in a file (CSV, JSONL, JSON, Parquet): what a person said, and of which answer; and what is blank.

    `solved` (or human, label, score) is 1 or 0, yes or no, true or false; tie where two answers were compared; empty
    where nobody looked yet. Which answer: `example` and `candidate`, or the text `answer`, to an `example` or to an
    `input`. DataError, with file and line, for what says neither.
    """
    try:
        table = read(path, folder)
    except NoRows:
        raise DataError(
            f"{path} holds no labels yet.",
            "Write a row for each label (example,candidate,solved), "
            "or take `human_labels:` out and draw answers to label: merits judge draw.",
        ) from None
    names = list(table.columns)
    columns = {key: next((name for name in aliases if name in names), "") for key, aliases in _ALIASES.items()}
    _check_columns(table.name, names, columns)
    said: list[HumanLabel] = []
    blank: list[HumanLabel] = []
    for index, row in enumerate(table.rows):
        kind = said if _text(row.get(columns["solved"])).strip() else blank
        kind.append(_label(row, columns, table.where(index)))
    return LabelTable(tuple(said), tuple(blank))


def _as_written(value: JSON) -> JSON:
    return unguarded(value) if isinstance(value, str) else value


def _text(value: JSON) -> str:
    return "" if value is None else str(value)


def _check_columns(file: str, names: Sequence[str], columns: Mapping[str, str]) -> None:
    """Nothing, if the columns can say what was labelled and how; else DataError with those that there are."""
    for key, others in (("solved", ()), ("example", ("input",)), ("candidate", ("answer",))):
        if not columns[key] and not any(columns[other] for other in others):
            wanted = " or ".join(repr(each) for each in (key, *others))
            unused = [name for name in names if name not in columns.values()]
            near = ((each, near_miss(each, unused)) for each in (key, *others))
            step = next((f"{said} Name it {each!r}." for each, said in near if said), _NEEDED[key])
            raise DataError(f"{file} has no column {wanted}; it has {', '.join(names) or 'none'}.", step)


def _label(row: Mapping[str, JSON], columns: Mapping[str, str], where: str) -> HumanLabel:
    said = {key: _as_written(row.get(name)) if name else None for key, name in columns.items()}
    text = _text(said["solved"]).strip().casefold()
    if text and text not in _SAID:
        raise DataError(f"{where}: the label is {text!r}.", "Write 1 or 0, yes or no, or tie.")
    example, candidate, group = (_text(said[key]) for key in ("example", "candidate", "group"))
    nothing = ("other", "input", "target", *(("answer",) if example and candidate else ()))
    said |= {key: None for key in nothing if said[key] == ""}  # an empty cell of a column that other rows need
    if not ((example and candidate) or said["answer"] is not None):
        raise DataError(f"{where}: it is not said which answer was labelled.", "Give example and candidate, or answer.")
    if not example and said["input"] is None:
        raise DataError(f"{where}: it is not said what was asked.", "Name the example, or give the input.")
    repeat = str(said["repeat"] or 0)
    if not repeat.isdecimal():
        raise DataError(f"{where}: the repeat is {repeat!r}.", "Repeats are numbered from 0.")
    return HumanLabel(
        solved=_SAID[text] if text else None,
        example=example,
        candidate=candidate,
        group=group,
        repeat=int(repeat),
        where=where,
        answer=said["answer"],
        other=said["other"],
        input=said["input"],
        target=said["target"],
    )
