"""Reads rows from wherever they are: files, folders, frames, iterables. Knows nothing about tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.validate import near_miss

__all__ = ["NoRows", "Row", "Table", "join", "near_files", "read"]

Row = dict[str, JSON]


@dataclass(frozen=True)
class Table:
    """Rows with their column names, and where each came from, so that a message can point at it.

    `lines` are 1-based line numbers in the file, empty where there are none. `splits` are the names of the splits
    that the data came in (a `datasets` folder), empty where it came in one piece. `typed` is False where every value
    is text because the format knows nothing else (CSV). `parts` are the tables it was joined of; `picked` are the
    original positions of its rows when it holds only some of them.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    lines: Sequence[int] = ()
    splits: Sequence[str] = ()
    typed: bool = True
    folder: Path = field(default_factory=lambda: Path("."))
    parts: tuple[Table, ...] = ()
    picked: Sequence[int] = ()

    def where(self, index: int) -> str:
        """The place of a row in words: `tickets.csv, line 7`, or `rows, row 7`."""
        part, at = self._origin(index)
        return f"{part.name}, line {part.lines[at]}" if part.lines else f"{part.name}, row {at + 1}"

    def number(self, index: int) -> int:
        """The 1-based number of a row in the file (or the part) that it came from."""
        return self._origin(index)[1] + 1

    def numbers(self) -> Sequence[int]:
        """The number of every row."""
        if self.picked:
            return [self.number(index) for index in range(len(self.rows))]
        if self.parts:
            return [number for part in self.parts for number in part.numbers()]
        return range(1, len(self.rows) + 1)

    def _origin(self, index: int) -> tuple[Table, int]:
        """The table that a row was read into, and its position there."""
        if self.picked:
            index = self.picked[index]
        for part in self.parts:
            if index < len(part.rows):
                return part._origin(index)
            index -= len(part.rows)
        return self, index


def join(name: str, parts: Sequence[tuple[str, Table]]) -> Table:
    """One table of the parts of several splits, each given with the name of its split."""
    from merits.tasks.on_disk import joined

    tables = tuple(table for _, table in parts)
    return Table(
        name,
        tuple(dict.fromkeys(column for table in tables for column in table.columns)),
        joined([table.rows for table in tables]),
        splits=[split for split, table in parts for _ in table.rows],
        typed=all(table.typed for table in tables),
        folder=tables[0].folder,
        parts=tables,
    )


class NoRows(DataError):
    """A table can be read and is empty."""


def read(data: object, folder: Path = Path("."), name: str = "", *, on_disk: bool = False) -> Table:
    """The rows of a file, a `datasets` folder, a pandas or polars frame, an Arrow table, or an iterable of mappings.

    Relative paths start at `folder`; messages call a file by `name`, else by its path as given. Values of CSV and TSV
    files stay text. With `on_disk` the rows of a large file stay there and are read when they are asked for. Raises
    DataError with file and line.

    >>> read([{"text": "hello", "label": "greeting"}]).columns
    ('text', 'label')
    """
    if isinstance(data, str | Path):
        return _read_path(folder / Path(data).expanduser(), name or str(data), on_disk=on_disk)
    from merits.tasks import frames

    table = frames.read_frame(data)
    if table is not None:
        return _checked(table)
    if isinstance(data, Iterable) and not isinstance(data, Mapping | bytes):
        return _checked(frames.read_mappings(data))
    raise DataError(
        f"cannot read rows from {type(data).__name__}.",
        "Pass a path, a pandas or polars frame, or an iterable of mappings.",
    )


def _read_path(path: Path, name: str, *, on_disk: bool) -> Table:
    if path.is_dir():
        from merits.tasks import folders

        return _checked(replace(folders.read_folder(path, name), folder=path))
    if not path.exists():
        raise DataError(f"there is no file {name!r}{_looked_in(path)}.", near_files(path))
    reader = _readers().get(_format(path))
    if reader is None:
        raise DataError(
            f"{name}: files of type {''.join(path.suffixes[-2:]) or 'without an extension'!r} cannot be read.",
            f"Use one of {', '.join(sorted(_readers()))} (text formats may end with .gz).",
        )
    if on_disk:
        from merits.tasks.on_disk import read_large

        large = read_large(path, name)
        if large is not None:
            return _checked(replace(large, folder=path.parent))
    return _checked(replace(reader(path, name), folder=path.parent))


def _looked_in(path: Path) -> str:
    return "" if str(path.parent) in ("", ".") else f" in {path.parent}"


def near_files(path: Path) -> str:
    """The next step when a file is missing: the near miss in its folder, or the data files that are there."""
    if not path.parent.is_dir():
        return f"There is no folder {path.parent}: check the path."
    there = [p.name for p in path.parent.iterdir() if p.is_file() and _format(p) in _readers()]
    if not there:
        return f"There is no data file in {path.parent.resolve()}: check the path."
    # by what is before the ending: files that share no more than .csv are not alike
    alike = [p for p in there if near_miss(path.name.split(".")[0], [p.split(".")[0]])]
    return near_miss(path.name, alike) or f"There are: {', '.join(sorted(there)[:20])}."


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _readers() -> Mapping[str, Callable[[Path, str], Table]]:
    from merits.tasks import frames, text_files

    return {
        ".csv": text_files.read_csv,
        ".tsv": text_files.read_tsv,
        ".jsonl": text_files.read_jsonl,
        ".ndjson": text_files.read_jsonl,
        ".json": text_files.read_json,
        ".parquet": frames.read_parquet,
        ".arrow": frames.read_arrow,
        ".feather": frames.read_arrow,
    }


def _checked(table: Table) -> Table:
    if not table.rows:
        raise NoRows(f"{table.name} has no rows.", "A task needs examples: add some, or name another file.")
    if not table.columns:
        raise DataError(f"{table.name} has no columns.", "Each row needs at least an input and a target.")
    return table
