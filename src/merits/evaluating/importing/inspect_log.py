"""Reads the logs of Inspect: `.eval` (a ZIP archive) and `.json`, finished or not.

A sample with an error failed; one whose score is NaN, or that has none, is unscored; one that the data set names and
the log does not have is missing. Scores are "C", "I", "P", "N", numbers, truth values, or mappings of these.
https://inspect.aisi.org.uk/eval-logs.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, cast

from merits.core.answer import Usage
from merits.core.errors import DataError
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Status
from merits.core.validate import did_you_mean
from merits.evaluating.importing.archive import Archive, opened
from merits.evaluating.importing.outcomes import Found, Imported, Reading, Source

__all__ = ["is_inspect", "read_archive", "read_json"]

Object: TypeAlias = Mapping[str, JSON]
_WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_TOKENS = ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write", "output_tokens", "reasoning_tokens")
_ATTACHED = "attachment://"
_LONGEST_TAG = 60


def is_inspect(value: JSON) -> bool:
    """Whether a JSON value is an Inspect log."""
    return isinstance(value, Mapping) and "eval" in value and ("samples" in value or "plan" in value)


def read_archive(path: Path, reading: Reading) -> Found:
    """The outcomes in an `.eval` file; of an unfinished run, as far as it got."""
    with opened(path) as archive:
        names = archive.names
        head = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
        if head is None:
            raise DataError(f"{path.name} is an archive without a header.json.", "Name an .eval file of Inspect.")
        header = _object(archive.read(head), f"{path.name}, {head}")
        return _evaluation(header, _samples(archive, path.name), path.name, reading)


def read_json(value: JSON, file: str, reading: Reading) -> Found:
    """The outcomes in an Inspect log that was read as JSON."""
    header = cast("Object", value)
    samples = cast("list[Object]", header.get("samples") or [])
    return _evaluation(header, ((f"{file}, sample {i}", s) for i, s in enumerate(samples, 1)), file, reading)


def _samples(archive: Archive, file: str) -> Iterator[tuple[str, Object]]:
    for name in archive.names:
        if name.startswith("samples/") and name.endswith(".json"):
            place = f"{file}, {name}"
            yield place, _object(archive.read(name), place)


def _object(data: bytes, place: str) -> Object:
    try:
        value = json.loads(data)  # not msgspec: Inspect writes NaN
    except ValueError as problem:
        raise DataError(f"{place} is no JSON: {problem}.", "Copy the file again.") from None
    if not isinstance(value, dict):
        raise DataError(f"{place} is no JSON object.", "Name a log that Inspect wrote.")
    return value


def _evaluation(header: Object, samples: Iterable[tuple[str, Object]], file: str, reading: Reading) -> Found:
    told = cast("Object", header["eval"])
    model = str(told.get("model") or "model")
    read = list(samples)
    metric = _metric((sample for _, sample in read), reading, file)
    rows = [_outcome(sample, model, place, metric, reading) for place, sample in read]
    status = str(header.get("status", "started"))
    facts = {} if status == "success" else {"status": f"{status}: the run did not finish"}
    source = Source(
        file, "Inspect", str(told.get("task") or file), metric, reading.words, reading.solved_at is not None, facts
    )
    return Found(_in_order([*rows, *_missing(told, rows, model, file)], told), source)


def _in_order(rows: list[Imported], told: Object) -> list[Imported]:
    """As the data set has them, not as they were finished."""
    ids = cast("list[JSON]", cast("Object", told.get("dataset") or {}).get("sample_ids") or [])
    places = {str(example): place for place, example in enumerate(ids)}
    return sorted(rows, key=lambda row: (places.get(row.example, len(places)), row.repeat))


def _metric(samples: Iterable[Object], reading: Reading, file: str) -> str:
    """The score that is read: "scorer", or "scorer/key" where a scorer gives a mapping."""
    known: dict[str, None] = {}
    for sample in samples:
        for scorer, score in cast("Mapping[str, Object]", sample.get("scores") or {}).items():
            value = score.get("value")
            known.update(
                dict.fromkeys([f"{scorer}/{key}" for key in value] if isinstance(value, Mapping) else [scorer])
            )
    if not reading.metric:
        return next(iter(known), "score")
    if reading.metric not in known:
        raise DataError(f"{file} has no score {reading.metric!r}.", did_you_mean(reading.metric, known))
    return reading.metric


def _outcome(sample: Object, model: str, place: str, metric: str, reading: Reading) -> Imported:
    value = _value(sample, metric, place)
    status = Status.SCORED if value is not None else Status.UNSCORED
    if sample.get("error"):
        status, value = Status.FAILED, None
    elif sample.get("invalidation"):
        status, value = Status.UNSCORED, None
    attachments = cast("Object", sample.get("attachments") or {})
    asked = _unattached(sample.get("input"), attachments)
    used = _used(sample, model)
    return Imported(
        candidate=model,
        example=str(sample.get("id")),
        place=place,
        status=status,
        value=value or 0.0,
        solved=value is not None and value >= reading.threshold,
        repeat=int(cast("int", sample.get("epoch") or 1)) - 1,
        input_hash=content_hash(asked),
        cost=_cost(used),
        latency_s=_latency_s(sample),
        tags=_tags(cast("Object", sample.get("metadata") or {})),
        input=asked,
        target=sample.get("target"),
        output=_unattached(cast("Object", sample.get("output") or {}).get("completion"), attachments),
        usage=_usage(used),
        error=_error(sample),
    )


def _value(sample: Object, metric: str, place: str) -> float | None:
    """The score as a number; None where there is none, or NaN."""
    scorer, _, key = metric.partition("/")
    scores = cast("Mapping[str, Object]", sample.get("scores") or {})
    score = scores.get(metric) or scores.get(scorer)
    value = score.get("value") if score else None
    if isinstance(value, Mapping):
        value = value.get(key)
    if isinstance(value, str):
        value = _WORDS.get(value, _WORDS.get(value.lower(), _number(value)))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | float):
        return float(value)
    raise DataError(f"{place}: the score {metric!r} is {str(value)[:40]!r}.", "Name another one with --metric.")


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _used(sample: Object, model: str) -> Object | None:
    """What the candidate used: that of its one answer, else of all calls of its model in the sample.

    None where that is not recorded, or where a grader on the same model cannot be told apart: `model_usage` counts
    both, and `role_usage` is empty where the grader was given no role.
    """
    if _n_turns(sample) == 1 and (own := _only_usage(sample)) is not None:
        return own
    if sample.get("role_usage") or _graded_by(sample, model):
        return None
    usage = cast("Mapping[str, Object]", sample.get("model_usage") or {})
    return usage.get(model) or (next(iter(usage.values())) if len(usage) == 1 else None)


def _graded_by(sample: Object, model: str) -> bool:
    """Whether a grader's recorded reply is from this model."""
    scores = cast("Mapping[str, Object]", sample.get("scores") or {}).values()
    graders = [cast("Object", score.get("metadata") or {}).get("grading") for score in scores]
    replies = [message for grading in graders if isinstance(grading, list) for message in grading]
    return any(
        isinstance(reply, Mapping) and reply.get("model") and model.endswith(str(reply["model"])) for reply in replies
    )


