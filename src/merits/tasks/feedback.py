"""Reads what became of requests from a table: labels that came later, or only whether they were solved."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast, get_args

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.live import Arm, Feedback, Source
from merits.core.spreadsheets import unguarded
from merits.core.validate import near_miss
from merits.reading.feedback import as_class, unknown_class
from merits.tasks.rows import read

__all__ = ["read_feedback"]

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "request": ("request", "request_id", "x-request-id", "id"),
    "target": ("target", "label", "expected", "answer", "ideal"),
    "solved": ("solved", "correct", "good"),
    "score": ("score",),
    "source": ("source",),
    "arm": ("arm",),
    "at": ("at", "time", "timestamp"),
    "by": ("by", "labeller", "annotator"),
    "comment": ("comment", "note"),
}
_SAID: Mapping[str, bool] = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "y"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", "n"), False),
}


def read_feedback(
    path: str,
    task: str,
    *,
    source: Source = "label",
    classes: Sequence[str] = (),
    folder: Path = Path("."),
) -> list[Feedback]:
    """The feedback in a file (CSV, JSONL, JSON, Parquet), in its order, on requests of a task.

    `request` is the id that the answer came with. Of `target` (label), `solved` (1 or 0, yes or no, true or false) and
    `score` (from 0 to 1) each row has at least one. `source` (label, user, judge), `arm`, `at` (UNIX seconds or ISO
    8601), `by` and `comment` may be there. Where there are `classes`, a target names one of them. DataError, with file
    and line, for what says nothing.
    """
    table = read(path, folder)
    names = list(table.columns)
    columns = {key: next((name for name in aliases if name in names), "") for key, aliases in _ALIASES.items()}
    _check(table.name, names, columns)
    return [
        _row(row, columns, table.where(index), task=task, source=source, classes=classes)
        for index, row in enumerate(table.rows)
    ]


def _check(file: str, names: Sequence[str], columns: Mapping[str, str]) -> None:
    steps = {
        "request": "Name the request by the id that its answer came with: X-Request-Id.",
        "target": "Give the right answer in `target`, or 1 or 0 in `solved`.",
    }
    for key, others in (("request", ()), ("target", ("solved", "score"))):
        if not columns[key] and not any(columns[other] for other in others):
            unused = [name for name in names if name not in columns.values()]
            near = next((said for each in (key, *others) if (said := near_miss(each, unused))), "")
            wanted = " or ".join(repr(each) for each in (key, *others))
            there = ", ".join(names) or "none"
            raise DataError(f"{file} has no column {wanted}; it has {there}.", near or steps[key])


def _row(
    row: Mapping[str, JSON],
    columns: Mapping[str, str],
    where: str,
    *,
    task: str,
    source: Source,
    classes: Sequence[str],
) -> Feedback:
    said = {key: _value(row.get(name)) if name else None for key, name in columns.items()}
    request = "" if said["request"] is None else str(said["request"])
    if not request:
        raise DataError(f"{where}: the request is empty.", "Name it by the id that its answer came with.")
    solved, score = _solved(said["solved"], where), _score(said["score"], where)
    if said["target"] is None and solved is None and score is None:
        raise DataError(f"{where}: nothing is said of the request.", "Give target, solved or score, or take it out.")
    target = as_class(said["target"], classes)
    if target is None and said["target"] is not None:
        wrong, next_step = unknown_class(said["target"], classes)
        raise DataError(f"{where}: {wrong}.", next_step)
    return Feedback(
        request=request,
        task=task,
        at=_time(said["at"], where),
        source=cast(Source, _one_of(said["source"], get_args(Source), where, "source") or source),
        target=target,
        solved=solved,
        score=score,
        arm=cast("Arm | None", _one_of(said["arm"], get_args(Arm), where, "arm")),
        by=str(said["by"] or ""),
        comment=str(said["comment"] or ""),
    )


def _value(value: JSON) -> JSON:
    """None for an empty cell."""
    if isinstance(value, str):
        value = unguarded(value)
        return value if value.strip() else None
    return None if isinstance(value, float) and math.isnan(value) else value


def _solved(value: JSON, where: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().casefold()
    if text not in _SAID:
        raise DataError(f"{where}: solved is {str(value)!r}.", "Write 1 or 0, yes or no, true or false.")
    return _SAID[text]


def _score(value: JSON, where: str) -> float | None:
    if value is None:
        return None
    try:
        score = float(str(value))
    except ValueError:
        score = math.nan
    if not 0.0 <= score <= 1.0:
        raise DataError(f"{where}: the score is {str(value)!r}.", "Scores go from 0 (worst) to 1 (best).")
    return score


def _time(value: JSON, where: str) -> float:
    if value is None:
        return time.time()
    try:
        at = float(str(value))
    except ValueError:
        try:
            at = datetime.fromisoformat(str(value)).timestamp()
        except ValueError:
            at = math.nan
    if not math.isfinite(at):
        raise DataError(f"{where}: the time is {str(value)!r}.", "Write UNIX seconds, or 2026-11-29T08:00:00Z.")
    return at


def _one_of(value: JSON, allowed: Sequence[str], where: str, what: str) -> str | None:
    if value is None or value in allowed:
        return None if value is None else str(value)
    raise DataError(f"{where}: the {what} is {str(value)!r}.", f"It is one of {', '.join(allowed)}.")
