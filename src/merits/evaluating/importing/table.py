"""Reads CSV and Parquet files of outcomes, in two forms.

Long: one row for each outcome, with columns `candidate`, `example`, `score`, and where known `cost`, `latency` (in
seconds), `error`, `repeat`, `input`, `target`, `output`, `input_tokens`, `output_tokens`; other columns become slices.
An outcome with an error failed; one with neither score nor error is unscored; another column of scores is read in place
of `score` where it is named (`--metric`). Wide: one row for each example, a column
of scores from 0 to 1 for each candidate, and if there is one a column `example` or `id`; an empty cell is missing.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import Usage
from merits.core.errors import DataError, MissingExtra
from merits.core.identity import content_hash
from merits.core.outcome import Status
from merits.core.validate import did_you_mean
from merits.evaluating.importing.not_candidates import not_candidates
from merits.evaluating.importing.outcomes import Found, Imported, Reading, Source, evaluation_of
from merits.evaluating.importing.promptfoo import AS_JSON, is_table

__all__ = ["Columns", "Scores", "columns_of", "first_bytes", "read_scores", "read_table"]

Floats = NDArray[np.float64]
_EXAMPLE = ("example", "id", "example_id")
_NO_TEXT = frozenset({"", "none", "null", "na", "n/a"})
_SCORE = "score"
_CONTENT = ("input", "target", "output", "input_tokens", "output_tokens")
_KNOWN = frozenset({"candidate", "score", "cost", "latency", "error", "repeat", *_CONTENT, *_EXAMPLE})


@dataclass(frozen=True)
class Columns:
    """A table as columns of texts or numbers. `first_row` is the number a reader would give the first one."""

    file: str
    columns: Mapping[str, Sequence[object]]
    n_rows: int
    first_row: int

    def place(self, row: int) -> str:
        """Where a row is, in words."""
        return f"{self.file}, row {row + self.first_row}"


@dataclass(frozen=True)
class Scores:
    """A matrix of scores in [0, 1]: `values` and `known` have shape (candidates, rows); unknown ones hold 0."""

    names: tuple[str, ...]
    examples: tuple[str, ...]
    values: Floats
    known: NDArray[np.bool_]


def read_table(path: Path, reading: Reading) -> Found:
    """The outcomes in a CSV or Parquet file, long or wide."""
    table = columns_of(path)
    task, told = path.name.split(".")[0], reading.solved_at is not None
    source = Source(table.file, "table", task, reading.metric or _SCORE, reading.words, told)
    if "candidate" in table.columns:
        return Found(_long_rows(table, reading), source)
    if reading.metric:
        raise DataError(
            f"{table.file} has a column of scores for each candidate, so there is no {reading.metric!r} to choose.",
            "Leave --metric out, or write one row for each outcome: candidate, example, and a column for each score.",
        )
    return Found(_wide_rows(table, reading), source)


def read_scores(path: str | Path) -> Scores:
    """The matrix of scores in a CSV or Parquet file, wide or long, for whoever needs nothing but the scores.

    Raises DataError, with file, row and column, for what is no score from 0 to 1.
    """
    table = columns_of(Path(path))
    if "candidate" not in table.columns:
        return _wide(table)
    found = evaluation_of(_long_rows(table, Reading()), Source(table.file, "table", "", "score", "", told=True))
    return Scores(found.names, tuple(found.examples.tolist()), found.value, found.scored)


def columns_of(path: Path) -> Columns:
    """The columns of a CSV file (also compressed by gzip) or a Parquet file, told apart by their first bytes."""
    start = first_bytes(path, 4)
    return _parquet(path) if start == b"PAR1" else _csv(path, compressed=start[:2] == b"\x1f\x8b")


def first_bytes(path: Path, n: int) -> bytes:
    """The first bytes of a file. Raises DataError, naming what lies beside it, when there is no such file."""
    try:
        with path.open("rb") as file:
            return file.read(n)
    except FileNotFoundError:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = did_you_mean(path.name, beside) if beside else "Check the path."
        raise DataError(f"there is no file {path}.", near if near.startswith("Did") else "Check the path.") from None
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror}.", "Name a file with results.") from None


def _parquet(path: Path) -> Columns:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        next_step = "Install what reads it: pip install 'merits[parquet]'"
        raise MissingExtra(f"{path.name} is a Parquet file.", next_step) from None
    try:
        table = parquet.ParquetFile(path).read()
    except arrow.ArrowException as problem:
        raise DataError(f"{path.name} is not a whole Parquet file: {problem}.", "Write it again.") from None
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return Columns(path.name, columns, table.num_rows, 1)


def _csv(path: Path, *, compressed: bool) -> Columns:
    try:
        data = gzip.decompress(path.read_bytes()) if compressed else path.read_bytes()
        text = data.decode("utf-8-sig")
    except (UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise DataError(f"{path.name} is no table of text: {problem}.", "Save it as CSV in UTF-8.") from None
    if compressed and text.lstrip()[:1] in ("{", "["):
        raise DataError(
            f"{path.name} is compressed JSON; only tables are read packed.", f"Unpack it: gunzip {path.name}"
        )
    header = text.split("\n", 1)[0]
    mark = next((mark for mark in (",", ";", "\t") if mark in header), ",")
    try:
        rows = [row for row in csv.reader(text.splitlines(keepends=True), delimiter=mark, strict=True) if row]
    except csv.Error as problem:
        raise DataError(f"{path.name} is no whole CSV file: {problem}.", "Write it again.") from None
    names = [name.strip() for name in rows[0]] if rows else []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            found = f"{path.name}, row {number}: {len(row)} values under {len(names)} columns."
            raise DataError(found, "Quote values that hold commas, or name a file with results.")
    if is_table(names):
        raise DataError(f"{path.name} is promptfoo's table, which does not tell errors from rejections.", AS_JSON)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path.name} has two columns {twice!r}.", "Name each column once.")
    return Columns(path.name, dict(zip(names, zip(*rows[1:], strict=True), strict=False)), max(0, len(rows) - 1), 2)


def _wide(table: Columns) -> Scores:
    """The matrix of a wide table."""
    key = _example_column(table)
    names = tuple(name for name in table.columns if name != key)
    if not names or not table.n_rows:
        raise DataError(
            f"{table.file} holds no scores.",
            "Write one row for each example and one column of scores for each candidate, or the columns "
            "candidate, example, score.",
        )
    _refuse_facts(table.file, names)
    values = np.array([_numbers(table, name) for name in names])
    known = np.isfinite(values)
    bad = np.argwhere(known & ((values < 0.0) | (values > 1.0)) | np.isinf(values))
    if len(bad):
        k, i = (int(x) for x in bad[0])
        raise _no_score(table, names[k], i)
    examples = table.columns[key] if key else range(1, table.n_rows + 1)
    return Scores(names, tuple(str(example) for example in examples), np.where(known, values, 0.0), known)


def _refuse_facts(file: str, names: Sequence[str]) -> None:
    """A column of costs would be a candidate, and might be adopted."""
    if facts := not_candidates(names):
        are, them = ("is", "it") if len(facts) == 1 else ("are", "them")
        listed = ", ".join(map(repr, facts))
        raise DataError(
            f"{file} has a column for each candidate, but {listed} {are} no candidate's name.",
            f"Take {them} out (or rename a candidate that is called so); to import costs "
            "and latencies, write one row for each outcome: candidate, example, score, cost, latency.",
        )


def _wide_rows(table: Columns, reading: Reading) -> list[Imported]:
    scores = _wide(table)
    return [
        Imported(
            candidate=name,
            example=example,
            place=table.place(i),
            status=Status.SCORED if scores.known[k, i] else Status.MISSING,
            value=float(scores.values[k, i]),
            solved=bool(scores.values[k, i] >= reading.threshold),
        )
        for k, name in enumerate(scores.names)
        for i, example in enumerate(scores.examples)
    ]


def _long_rows(table: Columns, reading: Reading) -> list[Imported]:
    key = _example_column(table)
    metric = reading.metric or _SCORE
    if metric not in table.columns:
        raise DataError(f"{table.file} has no column {metric!r}.", _other_scores(table, metric))
    if metric in _KNOWN - {_SCORE}:
        raise DataError(f"{table.file}: the column {metric!r} holds no scores.", _other_scores(table, ""))
    if key is None:
        raise DataError(
            f"{table.file} has no column 'example'; it has {', '.join(table.columns)}.",
            "Name the example of each row: outcomes are paired on it.",
        )
    nothing: Sequence[object] = [None] * table.n_rows
    score, cost, latency_s = (_numbers(table, name) for name in (metric, "cost", "latency"))
    asked, target, output = (table.columns.get(name, nothing) for name in ("input", "target", "output"))
    tokens = [_numbers(table, name) for name in ("input_tokens", "output_tokens")]
    repeat = _numbers(table, "repeat")
    errors = table.columns.get("error", nothing)
    tags = [name for name in table.columns if name not in _KNOWN and name != metric]
    return [
        Imported(
            candidate=str(table.columns["candidate"][i]),
            example=str(table.columns[key][i]),
            place=table.place(i),
            status=_status(errors[i], float(score[i])),
            value=0.0 if math.isnan(score[i]) else float(score[i]),
            solved=bool(score[i] >= reading.threshold),
            repeat=0 if math.isnan(repeat[i]) else int(repeat[i]),
            cost=_known(cost[i]),
            latency_s=_known(latency_s[i]),
            tags={name: _text(table.columns[name][i]) for name in tags},
            input_hash=content_hash(_text(asked[i])) if _text(asked[i]) else "",
            input=_text(asked[i]) or None,
            target=_text(target[i]) or None,
            output=_text(output[i]) or None,
            usage=_usage(tokens[0][i], tokens[1][i]),
            error=_text(errors[i]),
        )
        for i in range(table.n_rows)
    ]


def _other_scores(table: Columns, wanted: str) -> str:
    """The next step: which columns hold scores."""
    others = [name for name in table.columns if name not in _KNOWN - {_SCORE} and _are_scores(table.columns[name])]
    if not others:
        return f"No column holds numbers from 0 to 1; it has {', '.join(table.columns)}."
    near = did_you_mean(wanted, others)
    example = next((name for name in others if name != _SCORE), _SCORE)
    return near if near.startswith("Did") else f"{near} Name one: --metric {example}"


def _are_scores(cells: Sequence[object]) -> bool:
    numbers = [_number(cell) for cell in cells if not _empty(cell)]
    return bool(numbers) and all(number is not None and 0.0 <= number <= 1.0 for number in numbers)


def _usage(asked: float, said: float) -> Usage | None:
    if math.isnan(asked) or math.isnan(said) or asked < 0 or said < 0:
        return None
    return Usage(input_tokens=int(asked), output_tokens=int(said))


def _status(error: object, score: float) -> Status:
    if _text(error):
        return Status.FAILED
    return Status.UNSCORED if math.isnan(score) else Status.SCORED


def _example_column(table: Columns) -> str | None:
    return next((name for name in _EXAMPLE if name in table.columns), None)


def _numbers(table: Columns, name: str) -> Floats:
    """A column as numbers, NaN where it is empty or not there. Raises DataError for what is no number."""
    if name not in table.columns:
        return np.full(table.n_rows, np.nan)
    column = table.columns[name]
    try:
        return np.array([math.nan if _empty(cell) else float(cell) for cell in column])  # type: ignore[arg-type]
    except (TypeError, ValueError):
        at = next(i for i, cell in enumerate(column) if not _is_number(cell))
        raise _no_score(table, name, at) from None


def _no_score(table: Columns, name: str, row: int) -> DataError:
    found = table.columns[name][row]
    return DataError(
        f"{table.place(row)}: {str(found)[:60]!r} in column {name!r} is no score from 0 to 1.",
        "Give the scores alone, with an `example` column if rows have names; leave unknown ones empty.",
    )


def _empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _is_number(cell: object) -> bool:
    return _empty(cell) or _number(cell) is not None


def _number(cell: object) -> float | None:
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _known(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def _text(cell: object) -> str:
    text = "" if cell is None else str(cell).strip()
    return "" if text.lower() in _NO_TEXT else text
