"""Rows that stay in a large file and are read from it when they are asked for.

Of a row only its place is kept, and what is one of few texts (its label). Whatever is unusual in a file is left to
`text_files`, whose messages say what is wrong with it.
"""

from __future__ import annotations

import csv
import threading
import weakref
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, repeat
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar, overload

import msgspec

from merits.core.clusters import first_seen
from merits.core.errors import DataError
from merits.core.hashes import digests_of
from merits.core.identity import JSON, content_hash
from merits.tasks.rows import Row, Table
from merits.tasks.text_files import delimiter_of, header_of, physical_lines

__all__ = [
    "LARGE",
    "Lazy",
    "LazyColumn",
    "Numbered",
    "Same",
    "all_different",
    "changed",
    "joined",
    "kept_or_lazy",
    "read_large",
]

LARGE = 50_000  # lines; a task of fewer is held in memory, which is faster
_FEW_TEXTS = 10_000  # different texts of a column that are held in memory
_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"

T = TypeVar("T")
Placed = tuple[int, int, int, Row]  # where a row begins and ends in the file, its line, and the row


class Lazy(Sequence[T], Generic[T]):
    """A sequence of `n` items that are read when they are asked for."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    def item(self, index: int) -> T:
        """The item at an index from 0."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self.item(at) for at in range(*index.indices(self._n))]
        if not -self._n <= index < self._n:
            raise IndexError(index)
        return self.item(index if index >= 0 else index + self._n)


class LazyColumn(Lazy[T]):
    """What `read` makes of each row."""

    def __init__(self, rows: Sequence[Row], read: Callable[[int, Row], T]) -> None:
        super().__init__(len(rows))
        self._rows, self._read = rows, read

    def item(self, index: int) -> T:
        return self._read(index, self._rows[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._read, count(), self._rows)


def kept_or_lazy(rows: Sequence[Row], read: Callable[[int, Row], T]) -> Sequence[T]:
    """What `read` makes of each row, all of it made once; held in memory only where it is few different texts.

    >>> kept_or_lazy([{"label": "a"}, {"label": "b"}], lambda index, row: row["label"])
    ['a', 'b']
    """
    kept: list[T] = []
    shared: dict[T, T] = {}
    made = (read(index, row) for index, row in enumerate(rows))
    for value in made:
        if not isinstance(value, str) or len(shared) > _FEW_TEXTS:
            kept = []
            for _ in made:  # whatever cannot be read is found now
                pass
            return LazyColumn(rows, read)
        kept.append(shared.setdefault(value, value))
    return kept


class Same(Lazy[T]):
    """The same item, `n` times.

    >>> list(Same("a", 2))
    ['a', 'a']
    """

    def __init__(self, value: T, n: int) -> None:
        super().__init__(n)
        self._value = value

    def item(self, index: int) -> T:
        return self._value

    def __iter__(self) -> Iterator[T]:
        return repeat(self._value, len(self))


class Numbered(Lazy[str]):
    """Ids that are made of a name and a number: `row-1`.

    >>> list(Numbered(["row", "row"], [1, 2]))
    ['row-1', 'row-2']
    """

    def __init__(self, names: Sequence[str], numbers: Sequence[int]) -> None:
        super().__init__(len(names))
        self._names = names if len(set(names)) > 1 else Same(names[0], len(names)) if names else ()
        self._numbers = numbers if isinstance(numbers, range) else array("i", numbers)

    def item(self, index: int) -> str:
        return f"{self._names[index]}-{self._numbers[index]}"

    def __iter__(self) -> Iterator[str]:
        return (f"{name}-{number}" for name, number in zip(self._names, self._numbers, strict=True))


def all_different(texts: Sequence[str]) -> bool:
    """Whether no text is there twice.

    >>> all_different(["a", "b"]), all_different(["a", "a"])
    (True, False)
    """
    return int(first_seen(digests_of(map(content_hash, texts))).max()) + 1 == len(texts)


# rows


class _FileRows(Lazy[Row]):
    """The rows of a file. Raises DataError when the file is no longer as it was."""

    def __init__(self, path: Path, name: str, layout: _Layout, places: tuple[array[int], array[int]]) -> None:
        super().__init__(len(places[0]))
        self._path, self._name, self._layout = path, name, layout
        self._begins, self._ends = places
        self._file: BinaryIO = path.open("rb", buffering=0)
        self._reading = threading.Lock()
        weakref.finalize(self, self._file.close)

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from self._layout.rows(self._path)
        except _Unusual:
            raise changed(self._name) from None

    def item(self, index: int) -> Row:
        begin, end = self._begins[index], self._ends[index]
        with self._reading:
            self._file.seek(begin)
            data = self._file.read(end - begin)
        try:
            return self._layout.row(data)
        except (ValueError, StopIteration, msgspec.MsgspecError, csv.Error):
            raise changed(self._name) from None


class _JoinedRows(Lazy[Row]):
    """The rows of several tables, one after the other."""

    def __init__(self, parts: Sequence[Sequence[Row]]) -> None:
        super().__init__(sum(map(len, parts)))
        self._parts = parts

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self._parts)

    def item(self, index: int) -> Row:
        for part in self._parts:
            if index < len(part):
                return part[index]
            index -= len(part)
        raise IndexError(index)


