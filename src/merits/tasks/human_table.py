"""Writes the table in which people label answers."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.judge import HumanLabel, LabelTable
from merits.core.spreadsheets import guarded
from merits.reading.values import text_of

__all__ = ["write_labels"]

# What a person reads comes first; whose answer it is comes last, where it can be hidden.
_COLUMNS = ("example", "input", "target", "other", "answer", "solved", "repeat", "group", "candidate")
_ALWAYS = {"example", "input", "answer", "solved", "candidate"}


def _free(path: Path) -> Path:
    """The path of a CSV file that is not there yet. Raises UsageError for another."""
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path.name} is no CSV file.", f"Name one: --out {path.stem or 'human'}.csv")
    if path.exists():
        raise UsageError(f"{path} is there already, and labels are not written over.", _other_name(path))
    return path


def _other_name(path: Path) -> str:
    free = next(name for k in range(2, 10_000) if not (name := path.with_stem(f"{path.stem}-{k}")).exists())
    return f"Name another: --out {free}"


def write_labels(path: str | Path, table: LabelTable) -> Path:
    """The path of the CSV file that was written: labels that were given, then the blank ones with `solved` empty.

    UTF-8 with a mark, so that spreadsheets read it as that; no cell is run as a formula. Raises UsageError where the
    file is there already or the place cannot be written.
    """
    path = _free(Path(path))
    rows = [*_cells(table.said, said=True), *_cells(table.blank, said=False)]
    columns = [name for name in _COLUMNS if name in _ALWAYS or any(row[name] not in ("", "0") for row in rows)]
    try:
        with path.open("x", newline="", encoding="utf-8-sig", errors="replace") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}.", "Name another place: --out PATH") from None
    return path


def _cells(labels: Iterable[HumanLabel], *, said: bool) -> Iterable[dict[str, str]]:
    verdicts = {True: "1", False: "0", None: "tie"}
    for label in labels:
        solved = verdicts[label.solved] if said else ""
        shown: dict[str, JSON] = {name: getattr(label, name) for name in _COLUMNS if name not in ("solved", "repeat")}
        cells = {name: guarded(text_of(value).replace("\0", "")) for name, value in shown.items()}
        yield {**cells, "solved": solved, "repeat": str(label.repeat)}
