"""Reads promptfoo's export, version 3: JSON, or JSONL with one result on each line.

`failureReason` 2 is an error, so the candidate failed; where the grader itself failed the outcome is unscored, unless
another assertion rejected the answer anyway. A cost of 0 is promptfoo's way to say that it knows none.
https://www.promptfoo.dev/docs/configuration/outputs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, cast

from merits.core.errors import DataError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Status
from merits.core.validate import did_you_mean
from merits.evaluating.importing.outcomes import Imported, Reading, Source, evaluation_of
from merits.evaluating.importing.texts import Line

__all__ = ["is_promptfoo", "is_result", "read_json", "read_lines"]

Object: TypeAlias = Mapping[str, JSON]
_ERROR = 2  # promptfoo's ResultFailureReason.ERROR
_VERSION = 3


def is_promptfoo(value: JSON) -> bool:
    """Whether a JSON value is an export of promptfoo."""
    results = value.get("results") if isinstance(value, Mapping) else None
    return isinstance(results, Mapping) and isinstance(results.get("results"), list)


def is_result(value: JSON) -> bool:
    """Whether a line is one of promptfoo's results."""
    return isinstance(value, Mapping) and {"testIdx", "promptIdx", "provider"} <= value.keys()


def read_json(value: JSON, file: str, reading: Reading) -> Evaluation:
    """The evaluation in an export that was read as JSON."""
    export = cast("Object", value)
    inner = cast("Object", export["results"])
    version = inner.get("version", export.get("version", _VERSION))
    if version != _VERSION:
        raise DataError(
            f"{file} is an export of version {version}; version {_VERSION} can be read.",
            "Export it again with a newer promptfoo: promptfoo export eval ID -o results.json",
        )
    results = cast("list[Object]", inner["results"])
    lines = [Line(f"{file}, result {number}", result) for number, result in enumerate(results, start=1)]
    config = export.get("config")
    described = config.get("description") if isinstance(config, Mapping) else None
    return _read(lines, file, str(described or file), reading)


def read_lines(lines: Sequence[Line], file: str, reading: Reading) -> Evaluation:
    """The evaluation in a file with one result on each line."""
    return _read(lines, file, file, reading)


def _read(lines: Sequence[Line], file: str, task: str, reading: Reading) -> Evaluation:
    _check_metric((line.value for line in lines), file, reading.metric)
    prompts = dict.fromkeys(line.value.get("promptIdx") for line in lines)
    rows = [_outcome(line, reading, several_prompts=len(prompts) > 1) for line in lines]
    solved = reading.words if reading.metric else "promptfoo's own verdict"
    told = not reading.metric or reading.solved_at is not None
    return evaluation_of(rows, Source(file, "promptfoo", task, reading.metric or "score", solved, told))


def _check_metric(results: Iterable[Object], file: str, wanted: str) -> None:
    named = {name for result in results for name in cast("Object", result.get("namedScores") or {})}
    if wanted and wanted not in named:
        raise DataError(f"{file} has no metric {wanted!r}.", did_you_mean(wanted, named) if named else "It names none.")


def _outcome(line: Line, reading: Reading, *, several_prompts: bool) -> Imported:
    result = line.value
    status = _status(result)
    value = result.get("score")
    if reading.metric:
        value = cast("Object", result.get("namedScores") or {}).get(reading.metric)
    if status == Status.SCORED and not isinstance(value, int | float):
        status = Status.UNSCORED
    score = float(value) if status == Status.SCORED and isinstance(value, int | float) else 0.0
    cost, latency_ms = result.get("cost"), result.get("latencyMs")
    return Imported(
        candidate=_candidate(result, several_prompts=several_prompts),
        example=str(result.get("testIdx")),
        place=line.place,
        status=status,
        value=score,
        solved=status == Status.SCORED and (score >= reading.threshold if reading.metric else bool(result["success"])),
        input_hash=content_hash(result.get("vars") or cast("Object", result.get("testCase") or {}).get("vars")),
        cost=float(cost) if isinstance(cost, int | float) and cost > 0 else None,
        latency_s=latency_ms / 1000.0 if isinstance(latency_ms, int | float) else None,
        tags=_tags(result),
    )


def _status(result: Object) -> Status:
    if result.get("failureReason") == _ERROR:
        return Status.FAILED
    if "success" not in result or _only_the_grader_failed(cast("Object", result.get("gradingResult") or {})):
        return Status.UNSCORED
    return Status.SCORED


def _only_the_grader_failed(grading: Object) -> bool:
    """Whether a grader could not judge, and no other assertion rejected the answer."""
    parts = cast("list[Object]", grading.get("componentResults") or [])
    if not parts:
        return _graders_fault(grading)
    rejected = any(not part.get("pass") and not _graders_fault(part) for part in parts)
    return not rejected and (_graders_fault(grading) or any(_graders_fault(part) for part in parts))


def _graders_fault(grading: Object) -> bool:
    metadata = grading.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("graderError"))


def _candidate(result: Object, *, several_prompts: bool) -> str:
    provider = result.get("provider")
    name = provider.get("label") or provider.get("id") if isinstance(provider, Mapping) else provider
    if not several_prompts:
        return str(name)
    return f"{name}, prompt {int(cast('int', result.get('promptIdx'))) + 1}"


def _tags(result: Object) -> dict[str, str]:
    metadata = cast("Object", result.get("testCase") or {}).get("metadata")
    if not isinstance(metadata, Mapping):
        return {}
    return {name: str(value) for name, value in metadata.items() if isinstance(value, str | bool | int)}
