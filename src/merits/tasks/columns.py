"""Finds the columns that a task names, and makes inputs, targets, ids, groups and slices of them."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from merits.core.errors import DataError, TaskError
from merits.core.identity import JSON
from merits.core.kinds import is_labelled
from merits.core.validate import did_you_mean
from merits.tasks.definition import Definition
from merits.tasks.on_disk import Lazy, LazyColumn, Numbered, Same, all_different, kept_or_lazy
from merits.tasks.rows import Row, Table
from merits.tasks.source import Source

__all__ = [
    "INPUT_NAMES",
    "TARGET_NAMES",
    "Chosen",
    "Values",
    "as_numbers",
    "choose",
    "groups_of",
    "ids_of",
    "inputs_of",
    "label_of",
    "tags_of",
    "targets_of",
]

T = TypeVar("T")
INPUT_NAMES = ("input", "question", "prompt", "text")
TARGET_NAMES = ("target", "answer", "label", "expected", "expected_output", "ideal")
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
_LONGEST_MISSING = 10  # with the spaces around it; a number in full has more characters, so it is not looked at
_FRACTION = re.compile(r"[.eE]")
_CODE = re.compile(r"(?m)^\s*[-+]?0\d")  # 007 and 04109 are codes: as numbers they would lose their zeros


@dataclass(frozen=True)
class Values:
    """What the columns hold, row by row. `labels` are the targets of a classification, () otherwise."""

    ids: Sequence[str]
    inputs: Sequence[JSON]
    targets: Sequence[JSON]
    groups: Sequence[str]
    tags: Sequence[dict[str, str]]
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Chosen:
    """The columns of a task: `input` is one name, or several for tabular data; "" means there is none."""

    input: str | tuple[str, ...]
    target: str
    id: str
    group: str
    slices: tuple[str, ...]
    split: str


def choose(definition: Definition, table: Table, source: Source) -> Chosen:
    """The columns of the task in this table: those it names, else those with a customary name.

    Customary are `input` (or question, prompt, text), `target` (or answer, label, expected, expected_output, ideal),
    `id`, `group` and `split`. Raises DataError naming the columns that exist.
    """
    given = definition.input
    names = (given,) if isinstance(given, str) else tuple(given or ())
    slices = (definition.slices,) if isinstance(definition.slices, str) else tuple(definition.slices)
    for key, wanted in (("input", names), ("slices", slices)):
        for name in wanted:
            _must_exist(name, key, table, source)
    target = _target(definition, table, source)
    chosen_input = (
        tuple(given) if isinstance(given, list) and given else given or _customary("input", INPUT_NAMES, table, source)
    )
    inputs = (chosen_input,) if isinstance(chosen_input, str) else tuple(chosen_input)
    if target in inputs:
        raise TaskError(
            f"{source.at('input')}: the target {target!r} is also an input, which gives the answer away.",
            "Take it out of `input:`.",
        )
    used = {*inputs, target}
    return Chosen(
        input=inputs[0] if isinstance(chosen_input, str) else inputs,
        target=target,
        id=_optional("id", definition.id, table, source, used),
        group=_optional("group", definition.group, table, source, used),
        slices=slices,
        split=_split_column(definition, table, source, used),
    )


def inputs_of(table: Table, chosen: Chosen) -> Sequence[JSON]:
    """The input of each row: the column's value, or a mapping of the columns.

    In a mapping of CSV columns, a column whose every value is a number holds numbers, and what is missing is null.
    """
    if isinstance(chosen.input, str):
        column = chosen.input

        def input_of(index: int, row: Row) -> JSON:
            return _needed(row.get(column), column, table, index)

        return LazyColumn(table.rows, input_of) if isinstance(table.rows, Lazy) else _column(table, input_of)
    columns = [[row.get(name) for row in table.rows] for name in chosen.input]
    if not table.typed:
        columns = [as_numbers(column) for column in columns]
    return [dict(zip(chosen.input, values, strict=True)) for values in zip(*columns, strict=True)]


def as_numbers(column: Sequence[JSON]) -> list[JSON]:
    """A column of texts as numbers where every one of them is a number, else as it is; what is missing is null.

    Missing is the empty text; beside numbers also NA, NaN, null, none, ? and -. Codes with a leading zero stay texts.
    The numbers are all whole or all not.

    >>> as_numbers(["1", "2.5", "NA", ""])
    [1.0, 2.5, None, None]
    >>> as_numbers(["007", "12", ""])
    ['007', '12', None]
    """
    texts = [value for value in column if isinstance(value, str)]
    if len(texts) < len(column):
        return [None if value == "" else value for value in column]
    missing = {text for text in set(texts) if len(text) <= _LONGEST_MISSING and text.strip().lower() in _MISSING}
    numbers = _numbers([text for text in texts if text not in missing] if missing else texts)
    if numbers is None:
        return [text or None for text in texts]
    following = iter(numbers)
    return [None if text in missing else next(following) for text in texts] if missing else list(numbers)


def _numbers(texts: Sequence[str]) -> Sequence[int | float] | None:
    """The texts as numbers, all at once because tables are wide; None when one of them is none."""
    try:
        floats = list(map(float, texts))
    except ValueError:
        return None
    together = "\n".join(texts)
    if "_" in together or _CODE.search(together) or not all(map(math.isfinite, floats)):
        return None
    whole = not _FRACTION.search(together) and max(map(abs, floats), default=0) < 2**53
    return list(map(int, texts)) if whole else floats


def targets_of(table: Table, chosen: Chosen, definition: Definition, source: Source) -> Sequence[JSON]:
    """The target of each row, as the data holds it, or the part of it that `extract` takes. DataError when empty."""
    if not chosen.target:
        return [None] * len(table.rows)
    pattern = _pattern(definition.extract, source)

    def target_of(index: int, row: Row) -> JSON:
        target = row.get(chosen.target)
        if target is None or (isinstance(target, str) and not target.strip()):
            raise DataError(
                f"{table.where(index)}: the target {chosen.target!r} is empty.", "Fill it in, or leave the row out."
            )
        return _extracted(target, pattern, table, index) if pattern else target

    return _column(table, target_of)


def _column(table: Table, read: Callable[[int, Row], T]) -> Sequence[T]:
    """What `read` makes of each row; made again whenever it is asked for where the rows are on disk."""
    if isinstance(table.rows, Lazy):
        return kept_or_lazy(table.rows, read)
    return [read(index, row) for index, row in enumerate(table.rows)]


def label_of(target: JSON) -> str:
    """The label of a classification as text: trimmed; 1.0 is "1", true is "true".

    >>> [label_of(value) for value in (" spam", 1.0, True)]
    ['spam', '1', 'true']
    """
    if isinstance(target, str):
        return sys.intern(target.strip())  # there are few, and a million rows have them
    if isinstance(target, bool):
        return "true" if target else "false"
    if isinstance(target, float) and target.is_integer():
        return str(int(target))
    if isinstance(target, int | float):
        return str(target)
    raise DataError(
        f"a label is a text or a number, and {target!r} is neither.",
        "Is this `kind: generation`? Else name another target.",
    )


def ids_of(table: Table, chosen: Chosen) -> Sequence[str]:
    """The id of each row: from its column, else `row-<n>`, or `<split>-<n>` where the data comes in splits."""
    if not chosen.id:
        return _numbered(table)
    if isinstance(table.rows, Lazy):
        ids = LazyColumn(table.rows, lambda index, row: _text(row, chosen.id))
        if "" not in ids and all_different(ids):
            return ids
    lines: dict[str, int] = {}
    for index, row in enumerate(table.rows):
        name = _text(row, chosen.id)
        if not name:
            raise DataError(f"{table.where(index)}: the id {chosen.id!r} is empty.", "Fill it in.")
        if name in lines:
            raise DataError(
                f"{table.where(index)}: the id {name!r} was there before ({table.where(lines[name])}).",
                "Give each row its own id, or leave `id:` out.",
            )
        lines[name] = index
    return list(lines)


def groups_of(rows: Sequence[Row], column: str) -> Sequence[str]:
    """The group of each row; "" where it has none."""
    if not column:
        return Same("", len(rows)) if isinstance(rows, Lazy) else [""] * len(rows)
    if isinstance(rows, Lazy):
        return kept_or_lazy(rows, lambda index, row: _text(row, column))
    return [_text(row, column) for row in rows]


def _text(row: Row, column: str) -> str:
    return "" if row.get(column) is None else str(row[column]).strip()


def tags_of(rows: Sequence[Row], slices: Sequence[str]) -> Sequence[dict[str, str]]:
    """The slices each row is in, by the slice's column; a row without a value is in no slice of that column."""
    if not slices:
        return Same({}, len(rows)) if isinstance(rows, Lazy) else [{}] * len(rows)
    if isinstance(rows, Lazy):
        return LazyColumn(rows, lambda index, row: _tags(row, slices))
    return [_tags(row, slices) for row in rows]


