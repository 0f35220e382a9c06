"""Reads what lm-evaluation-harness writes with --log_samples: `samples_*.jsonl`, found through `results_*.json` too.

There is one row for each document and filter; one metric through one filter is read. Documents are told apart by the
hashes of document, prompt and target. The harness stops at an error, so nothing here ever failed.
https://github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/interface.md
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast

from merits.core.errors import DataError
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Status
from merits.core.validate import did_you_mean
from merits.evaluating.importing.outcomes import Found, Imported, Reading, Source
from merits.evaluating.importing.texts import Line, json_lines, json_value

__all__ = ["is_results", "is_samples", "read_results", "read_samples"]

Object: TypeAlias = Mapping[str, JSON]
_HASHES = ("doc_hash", "prompt_hash", "target_hash")
_NO_METRICS = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", *_HASHES}
)
_SAMPLES = re.compile(r"samples_(?P<task>.+?)_(?P<date>\d{4}-\d\d-\d\dT[\d.\-]+)\.jsonl$")
_RESULTS = re.compile(r"results_(?P<date>\d{4}-\d\d-\d\dT[\d.\-]+)\.json$")


def is_results(value: JSON) -> bool:
    """Whether a JSON value holds the harness's totals."""
    return isinstance(value, Mapping) and "results" in value and ("configs" in value or "n-shot" in value)


def is_samples(value: JSON) -> bool:
    """Whether a line is one of the harness's rows."""
    return isinstance(value, Mapping) and {"doc_id", "doc", "resps"} <= value.keys()


def read_results(path: Path, value: JSON, reading: Reading) -> Found:
    """The outcomes in the samples that lie beside a file of totals, of all tasks of that run."""
    match = _RESULTS.search(path.name)
    date = match["date"] if match else ""
    samples = sorted(path.parent.glob(f"samples_*_{date}.jsonl" if date else "samples_*.jsonl"))
    if not samples:
        raise DataError(
            f"{path.name} holds totals only, and no samples_*.jsonl of that run lies beside it.",
            "Run lm_eval with --log_samples, and keep its files together.",
        )
    return _read(samples, _model(cast("Object", value), path), path.name, reading)


def read_samples(path: Path, reading: Reading) -> Found:
    """The outcomes in one file of samples. The model's name is that of the run's totals, else of the folder."""
    match = _SAMPLES.search(path.name)
    totals = path.with_name(f"results_{match['date']}.json") if match else path
    told = json_value(totals) if match and totals.is_file() else {}
    return _read([path], _model(cast("Object", told), path), path.name, reading)


def _model(told: Object, path: Path) -> str:
    config = told.get("config")
    arguments = config.get("model_args") if isinstance(config, Mapping) else None
    name = told.get("model_name") or (arguments if isinstance(arguments, str) else None)
    return str(name or path.absolute().parent.name.replace("__", "/"))


def _read(paths: Sequence[Path], model: str, file: str, reading: Reading) -> Found:
    rows: list[Imported] = []
    chosen = ""
    for path in paths:
        match = _SAMPLES.search(path.name)
        task = match["task"] if match else path.stem
        lines = json_lines(path)
        metric, filtered = _metric(lines, path.name, reading.metric)
        chosen = chosen or metric
        rows += [
            _outcome(line, model, task, metric, reading)
            for line in lines
            if filtered is None or line.value.get("filter", "none") == filtered
        ]
    tasks = {row.tags["task"] for row in rows}
    name = tasks.pop() if len(tasks) == 1 else file
    told = reading.solved_at is not None
    return Found(rows, Source(file, "lm-evaluation-harness", name, chosen, reading.words, told))


def _metric(lines: Sequence[Line], file: str, wanted: str) -> tuple[str, str | None]:
    """Which metric through which filter: "exact_match,strict-match", or the first of each that is not named."""
    filters = list(dict.fromkeys(str(line.value.get("filter", "none")) for line in lines))
    name, _, filtered = wanted.partition(",")
    metrics = list(dict.fromkeys(metric for line in lines for metric in _metrics(line.value)))
    if not metrics:
        raise DataError(f"{file} holds no metric.", "Name a file that lm_eval wrote with --log_samples.")
    for what, word, options in (("metric", name, metrics), ("filter", filtered, filters)):
        if word and word not in options:
            raise DataError(f"{file} has no {what} {word!r}.", did_you_mean(word, options))
    return name or metrics[0], filtered or (filters[0] if filters else None)


def _metrics(row: Object) -> list[str]:
    named = row.get("metrics")
    if isinstance(named, list):
        return [str(name) for name in named]
    return [key for key, value in row.items() if key not in _NO_METRICS and isinstance(value, bool | int | float)]


def _outcome(line: Line, model: str, task: str, metric: str, reading: Reading) -> Imported:
    row = line.value
    value = row.get(metric)
    if value is not None and not isinstance(value, bool | int | float):
        raise DataError(
            f"{line.place}: {metric!r} is {str(value)[:40]!r}, no score from 0 to 1.", "Name another with --metric."
        )
    score = None if value is None or math.isnan(value) else float(value)
    known = [row.get(name) for name in _HASHES]
    return Imported(
        candidate=model,
        example=f"{task}/{row.get('doc_id')}",
        place=line.place,
        status=Status.UNSCORED if score is None else Status.SCORED,
        value=score or 0.0,
        solved=score is not None and score >= reading.threshold,
        input_hash=content_hash(known if all(known) else row.get("doc")),
        tags={"task": task},
        input=_asked(row),
        target=row.get("target"),
        output=_said(row),
    )


def _asked(row: Object) -> JSON:
    """The prompt of a generation, chat messages where it was sent as such; the document where several were asked."""
    arguments = cast("Object", row.get("arguments") or {})
    first = cast("Object", arguments.get("gen_args_0") or {}).get("arg_0") if len(arguments) == 1 else None
    prompt = first[0] if isinstance(first, list) and first else first
    if not isinstance(prompt, str):
        return row.get("doc")
    if isinstance(first, list):
        try:
            messages: JSON = json.loads(prompt)
        except ValueError:
            return prompt
        return messages
    return prompt


def _said(row: Object) -> JSON:
    """What is left of the answer after the filter; where that is one text, the text."""
    filtered = row.get("filtered_resps")
    return filtered[0] if isinstance(filtered, list) and len(filtered) == 1 else filtered
