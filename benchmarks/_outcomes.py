"""Outcomes of several candidates on the same examples, read into the pool that cascades and routers are searched on."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.errors import DataError
from merits.core.validate import did_you_mean
from merits.evaluating.importing.table import columns_of
from merits.improving.composing.pool import Pool, codes_of, looks_of
from merits.improving.composing.texts import texts_of

__all__ = ["frugal_ml", "read_pool"]

_FIELDS = ("score", "cost", "confidence", "answer")
_APART = ("id", "example", "text")
_MOST_LABELS = 60


def frugal_ml(folder: Path, name: str) -> Pool:
    """The answers, confidences and prices of the interfaces that were sold for one data set of FrugalML."""
    with (folder / "meta.csv").open(newline="") as file:
        sold = {row["id"]: row for row in csv.DictReader(file) if row["dataset"] == name}
    with gzip.open(folder / f"{name}.csv.gz", "rt", newline="") as packed:
        rows = list(csv.DictReader(packed))
    columns: dict[str, Sequence[object]] = {}
    for key, row in sold.items():
        columns[f"{row['api']}.score"] = [each[f"ok_{key}"] for each in rows]
        columns[f"{row['api']}.cost"] = [float(row["cost_per_10k"]) / 10_000] * len(rows)
        columns[f"{row['api']}.confidence"] = [each[f"conf_{key}"] for each in rows]
        columns[f"{row['api']}.answer"] = [each[f"pred_{key}"] for each in rows]
    return _pool(name, columns, len(rows))


def read_pool(path: Path) -> Pool:
    """The pool of a CSV, Parquet or JSONL file: one row for each example.

    For each candidate there are columns `NAME.score` (from 0 to 1) and `NAME.cost`, and where known `NAME.confidence`
    and `NAME.answer`; `text` is what was asked. Any other column is a category that is known before anything is asked.
    DataError for anything else.
    """
    if path.suffix in (".jsonl", ".ndjson"):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        names = dict.fromkeys(name for row in rows for name in row)
        return _pool(path.name, {name: [row.get(name) for row in rows] for name in names}, len(rows))
    table = columns_of(path)
    return _pool(table.file, table.columns, table.n_rows)


def _pool(file: str, columns: Mapping[str, Sequence[object]], n: int) -> Pool:
    names = [name.removesuffix(".score") for name in columns if name.endswith(".score")]
    if len(names) < 2:
        near = did_you_mean("NAME.score", columns)
        raise DataError(f"{file} has scores of {len(names)} candidates: columns NAME.score.", f"Two are needed. {near}")
    score, cost = (np.array([_numbers(file, columns, f"{name}.{field}") for name in names]) for field in _FIELDS[:2])
    if ((score < 0.0) | (score > 1.0)).any():
        raise DataError(f"{file} has a score that is not from 0 to 1.", "Scale scores.")
    order = np.argsort(cost.mean(axis=1), kind="stable")
    given = [_answers(file, columns, names[k], n) for k in order]
    spoke = all(f"{name}.answer" in columns for name in names)
    words, codes = codes_of(given) if spoke else ((), np.full((len(names), n), -1))
    return Pool(
        candidates=tuple(Candidate(name=names[k], kind="constant", params={"output": names[k]}) for k in order),
        value=score[order],
        cost=cost[order],
        sure=np.array([[answer.confidence or 0.0 for answer in each] for each in given]),
        said=codes,
        words=words,
        groups=np.arange(n),
        looks=looks_of(given) if spoke and len(words) > _MOST_LABELS else None,
        inputs=_inputs(columns, n),
        texts=texts_of([str(text or "") for text in columns["text"]]) if "text" in columns else None,
    )


def _answers(file: str, columns: Mapping[str, Sequence[object]], name: str, n: int) -> list[Answer]:
    known = f"{name}.confidence" in columns
    sure = _numbers(file, columns, f"{name}.confidence") if known else [0.0] * n
    said = columns.get(f"{name}.answer", [None] * n)
    return [
        Answer(output=None if each is None else str(each), confidence=float(confidence))
        for each, confidence in zip(said, sure, strict=True)
    ]


def _inputs(columns: Mapping[str, Sequence[object]], n: int) -> tuple[dict[str, str], ...]:
    others = [name for name in columns if name not in _APART and not name.endswith(tuple(f".{f}" for f in _FIELDS))]
    return tuple({name: str(columns[name][row]) for name in others} for row in range(n))


def _numbers(file: str, columns: Mapping[str, Sequence[object]], name: str) -> list[float]:
    if name not in columns:
        raise DataError(f"{file} has no column {name!r}.", did_you_mean(name, columns))
    try:
        return [float(str(cell)) for cell in columns[name]]
    except ValueError as problem:
        raise DataError(f"{file}, column {name!r}: {problem}.", "Give a number in every row.") from None