def _tags(row: Row, slices: Sequence[str]) -> dict[str, str]:
    return {name: str(row[name]) for name in slices if row.get(name) not in (None, "")}


def _numbered(table: Table) -> Sequence[str]:
    names = table.splits or ["row"] * len(table.rows)
    if isinstance(table.rows, Lazy):
        return Numbered(names, table.numbers())
    return [f"{name}-{number}" for name, number in zip(names, table.numbers(), strict=True)]


def _target(definition: Definition, table: Table, source: Source) -> str:
    if definition.target:
        _must_exist(definition.target, "target", table, source)
        return definition.target
    can_do_without = bool(definition.kind and definition.scorers) and not is_labelled(definition.kind or "")
    if can_do_without and not any(name in table.columns for name in TARGET_NAMES):
        return ""
    return _customary("target", TARGET_NAMES, table, source)


def _customary(key: str, names: Sequence[str], table: Table, source: Source) -> str:
    there = [name for name in names if name in table.columns]
    if len(there) == 1 or (there and there[0] == key):
        return there[0]
    has = f"{table.name} has the columns {', '.join(table.columns)}"
    if there:
        raise DataError(f"{source.name}: {has}: several may be the {key}.", f"Name one: `{key}: {there[0]}`.")
    raise DataError(f"{source.name}: {has}: none is called {', '.join(names)}.", f"Name the {key}: `{key}: COLUMN`.")


