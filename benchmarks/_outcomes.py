"""Outcomes of several candidates on the same examples, read into the pool that cascades and routers are searched on."""

from __future__ import annotations

import csv
import gzip
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks._reading import Table, read_table
from merits.candidates.sentence_embeddings import DEFAULT_MODEL, embedder, model_files
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.errors import DataError
from merits.core.validate import did_you_mean
from merits.improving.composing.pool import Floats, Looking, Pool, codes_of, looks_of
from merits.improving.composing.texts import texts_of

__all__ = ["frugal_ml", "read_pool"]

_FIELDS = ("score", "cost", "confidence", "answer")
_APART = ("id", "example")
_TEXTS = ("text", "prompt", "question", "input")  # the first that there is
_SAID = {"true": 1.0, "false": 0.0}
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
    return _pool(name, columns, len(rows), {})


def read_pool(*paths: Path, costs: Mapping[str, float] | None = None, embeddings: bool = False) -> Pool:
    """The pool of CSV, Parquet or JSONL files or of a folder of them: one row for each example.

    For each candidate there are columns `NAME.score` (from 0 to 1) and `NAME.cost`, and where known `NAME.confidence`
    and `NAME.answer`. Where no column is called so, those of nothing but true and false are candidates', as in
    RouteLLM's responses; what has no cost is taken to cost 1, 10, 100 ... from the worst to the best. `costs` goes
    before both. `text` is what was asked (or `prompt`, `question`, `input`). Any other column is a category that is
    known before anything is asked, such as `file` of several files. DataError for anything else. With `embeddings` the
    texts are embedded too, at no cost.
    """
    name, columns, n = read_table(paths)
    pool = _pool(name, columns, n, costs or {})
    text = _text_in(columns)
    if not embeddings or text is None:
        return pool
    model = embedder(*model_files(DEFAULT_MODEL, Path(), os.environ))
    vectors = model.embed_on_all_cores([str(each or "") for each in columns[text]]).astype(np.float64)
    return replace(pool, looking=Looking(Candidate(name="embedding", kind="embedding"), vectors, np.zeros(n)))


def _pool(file: str, columns: Table, n: int, costs: Mapping[str, float]) -> Pool:
    scored = {name: f"{name}.score" for name in _named(columns)} or {name: name for name in _judged(columns)}
    names = list(scored)
    if len(names) < 2:
        near = did_you_mean("NAME.score", columns)
        raise DataError(
            f"{file} has scores of {len(names)} candidates: columns NAME.score, or of nothing but true and false.",
            f"Two are needed. {near}",
        )
    for name in costs:
        if name not in scored:
            raise DataError(f"{file} has no candidate {name!r} to cost anything.", did_you_mean(name, scored))
    score = np.array([_numbers(file, columns, column) for column in scored.values()])
    if not ((score >= 0.0) & (score <= 1.0)).all():
        raise DataError(f"{file} has a score that is not from 0 to 1.", "Scale scores.")
    cost = _costs(file, columns, score, names, costs)
    order = np.argsort(cost.mean(axis=1), kind="stable")
    given = [_answers(file, columns, names[k], n) for k in order]
    spoke = all(f"{name}.answer" in columns for name in names)
    words, codes = codes_of(given) if spoke else ((), np.full((len(names), n), -1))
    text = _text_in(columns)
    known = {*scored.values(), *_APART, *_TEXTS, *(f"{name}.{field}" for name in names for field in _FIELDS)}
    return Pool(
        candidates=tuple(Candidate(name=names[k], kind="constant", params={"output": names[k]}) for k in order),
        value=score[order],
        cost=cost[order],
        sure=np.array([[answer.confidence or 0.0 for answer in each] for each in given]),
        said=codes,
        words=words,
        groups=np.arange(n),
        looks=looks_of(given) if spoke and len(words) > _MOST_LABELS else None,
        inputs=_inputs({name: column for name, column in columns.items() if name not in known}, n),
        texts=texts_of([str(each or "") for each in columns[text]]) if text else None,
    )


def _text_in(columns: Table) -> str | None:
    return next((column for column in _TEXTS if column in columns), None)


def _named(columns: Table) -> list[str]:
    return [name.removesuffix(".score") for name in columns if name.endswith(".score")]


def _judged(columns: Table) -> list[str]:
    """The columns of nothing but true and false."""
    return [name for name, cells in columns.items() if len(cells) and {str(cell).lower() for cell in cells} <= {*_SAID}]


def _costs(file: str, columns: Table, score: Floats, names: Sequence[str], given: Mapping[str, float]) -> Floats:
    """What each candidate costs (candidates, rows): as given, else as the file says, else assumed, and said so."""
    n = score.shape[1]
    unknown = [name not in given and f"{name}.cost" not in columns for name in names]
    if any(unknown) and (not all(unknown) or _named(columns)):
        lacking = names[unknown.index(True)]
        raise DataError(f"{file} has no column '{lacking}.cost'.", f"Give it, or --costs {lacking}=1.")
    if all(unknown):
        place = np.argsort(np.argsort(score.mean(axis=1), kind="stable"), kind="stable")
        given = {name: 10.0 ** int(at) for name, at in zip(names, place, strict=True)}
        assumed = ",".join(f"{name}={cost:g}" for name, cost in given.items())
        print(f"{file} says no costs; they are taken to be --costs {assumed}", file=sys.stderr)
    rows = [[given[name]] * n if name in given else _numbers(file, columns, f"{name}.cost") for name in names]
    return np.array(rows)


def _answers(file: str, columns: Table, name: str, n: int) -> list[Answer]:
    known = f"{name}.confidence" in columns
    sure = _numbers(file, columns, f"{name}.confidence") if known else [0.0] * n
    said = columns.get(f"{name}.answer", [None] * n)
    return [
        Answer(output=None if each is None else str(each), confidence=float(confidence))
        for each, confidence in zip(said, sure, strict=True)
    ]


def _inputs(categories: Table, n: int) -> tuple[dict[str, str], ...]:
    return tuple({name: str(cells[row]) for name, cells in categories.items()} for row in range(n))


def _numbers(file: str, columns: Table, name: str) -> list[float]:
    if name not in columns:
        raise DataError(f"{file} has no column {name!r}.", did_you_mean(name, columns))
    try:
        return [_SAID[said] if (said := str(cell).lower()) in _SAID else float(said) for cell in columns[name]]
    except ValueError as problem:
        raise DataError(f"{file}, column {name!r}: {problem}.", "Give a number in every row.") from None
