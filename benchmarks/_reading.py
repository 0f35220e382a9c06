"""Tables of outcomes read from files: one file, several, or a folder of them as one table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from merits.core.errors import DataError
from merits.core.validate import did_you_mean
from merits.evaluating.importing.table import Columns, columns_of

__all__ = ["FILE", "Table", "read_table"]

FILE = "file"
"""The column that says which file a row of several is from."""

Table = Mapping[str, Sequence[object]]
_ENDINGS = (".csv", ".csv.gz", ".parquet", ".jsonl", ".ndjson")
_LINES = (".jsonl", ".ndjson")


def read_table(paths: Sequence[Path]) -> tuple[str, Table, int]:
    """The name, the columns and the number of rows of these files; of a folder all tables in it, in order of names.

    Several must have the same columns, in any order; a column `file` then says which each row is from. DataError for
    anything else.
    """
    files = [file for path in paths for file in _files(path)]
    if len(files) == 1 and not paths[0].is_dir():
        only = _read(files[0])
        return only.file, only.columns, only.n_rows
    tables = [_read(file) for file in files]
    names = [*tables[0].columns]
    if FILE in names:
        raise DataError(
            f"{tables[0].file} has a column {FILE!r}, which is to say what file a row of several is from.",
            "Name it otherwise.",
        )
    for table in tables[1:]:
        if {*table.columns} != {*names}:
            other = sorted({*table.columns} ^ {*names})[0]
            raise DataError(
                f"{table.file} has other columns than {tables[0].file}: {other!r} is in one of them only.",
                "Only tables with the same columns are one; give the others apart.",
            )
    columns: dict[str, Sequence[object]] = {name: [cell for t in tables for cell in t.columns[name]] for name in names}
    columns[FILE] = [file.name.split(".")[0] for file, t in zip(files, tables, strict=True) for _ in range(t.n_rows)]
    return paths[0].name, columns, len(columns[FILE])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS))
    if not found:
        raise DataError(f"no file in {path} is a table of outcomes.", f"They end in {', '.join(_ENDINGS)}.")
    return found


def _read(path: Path) -> Columns:
    if path.suffix not in _LINES:
        return columns_of(path)
    rows = [_line(path, number, line) for number, line in enumerate(_text(path).splitlines(), 1) if line.strip()]
    names = dict.fromkeys(name for row in rows for name in row)
    return Columns(path.name, {name: [row.get(name) for row in rows] for name in names}, len(rows), 1)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"there is no file {path}.", did_you_mean(path.name, beside)) from None


def _line(path: Path, number: int, line: str) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as problem:
        raise DataError(f"{path.name}, line {number}: {problem}.", "Write a JSON object in each line.") from None
    if not isinstance(row, dict):
        raise DataError(f"{path.name}, line {number} is no JSON object.", "Write a JSON object in each line.")
    return row
