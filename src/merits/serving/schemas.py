"""What inputs of a task are, found out from its examples; or presumed from its kind, for releases that do not say."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from merits.core.identity import JSON
from merits.core.input_schema import Column, Form, InputSchema, Missing, Sort
from merits.core.kinds import Reads, kind_names, task_kind
from merits.core.release import Release
from merits.core.task import Example

__all__ = ["presumed", "schema_of", "sort_of"]

_MOST_SHOWN = 5
_SHARED_BY = 10  # examples that a category must be in to be shown: it says nothing of anybody then
_LONGEST_SHOWN = 60
_KEPT = 10_000  # values a column that its usual ones are taken from


def schema_of(examples: Iterable[Example], kind: str) -> InputSchema:
    """The schema that fits all inputs of the examples of a task of this kind.

    >>> rows = [{"age": 41, "plan": "gold"}, {"age": None, "plan": "free"}]
    >>> found = schema_of([Example(str(n), row) for n, row in enumerate(rows)], "classification")
    >>> [(column.name, column.holds, column.missing) for column in found.columns]
    [('age', ('number',), 'null'), ('plan', ('text',), 'never')]
    >>> schema_of([Example("1", "a text")], "generation").forms
    ('text',)
    """
    forms: dict[Form, None] = {}
    columns: dict[str, _Seen] = {}
    n_rows = 0
    for example in examples:
        forms[_form_of(example.input, example.files)] = None
        if isinstance(example.input, Mapping):
            n_rows += 1
            for name, cell in example.input.items():
                columns.setdefault(name, _Seen()).add(cell, example.files)
    is_run = "events" in _reads(kind)
    return InputSchema(
        forms=tuple(forms),
        columns=tuple(seen.column(name, n_rows, is_run=is_run) for name, seen in columns.items()),
    )


def presumed(release: Release) -> InputSchema:
    """The schema of a release: its own, else what its kind of task and the names of its columns say.

    A release of a former version holds none; then a column may hold anything, or nothing.
    """
    if release.schema is not None:
        return release.schema
    reads = _reads(release.kind)
    columns = tuple(Column(name=name, missing="absent") for name in release.inputs)
    if columns:
        return InputSchema(forms=_with_files(("columns",), reads), columns=columns)
    if reads and set(reads) <= {"picture", "sound"}:
        return InputSchema(forms=_with_files((), reads))
    if set(reads) <= {"text", "columns"} and "text" in reads[:1]:
        return InputSchema(forms=("text",))
    return InputSchema()


def sort_of(value: JSON, files: Mapping[str, str] | None = None) -> Sort | None:
    """What a value is, None for a missing one; `files` are names of files with the type of what they hold.

    >>> sort_of(1.5), sort_of(True), sort_of("a"), sort_of([1]), sort_of("1.wav", {"1.wav": "audio/wav 0"})
    ('number', 'switch', 'text', 'list', 'sound')
    """
    if value is None:
        return None
    if isinstance(value, str):
        if files and value in files:
            return "sound" if files[value].startswith("audio/") else "picture"
        return "text"
    if isinstance(value, bool):
        return "switch"
    if isinstance(value, int | float):
        return "number"
    return "record" if isinstance(value, Mapping) else "list"


class _Seen:
    """What was seen of a column so far."""

    def __init__(self) -> None:
        self.n = self.n_null = 0
        self.sorts: dict[Sort, None] = {}
        self.items: dict[Sort, None] = {}
        self.texts: Counter[str] = Counter()
        self.numbers: list[int | float] = []

    def add(self, cell: JSON, files: Mapping[str, str]) -> None:
        self.n += 1
        sort = sort_of(cell, files)
        if sort is None:
            self.n_null += 1
            return
        self.sorts[sort] = None
        if isinstance(cell, str):
            if sort == "text" and len(cell) <= _LONGEST_SHOWN and len(self.texts) < _KEPT:
                self.texts[cell] += 1
        elif isinstance(cell, int | float) and not isinstance(cell, bool):
            if len(self.numbers) < _KEPT:
                self.numbers.append(cell)
        elif isinstance(cell, Sequence):
            self.items.update((of, None) for each in cell if (of := sort_of(each, files)) is not None)

    def column(self, name: str, n_rows: int, *, is_run: bool) -> Column:
        missing: Missing = "absent" if self.n < n_rows else "null" if self.n_null else "never"
        if is_run and name != "items":  # users without a name, or a history, are ranked for, too
            missing = "absent"
        shown: list[JSON] = []
        if not is_run:
            shown += [text for text, n in self.texts.most_common(_MOST_SHOWN) if n >= _SHARED_BY]
            shown += [_rounded(statistics.median_low(self.numbers))] if self.numbers else []
        return Column(
            name=name, holds=tuple(self.sorts), items=tuple(self.items), missing=missing, examples=tuple(shown)
        )


def _rounded(number: float) -> float:
    """To two digits: in the middle, and nobody's own."""
    digits = 1 - math.floor(math.log10(abs(number))) if number else 0
    return round(number, digits)


def _form_of(input: JSON, files: Mapping[str, str]) -> Form:
    if isinstance(input, Mapping):
        return "columns"
    if isinstance(input, str):
        files_of: dict[Sort | None, Form] = {"picture": "picture", "sound": "sound"}
        return files_of.get(sort_of(input, files), "text")
    listed = input if isinstance(input, Sequence) else ()
    return "messages" if listed and all(isinstance(one, Mapping) and "role" in one for one in listed) else "list"


def _with_files(forms: tuple[Form, ...], reads: Sequence[Reads]) -> tuple[Form, ...]:
    files: dict[Reads, Form] = {"picture": "picture", "sound": "sound"}
    return (*forms, *(files[each] for each in reads if each in files))


def _reads(kind: str) -> tuple[Reads, ...]:
    return task_kind(kind).reads if kind in kind_names() else ()
