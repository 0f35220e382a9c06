"""Further inputs, and further labelled examples, out of a file beside the task: what a candidate may learn from too.

A file of texts (`.txt`, one a line), or a table (`.csv`, `.tsv`, `.jsonl`). Knows nothing about who learns from them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from merits.candidates.registry import LoadContext
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.core.validate import did_you_mean
from merits.media.finding import Media

__all__ = ["further_examples", "further_file"]

_INPUTS = ("input", "question", "prompt", "text")  # as in a task's own data
_TARGETS = ("target", "answer", "label", "expected", "expected_output", "ideal")
_LONGEST_CELL = 10_000_000

Row = Mapping[str, JSON]


def further_file(name: str, context: LoadContext) -> Path:
    """The file of that name in the task's folder; CandidateError where it is not there or of no known format."""
    file = Path(context.folder) / name
    if not file.is_file():
        beside = sorted(one.name for one in file.parent.glob("*") if one.suffix in _READERS)
        raise CandidateError(f"there is no file {name!r} in the task's folder.", did_you_mean(file.name, beside))
    if file.suffix not in _READERS:
        raise CandidateError(f"{name} is in no format that is read here.", f"It should be {', '.join(_READERS)}.")
    return file


def further_examples(
    file: Path, context: LoadContext, *, column: str = "", target: str | None = None, source: str = ""
) -> tuple[list[Example], int]:
    """The examples of a file that the task does not hold, and how many others it has: these may be in the task's test.

    CandidateError, with the line, for what is broken.

    The input is in `column`; without it in the columns that the task's inputs have, or in the one with a usual name.
    `target` names the column of the label ("": the usual one), None where no label is wanted. The tag `source` says
    where an example is from: what stands in the column `source`, else the file's name.
    """
    rows = _READERS[file.suffix](file)
    if not rows:
        raise CandidateError(f"{file.name} holds no row.", "Put one input on each line.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    inputs = _inputs_in(names, column, context, file.name)
    label = None if target is None else _column(target, _TARGETS, names, file.name, "target")
    media = Media.of(context)
    found = []
    for number, row in enumerate(rows, start=1):
        input: JSON = row.get(inputs) if isinstance(inputs, str) else {name: row.get(name) for name in inputs}
        wanted = None if label is None else row.get(label)
        if input in (None, ""):
            raise CandidateError(f"{file.name}, row {number}: the input is empty.", "Fill it, or leave the row out.")
        if label is not None and wanted in (None, ""):
            raise CandidateError(f"{file.name}, row {number}: {label} is empty.", "Label it, or leave the row out.")
        whence = str(row.get(source) or file.name) if source else file.name
        found.append(
            Example(
                f"{file.name} {number}",
                input,
                wanted,
                tags={"source": whence},
                split="dev",
                files=media.contents(input),
            )
        )
    held = context.held()
    new = [example for example in found if example.input_hash not in held]
    return new, len(found) - len(new)


def _inputs_in(names: Sequence[str], column: str, context: LoadContext, file: str) -> str | tuple[str, ...]:
    """The column of the input, or the columns of all inputs of the task where these are tabular."""
    if not column and context.columns:
        lacking = [name for name in context.columns if name not in names]
        if lacking:
            raise CandidateError(
                f"{file} has no column {lacking[0]!r}, and the task's inputs do; it has {', '.join(names)}.",
                did_you_mean(lacking[0], names) or "Take a file with the same columns.",
            )
        return context.columns
    return _column(column, _INPUTS, names, file, "column")


def _column(given: str, usual: Sequence[str], names: Sequence[str], file: str, key: str) -> str:
    if given in names:
        return given
    if given:
        raise CandidateError(f"{file} has no column {given!r}; it has {', '.join(names)}.", did_you_mean(given, names))
    found = [name for name in usual if name in names]
    if found or len(names) == 1:
        return found[0] if found else names[0]
    raise CandidateError(
        f"{file} has no column {' or '.join(repr(name) for name in usual)}; it has {', '.join(names)}.",
        f"Name it: `{key}: {names[0]}`.",
    )


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise CandidateError(f"{file.name} is not UTF-8 (byte {problem.start}).", "Save it as UTF-8.") from None


def _lines(file: Path) -> list[Row]:
    return [{"input": line} for line in _text(file).splitlines() if line.strip()]


def _jsonl(file: Path) -> list[Row]:
    decoder = msgspec.json.Decoder(dict[str, JSON])
    found: list[Row] = []
    for number, line in enumerate(_text(file).splitlines(), start=1):
        if line.strip():
            try:
                found.append(decoder.decode(line))
            except msgspec.DecodeError as problem:
                raise CandidateError(f"{file.name}, line {number}: {problem}.", "Each line is an object.") from None
    return found


def _separated(file: Path, mark: str) -> list[Row]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        reader = csv.reader(io.StringIO(_text(file), newline=""), delimiter=mark, strict=True)
        header = next(reader, [])
        found: list[Row] = []
        for values in reader:
            if not values:
                continue
            if len(values) != len(header):
                raise CandidateError(
                    f"{file.name}, line {reader.line_num}: {len(values)} values under {len(header)} columns.",
                    "Quote values that hold a comma or a line break.",
                )
            found.append(dict(zip(header, values, strict=True)))
    except csv.Error as problem:
        raise CandidateError(f"{file.name}, line {reader.line_num}: {problem}.", "Mend its quotes.") from None
    finally:
        csv.field_size_limit(before)
    return found


_READERS = {
    ".txt": _lines,
    ".csv": lambda file: _separated(file, ","),
    ".tsv": lambda file: _separated(file, "\t"),
    ".jsonl": _jsonl,
}
