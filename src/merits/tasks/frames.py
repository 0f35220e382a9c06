"""Reads Parquet and Arrow files, pandas and polars frames, Arrow tables and iterables of mappings."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from merits.core.errors import DataError, MissingExtra
from merits.core.identity import JSON
from merits.tasks.rows import Row, Table
from merits.tasks.text_files import union_of_keys

if TYPE_CHECKING:
    import pyarrow

__all__ = ["arrow_table", "read_arrow", "read_frame", "read_mappings", "read_parquet", "to_table"]


class _Frame(Protocol):
    """What is used of pandas and polars frames and of Arrow tables."""

    columns: Sequence[object]

    def to_dict(self, orient: str) -> list[dict[object, object]]: ...
    def to_dicts(self) -> list[dict[object, object]]: ...
    def to_pylist(self) -> list[dict[object, object]]: ...
    def collect(self) -> _Frame: ...


def read_parquet(path: Path, name: str) -> Table:
    """The table of a Parquet file. Needs the extra `parquet`."""
    _need_arrow(name)
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        return to_table(parquet.ParquetFile(path).read(), name)
    except arrow.ArrowException as problem:
        raise DataError(f"{name} is not a whole Parquet file: {_first_line(problem)}", "Write it again.") from None


def read_arrow(path: Path, name: str) -> Table:
    """The table of an Arrow (Feather) file, in the file or the stream format. Needs the extra `parquet`."""
    return to_table(arrow_table(path, name), name)


def arrow_table(path: Path, name: str) -> pyarrow.Table:
    """The Arrow table of a file in the file or the stream format."""
    _need_arrow(name)
    import pyarrow as arrow

    with arrow.memory_map(str(path)) as source:
        for opened in (arrow.ipc.open_file, arrow.ipc.open_stream):
            try:
                source.seek(0)
                return opened(source).read_all()
            except arrow.ArrowException as problem:
                last = problem
    raise DataError(f"{name} is not a whole Arrow file: {_first_line(last)}", "Write it again.")


def to_table(table: pyarrow.Table, name: str) -> Table:
    """The rows of an Arrow table."""
    return Table(name, tuple(table.column_names), _rows(table.to_pylist(), name))


def read_frame(data: object) -> Table | None:
    """The rows of a pandas or polars frame or of an Arrow table; None when it is none of these.

    Told apart by the name of their package, so that none of them is imported.
    """
    package = type(data).__module__.partition(".")[0]
    if package not in ("pandas", "polars", "pyarrow") or type(data).__name__ not in ("DataFrame", "LazyFrame", "Table"):
        return None
    frame = cast("_Frame", data)
    if type(data).__name__ == "LazyFrame":
        frame = frame.collect()
    if package == "pandas":
        _refuse_repeated([str(column) for column in frame.columns])
        rows = frame.to_dict("records")
    else:
        rows = frame.to_dicts() if package == "polars" else frame.to_pylist()
    read = _rows(rows, "the frame")
    return Table("the frame", union_of_keys(read), read)


def read_mappings(data: Iterable[object]) -> Table:
    """The rows of an iterable of mappings (a generator is read once)."""
    rows = list(data)
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(f"row {index + 1} is of type {type(row).__name__}.", "Each row must map columns to values.")
    read = _rows(cast("Sequence[Mapping[object, object]]", rows), "the rows")
    return Table("the rows", union_of_keys(read), read)


def _refuse_repeated(columns: Sequence[str]) -> None:
    for column in columns:
        if columns.count(column) > 1:
            raise DataError(f"{columns.count(column)} columns of the frame are {column!r}.", "Give each its own name.")


def _rows(rows: Sequence[Mapping[object, object]], name: str) -> list[Row]:
    return [{str(key): _plain(value, name, index) for key, value in row.items()} for index, row in enumerate(rows)]


def _plain(value: object, name: str, index: int) -> JSON:
    """A value as JSON: missing ones (NaN, NaT, NA) are null, dates are ISO texts, numpy's numbers are numbers."""
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return cast("JSON", value)
    if kind is float:
        number = cast("float", value)
        if math.isinf(number):
            raise DataError(f"{name}, row {index + 1}: an infinite number.", "Replace it, or leave the value out.")
        return None if math.isnan(number) else number
    return _converted(value, name, index)


def _converted(value: object, name: str, index: int) -> JSON:
    if isinstance(value, Mapping):
        return {str(key): _plain(part, name, index) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part, name, index) for part in value]
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    scalar = _scalar(value)
    if scalar is None:
        raise DataError(
            f"{name}, row {index + 1}: a value of type {type(value).__name__} cannot be kept as JSON.",
            "Turn it into text, a number, a list or a mapping.",
        )
    return _plain(scalar, name, index)


def _scalar(value: object) -> object:
    """A scalar of some library as Python's own; None when it is none."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    for base in (str, bool, int, float):  # numpy's str_ and float64, enumerations
        if isinstance(value, base):
            return base(value)
    return value.tolist() if hasattr(value, "tolist") else None  # numpy's other scalars and its arrays


def _need_arrow(name: str) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtra(f"{name} needs pyarrow to be read.", 'Install it: pip install "merits[parquet]"') from None


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0].rstrip(".") + "."