def _optional(key: str, given: str | None, table: Table, source: Source, used: set[str]) -> str:
    if given is not None:
        _must_exist(given, key, table, source)
        return given
    return key if key in table.columns and key not in used else ""


def _split_column(definition: Definition, table: Table, source: Source, used: set[str]) -> str:
    split = definition.split
    if split is None:
        return "split" if "split" in table.columns and "split" not in used and not table.splits else ""
    if isinstance(split, str):
        return ""
    if split.column:
        _must_exist(split.column, "split", table, source, "column")
    elif split.method in ("time", "given"):
        raise TaskError(
            f"{source.at('split')}: a split by {split.method!r} needs the column that says it.",
            f"Write: split: {{method: {split.method}, column: COLUMN}}.",
        )
    return split.column


def _must_exist(name: str, key: str, table: Table, source: Source, *inside: str) -> None:
    if name not in table.columns:
        raise DataError(
            f"{source.at(key, *inside)}: {table.name} has no column {name!r}; it has {', '.join(table.columns)}.",
            _near_column(name, key, table),
        )


def _near_column(name: str, key: str, table: Table) -> str:
    near = did_you_mean(name, table.columns)
    return near if near.startswith("Did") else f"Name the right one under `{key}:`."


def _needed(value: JSON, column: str, table: Table, index: int) -> JSON:
    if value is None:
        raise DataError(f"{table.where(index)}: the input {column!r} is missing.", "Fill it in, or leave the row out.")
    return value


def _pattern(extract: str | None, source: Source) -> re.Pattern[str] | None:
    if extract is None:
        return None
    try:
        return re.compile(extract)
    except re.error as problem:
        raise TaskError(
            f"{source.at('extract')}: {extract!r} is no regular expression: {problem}.", r"A plain dot is written \."
        ) from None


def _extracted(target: JSON, pattern: re.Pattern[str], table: Table, index: int) -> str:
    match = pattern.search(str(target))
    found = (match[1] if pattern.groups else match[0]) if match else None
    if not found or not found.strip():
        raise DataError(
            f"{table.where(index)}: `extract: {pattern.pattern}` finds nothing in the target.",
            "Correct the pattern, or the row.",
        )
    return found.strip()
