"""Reads CSV, TSV, JSONL and JSON files. What is broken is an error with file and line, never a guess."""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.tasks.rows import Row, Table

__all__ = [
    "delimiter_of",
    "header_of",
    "physical_lines",
    "read_csv",
    "read_json",
    "read_jsonl",
    "read_tsv",
    "union_of_keys",
]

_field_limit = threading.Lock()
_BYTE = re.compile(r"\s*\(byte (\d+)\)")


def read_csv(path: Path, name: str) -> Table:
    """The table of a CSV file. A file whose header has no comma but semicolons (or tabs) is read with those."""
    text = _text(path, name)
    return _separated(text, name, delimiter_of(text.split("\n", 1)[0]))


def delimiter_of(header: str) -> str:
    """The mark between the values under this header: the comma, unless it has none but semicolons (or tabs).

    >>> delimiter_of("text;label, or none"), delimiter_of("text;label")
    (',', ';')
    """
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def read_tsv(path: Path, name: str) -> Table:
    """The table of a file with tab-separated values."""
    return _separated(_text(path, name), name, "\t")


def read_jsonl(path: Path, name: str) -> Table:
    """The table of a file with one JSON object per line; blank lines are passed over."""
    decoder = msgspec.json.Decoder(dict[str, JSON])
    lines = {n: line for n, line in enumerate(io.BytesIO(_text(path, name).encode()), start=1) if line.strip()}
    try:
        rows = list(map(decoder.decode, lines.values()))
    except (msgspec.DecodeError, RecursionError):
        rows = [_decoded(decoder, line, f"{name}, line {n}") for n, line in lines.items()]
    return Table(name, union_of_keys(rows), rows, list(lines))


def read_json(path: Path, name: str) -> Table:
    """The table of a JSON file: a list of objects, an object whose `data` is one, or one object a line after all."""
    text = _text(path, name)
    if not text.strip():
        raise DataError(f"{name} is empty.", "Write a list of objects, one for each example.")
    if _is_object(text.strip().partition("\n")[0]) and "\n" in text.strip():
        return read_jsonl(path, name)
    value = _json_value(text.encode(), name)
    rows = value.get("data") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise DataError(f"{name} is not a list of rows.", 'Write [{...}, {...}] or {"data": [...]}.')
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{name}, row {number}: expected an object with columns, found {_short(row)}.")
    return Table(name, union_of_keys(rows), rows)


def _is_object(line: str) -> bool:
    """Whether a line is a whole JSON object."""
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except msgspec.DecodeError:
        return False


def union_of_keys(rows: Sequence[Row]) -> tuple[str, ...]:
    """All keys of the rows, in order of first appearance.

    >>> union_of_keys([{"a": 1}, {"b": 2, "a": 3}])
    ('a', 'b')
    """
    seen: dict[str, None] = {}
    for row in rows:
        if not row.keys() <= seen.keys():
            seen.update(dict.fromkeys(row))
    return tuple(seen)


def _text(path: Path, name: str) -> str:
    """The text of a UTF-8 file, without a byte order mark."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise DataError(f"{name} is not a whole gzip file ({problem}).", "Copy it again.") from None
    except OSError as problem:
        raise DataError(f"cannot read {name}: {problem.strerror}.", "Check the path and your rights to it.") from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is UTF-16 text; UTF-8 is expected.", f"Convert it: {_iconv('utf-16', name)}")
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise DataError(f"{name}, line {line}: a NUL byte, so this is no text file.", "Export it again as text.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        # The decoder counts from after the byte order mark; a mark in a file that is not UTF-8 does not occur.
        line = raw.count(b"\n", 0, problem.start) + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{raw[problem.start]:02x} is not UTF-8 text; the file looks like Latin-1.",
            f"Convert it: {_iconv('latin1', name)}",
        ) from None


def _iconv(encoding: str, name: str) -> str:
    stem, dot, extension = name.partition(".")
    return f"iconv -f {encoding} -t utf-8 {name} > {stem}-utf8{dot}{extension}"


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lifts the csv module's limit of 131,072 characters a field, which is global, while one file is read."""
    with _field_limit:
        before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _separated(text: str, name: str, delimiter: str) -> Table:
    if not text.strip():
        raise DataError(f"{name} is empty.", "It needs a header with the names of its columns, and rows.")
    rows: list[Row] = []
    lines: list[int] = []
    # Not str.splitlines: it also breaks at characters such as U+2028, which are ordinary text inside a field.
    reader = csv.reader(physical_lines(text), delimiter=delimiter, strict=True)
    start = 1
    with _long_fields():
        try:
            header = header_of(next(filled for filled in reader if filled), name)
            start = reader.line_num + 1
            for values in reader:
                if len(values) == len(header):
                    rows.append(dict(zip(header, values, strict=True)))
                    lines.append(start)
                elif values:
                    raise _ragged(name, start, values, header, delimiter)
                start = reader.line_num + 1
        except csv.Error as problem:
            raise _broken(name, start, reader.line_num, str(problem)) from None
    return Table(name, header, rows, lines, typed=False)


def physical_lines(text: str) -> Iterator[str]:
    """The lines of a text with their ends, which are line feeds only."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def header_of(values: Sequence[str], name: str) -> tuple[str, ...]:
    """The names of the columns. Raises DataError where two have one name."""
    names = [value.strip() for value in values]
    if names.count("") == 1:  # pandas writes its index under no name
        names[names.index("")] = "unnamed"
    for column in names:
        if names.count(column) > 1:
            shown = repr(column) if column else "without a name"
            raise DataError(f"{name}, line 1: {names.count(column)} columns are {shown}.", "Give each its own name.")
    return tuple(names)


def _ragged(name: str, line: int, values: Sequence[str], header: Sequence[str], delimiter: str) -> DataError:
    mark = {"\t": "tab", ";": "semicolon"}.get(delimiter, "comma")
    step = (
        f"Quote values that hold a {mark}."
        if len(values) > len(header)
        else f"Add the missing {mark}s, or quote values that hold a line break."
    )
    return DataError(f"{name}, line {line}: {len(values)} values, but the header has {len(header)} columns.", step)


def _broken(name: str, start: int, end: int, problem: str) -> DataError:
    if "unexpected end" in problem:
        return DataError(
            f"{name}, line {start}: a quote opens in this row and is never closed.", 'Close it, or write it as "".'
        )
    return DataError(f"{name}, line {end}: {problem}.", 'A quote inside a quoted value is written "".')


def _decoded(decoder: msgspec.json.Decoder[Row], line: bytes, where: str) -> Row:
    try:
        return decoder.decode(line)
    except msgspec.ValidationError:
        raise DataError(
            f"{where}: expected an object with columns, found {_short(line.decode())}.", 'Write {"input": ...}.'
        ) from None
    except (msgspec.DecodeError, RecursionError) as problem:
        raise DataError(
            f"{where}: broken JSON: {_BYTE.sub('', str(problem))}; the line is {_short(line.decode())}.",
            "Every line is one whole JSON object.",
        ) from None


def _json_value(raw: bytes, name: str) -> JSON:
    try:
        value: JSON = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as problem:
        message = str(problem)
        position = _BYTE.search(message)
        line = raw.count(b"\n", 0, int(position[1])) + 1 if position else 1
        step = "Correct it there; the file must be one list of objects, or have one object a line."
        raise DataError(f"{name}, line {line}: broken JSON: {_BYTE.sub('', message)}.", step) from None
    return value


def _short(value: object, most: int = 60) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