def joined(parts: Sequence[Sequence[Row]]) -> Sequence[Row]:
    """The rows of the parts; on demand where one of them is."""
    if any(isinstance(part, Lazy) for part in parts):
        return _JoinedRows(parts)
    return [row for part in parts for row in part]


def changed(name: str) -> DataError:
    """What is said when a file is not what it was when the task was read."""
    return DataError(f"{name} was changed while it was being used.", "Run again; what was answered is kept.")


class _Unusual(Exception):
    """There is something in the file that another reader must look at."""


class _Layout:
    """How rows are written in a file."""

    columns: tuple[str, ...] = ()
    typed = True

    def scan(self, path: Path) -> Iterator[Placed]:
        """Every row with its place. Raises _Unusual."""
        raise NotImplementedError

    def rows(self, path: Path) -> Iterator[Row]:
        """Every row, in the shortest time. Raises _Unusual."""
        return (row for *_, row in self.scan(path))

    def row(self, data: bytes) -> Row:
        """The row that these bytes of the file are."""
        raise NotImplementedError


class _JsonLines(_Layout):
    """One JSON object a line."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(dict[str, JSON]).decode
        self._seen: dict[str, None] = {}

    def scan(self, path: Path) -> Iterator[Placed]:
        seen = self._seen
        for begin, end, number, line in _lines(path):
            if line.strip():
                try:
                    row = self._decode(line)
                except (msgspec.MsgspecError, RecursionError, ValueError):
                    raise _Unusual from None
                if not row.keys() <= seen.keys():
                    seen.update(dict.fromkeys(row))
                    self.columns = tuple(seen)
                yield begin, end, number, row

    def rows(self, path: Path) -> Iterator[Row]:
        with path.open("rb", buffering=_BLOCK) as file:
            try:
                file.seek(len(_BOM) if file.read(len(_BOM)) == _BOM else 0)
                yield from map(self._decode, filter(bytes.strip, file))
            except (msgspec.MsgspecError, RecursionError, ValueError):
                raise _Unusual from None

    def row(self, data: bytes) -> Row:
        return self._decode(data)


class _Separated(_Layout):
    """Values with a mark between them, under a header; a quoted value may have several lines."""

    typed = False

    def __init__(self, delimiter: str, columns: tuple[str, ...]) -> None:
        self._delimiter, self.columns = delimiter, columns

    def scan(self, path: Path) -> Iterator[Placed]:
        lines = _Read(_lines(path))
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        begin, number, header = 0, 1, True
        try:
            for values in reader:
                if values and not header:
                    if len(values) != len(self.columns):
                        raise _Unusual
                    yield begin, lines.end, number, dict(zip(self.columns, values, strict=True))
                header = header and not values
                begin, number = lines.end, reader.line_num + 1
        except (csv.Error, UnicodeDecodeError):
            raise _Unusual from None

    def row(self, data: bytes) -> Row:
        reader = csv.reader(physical_lines(data.decode()), delimiter=self._delimiter, strict=True)
        return dict(zip(self.columns, next(values for values in reader if values), strict=True))


class _Read:
    """The lines as text, and how far in the file they have been read."""

    def __init__(self, lines: Iterator[tuple[int, int, int, bytes]]) -> None:
        self._lines = lines
        self.end = 0

    def __iter__(self) -> _Read:
        return self

    def __next__(self) -> str:
        _, self.end, _, line = next(self._lines)
        return line.decode()


def _lines(path: Path) -> Iterator[tuple[int, int, int, bytes]]:
    """Where each line begins and ends in the file, its number, and the line."""
    end = 0
    with path.open("rb", buffering=_BLOCK) as file:
        for number, line in enumerate(file, start=1):
            begin, end = end, end + len(line)
            if b"\0" in line:
                raise _Unusual
            if number == 1 and line.startswith(_BOM):
                yield len(_BOM), end, number, line.removeprefix(_BOM)
            else:
                yield begin, end, number, line


def read_large(path: Path, name: str) -> Table | None:
    """The table of a JSONL, CSV or TSV file of more than `LARGE` lines; None where it is none that can be read so.

    A file that is not as it should be is none: whoever reads it whole says what is wrong with it.
    """
    try:
        layout = _layout(path) if _is_large(path) else None
        return None if layout is None else _table(path, name, layout)
    except (_Unusual, OSError, UnicodeDecodeError, csv.Error):
        return None


def _is_large(path: Path) -> bool:
    with path.open("rb", buffering=0) as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b"")) > LARGE


def _table(path: Path, name: str, layout: _Layout) -> Table | None:
    begins, ends, numbers = array("q"), array("q"), array("i")
    for begin, end, number, _ in layout.scan(path):
        begins.append(begin)
        ends.append(end)
        numbers.append(number)
    if not begins:
        return None
    return Table(name, layout.columns, _FileRows(path, name, layout, (begins, ends)), numbers, typed=layout.typed)


def _layout(path: Path) -> _Layout | None:
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        return _JsonLines()
    if ending not in (".csv", ".tsv"):
        return None
    with path.open("rb") as file:
        first = file.readline().decode("utf-8-sig")
    delimiter = "\t" if ending == ".tsv" else delimiter_of(first)
    lines = _Read(_lines(path))
    header = next((values for values in csv.reader(lines, delimiter=delimiter, strict=True) if values), None)
    try:
        return None if header is None else _Separated(delimiter, header_of(header, path.name))
    except DataError:
        return None
