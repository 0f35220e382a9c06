"""The one door for results in files: what a file is, is told by its content, never by its name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from merits.core.errors import DataError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.evaluating.importing import inspect_log, lm_eval, promptfoo
from merits.evaluating.importing.outcomes import Found, Reading
from merits.evaluating.importing.own import SCHEMA, read_own
from merits.evaluating.importing.table import first_bytes, read_table
from merits.evaluating.importing.texts import json_lines, json_value

__all__ = ["read_results", "read_rows"]

_READABLE = (
    "Inspect (.eval, .json), lm-evaluation-harness (samples_*.jsonl), promptfoo (JSON, JSONL, YAML), CSV or Parquet "
    "with the columns candidate, example, score, or a file of merits run --json"
)


def read_results(path: str | Path, reading: Reading | None = None) -> Evaluation:
    """The evaluation in a file of results, of ours or of another tool.

    Raises DataError, with the place, for a file that is missing, broken or of no known format, and MissingExtra where
    an optional package is needed to read it.
    """
    found = _read(Path(path), reading or Reading())
    return found if isinstance(found, Evaluation) else found.evaluation()


def read_rows(path: str | Path, reading: Reading | None = None) -> Found:
    """The outcomes in a file of another tool, row by row. Raises what `read_results` does, and for a file of ours."""
    found = _read(Path(path), reading or Reading())
    if isinstance(found, Evaluation):
        raise DataError(
            f"{Path(path).name} is a file of outcomes of Merits itself, without inputs and answers.",
            "Compare with it instead: merits compare FILE NAME",
        )
    return found


def _read(path: Path, how: Reading) -> Found | Evaluation:
    start = first_bytes(path, 64)
    if start[:4] == b"PK\x03\x04":
        return inspect_log.read_archive(path, how)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _from_json(path, how)
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<":
        raise DataError(f"{path.name} is a page for readers, not a file of results.", promptfoo.AS_JSON)
    if text.startswith(b"evalId:"):
        return promptfoo.read_yaml(path, how)
    if start[:4] != b"PAR1" and start[:2] != b"\x1f\x8b" and b"\x00" in start:
        raise DataError(f"{path.name} is of no format that is known.", f"Readable are: {_READABLE}.")
    return read_table(path, how)


def _from_json(path: Path, reading: Reading) -> Found | Evaluation:
    first = _first_line(path)
    if lm_eval.is_samples(first):
        return lm_eval.read_samples(path, reading)
    if promptfoo.is_result(first):
        return promptfoo.read_lines(json_lines(path), path.name, reading)
    value = json_value(path)
    if isinstance(value, Mapping):
        outcomes = value.get("outcomes", value) if str(value.get("schema", "")).startswith("merits.") else value
        if isinstance(outcomes, Mapping) and str(outcomes.get("schema", "")).startswith(SCHEMA.partition("/")[0]):
            return read_own(outcomes, path.name)
    if inspect_log.is_inspect(value):
        return inspect_log.read_json(value, path.name, reading)
    if promptfoo.is_promptfoo(value):
        return promptfoo.read_json(value, path.name, reading)
    if lm_eval.is_results(value):
        return lm_eval.read_results(path, value, reading)
    raise DataError(f"{path.name} is JSON of no tool that is known.", f"Readable are: {_READABLE}.")


def _first_line(path: Path) -> JSON:
    """The JSON value that stands on the first line alone; None when the file is no file of lines."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = file.readline()
    try:
        value: JSON = json.loads(line)
    except ValueError:
        return None
    return value