def _only_usage(sample: Object) -> Object | None:
    usage = cast("Object", sample.get("output") or {}).get("usage")
    return usage if isinstance(usage, Mapping) else None


def _n_turns(sample: Object) -> int:
    """How often the candidate answered in a sample; 0 where the messages were not kept."""
    messages = cast("list[Object]", sample.get("messages") or [])
    return sum(message.get("role") == "assistant" for message in messages)


def _latency_s(sample: Object) -> float | None:
    """The seconds of the model's one call; where it was asked several times, those of the whole sample.

    Inspect's `working_time` is without the waiting for a free place and for a rate limit, but with the scoring.
    """
    seconds = cast("Object", sample.get("output") or {}).get("time") if _n_turns(sample) == 1 else None
    return cast("float | None", sample.get("working_time") if seconds is None else seconds)


def _cost(used: Object | None) -> float | None:
    return None if used is None else cast("float | None", used.get("total_cost"))


def _usage(used: Object | None) -> Usage | None:
    """The tokens by kind: Inspect's input tokens are without the cached ones, its output tokens with the reasoning."""
    if used is None or used.get("input_tokens") is None:
        return None
    count = {name: int(cast("int", used.get(name) or 0)) for name in _TOKENS}
    return Usage(
        input_tokens=count["input_tokens"],
        cache_read_tokens=count["input_tokens_cache_read"],
        cache_write_tokens=count["input_tokens_cache_write"],
        output_tokens=max(0, count["output_tokens"] - count["reasoning_tokens"]),
        reasoning_tokens=min(count["reasoning_tokens"], count["output_tokens"]),
    )


def _error(sample: Object) -> str:
    error = sample.get("error")
    return str(error.get("message") or "") if isinstance(error, Mapping) else str(error or "")


def _tags(metadata: Object) -> dict[str, str]:
    """What is short and plain in a sample's metadata: a slice that it is in."""
    return {
        name: str(value)
        for name, value in metadata.items()
        if isinstance(value, str | bool | int) and len(str(value)) <= _LONGEST_TAG
    }


def _unattached(value: JSON, attachments: Object) -> JSON:
    """The value with every reference to an attachment replaced by what it refers to, and no ids of messages."""
    if isinstance(value, str):
        return attachments.get(value.removeprefix(_ATTACHED), value) if value.startswith(_ATTACHED) else value
    if isinstance(value, Mapping):
        return {key: _unattached(part, attachments) for key, part in value.items() if key != "id"}
    return [_unattached(part, attachments) for part in value] if isinstance(value, list) else value


def _missing(told: Object, rows: list[Imported], model: str, file: str) -> Iterator[Imported]:
    """The samples that the data set has and the log does not."""
    data, config = cast("Object", told.get("dataset") or {}), cast("Object", told.get("config") or {})
    there = {(row.example, row.repeat) for row in rows}
    hashes = {row.example: row.input_hash for row in rows}
    for example in cast("list[JSON]", data.get("sample_ids") or []):
        for repeat in range(int(cast("int", config.get("epochs") or 1))):
            name = str(example)
            if (name, repeat) not in there:
                yield Imported(model, name, file, Status.MISSING, repeat=repeat, input_hash=hashes.get(name, ""))
