"""Reads promptfoo's export, version 3: JSON, YAML, or JSONL with one result on each line.

`failureReason` 2 is an error, so the candidate failed; where the grader itself failed the outcome is unscored, unless
another assertion rejected the answer anyway. A cost of 0 is promptfoo's way to say that it knows none.
https://www.promptfoo.dev/docs/configuration/outputs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

from merits.core.answer import Usage
from merits.core.errors import DataError
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Status
from merits.core.validate import did_you_mean
from merits.evaluating.importing.outcomes import Found, Imported, Reading, Source
from merits.evaluating.importing.texts import Line

__all__ = ["AS_JSON", "is_promptfoo", "is_result", "is_table", "read_json", "read_lines", "read_yaml"]

Object: TypeAlias = Mapping[str, JSON]
AS_JSON = "Where it is promptfoo's, write it as JSON: promptfoo eval -o results.json, or promptfoo export eval ID."
_TABLE = ("Status", "Score", "Named Scores")  # columns of its CSV, once for each provider and prompt
_COMPARING = ("equals", "iequals", "contains", "icontains")
_DETAILS = ("cacheReadInputTokens", "cacheCreationInputTokens", "reasoning")
_ERROR = 2  # promptfoo's ResultFailureReason.ERROR
_VERSION = 3
_REPEAT = "merits repeat"  # a key of our own, which none of theirs can be


def is_promptfoo(value: JSON) -> bool:
    """Whether a JSON value is an export of promptfoo."""
    results = value.get("results") if isinstance(value, Mapping) else None
    return isinstance(results, Mapping) and isinstance(results.get("results"), list)


def is_result(value: JSON) -> bool:
    """Whether a line is one of promptfoo's results."""
    return isinstance(value, Mapping) and {"testIdx", "promptIdx", "provider"} <= value.keys()


def read_json(value: JSON, file: str, reading: Reading) -> Found:
    """The outcomes in an export that was read as JSON."""
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
    return _read(_repeated(lines, export), file, str(described or file), reading)


def read_yaml(path: Path, reading: Reading) -> Found:
    """The outcomes in an export that was written as YAML."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        value: JSON = yaml.load(path.read_text("utf-8-sig"), loader)
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise DataError(f"{path.name} is not a whole YAML file: {str(problem).splitlines()[0]}.", AS_JSON) from None
    if not is_promptfoo(value):
        raise DataError(f"{path.name} is YAML of no tool that is known.", AS_JSON)
    return read_json(value, path.name, reading)


def is_table(columns: Sequence[str]) -> bool:
    """Whether these are the columns of promptfoo's CSV: it holds texts and verdicts, but not why one failed."""
    return all(name in columns for name in _TABLE)


def _repeated(lines: list[Line], export: Object) -> list[Line]:
    """The results of `--repeat N`, numbered: it runs each test N times in a row, each with a `testIdx` of its own.

    As they are where that is not what the variables show.
    """
    options = export.get("runtimeOptions")
    n = int(cast("int", options.get("repeat") or 1)) if isinstance(options, Mapping) else 1
    if n < 2:
        return lines
    asked: dict[int, JSON] = {}
    for line in lines:
        number = int(cast("int", line.value["testIdx"])) // n
        if asked.setdefault(number, line.value.get("vars")) != line.value.get("vars"):
            return lines
    return [Line(line.place, {**line.value, **_place(int(cast("int", line.value["testIdx"])), n)}) for line in lines]


def _place(test: int, n: int) -> Object:
    return {"testIdx": test // n, _REPEAT: test % n}


def read_lines(lines: Sequence[Line], file: str, reading: Reading) -> Found:
    """The outcomes in a file with one result on each line."""
    return _read(lines, file, file, reading)


def _read(lines: Sequence[Line], file: str, task: str, reading: Reading) -> Found:
    _check_metric((line.value for line in lines), file, reading.metric)
    names = _columns([line.value for line in lines])
    rows = [_outcome(line, reading, names) for line in lines]
    own = _own_verdict(reading)
    solved, told = "promptfoo's own verdict" if own else reading.words, own or reading.solved_at is not None
    return Found(rows, Source(file, "promptfoo", task, reading.metric or "score", solved, told))


def _own_verdict(reading: Reading) -> bool:
    """Whether it is promptfoo that says what is solved: of a metric that was named, and with --solved-at, it is not."""
    return not reading.metric and reading.solved_at is None


def _check_metric(results: Iterable[Object], file: str, wanted: str) -> None:
    named = {name for result in results for name in cast("Object", result.get("namedScores") or {})}
    if wanted and wanted not in named:
        raise DataError(f"{file} has no metric {wanted!r}.", did_you_mean(wanted, named) if named else "It names none.")


def _outcome(line: Line, reading: Reading, names: Mapping[tuple[str, JSON], str]) -> Imported:
    result = line.value
    status = _status(result)
    value = result.get("score")
    if reading.metric:
        value = cast("Object", result.get("namedScores") or {}).get(reading.metric)
    if status == Status.SCORED and not isinstance(value, int | float):
        status = Status.UNSCORED
    score = float(value) if status == Status.SCORED and isinstance(value, int | float) else 0.0
    cost, latency_ms, response = (
        result.get("cost"),
        result.get("latencyMs"),
        cast("Object", result.get("response") or {}),
    )
    asked = result.get("vars") or cast("Object", result.get("testCase") or {}).get("vars")
    cached = bool(response.get("cached"))  # taken from promptfoo's own cache: neither paid nor waited for this time
    return Imported(
        candidate=names[_name(result), result.get("promptIdx")],
        example=str(result.get("testIdx")),
        place=line.place,
        repeat=int(cast("int", result.get(_REPEAT, 0))),
        status=status,
        value=score,
        solved=status == Status.SCORED
        and (bool(result["success"]) if _own_verdict(reading) else score >= reading.threshold),
        input_hash=content_hash(asked),
        cost=float(cost) if isinstance(cost, int | float) and cost > 0 and not cached else None,
        latency_s=latency_ms / 1000.0 if isinstance(latency_ms, int | float) and not cached else None,
        tags=_tags(result),
        input=_input(asked),
        target=_target(result),
        output=response.get("output"),
        usage=None if cached else _usage(response, _provider(result)),
        error=_error(result, status),
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


def _provider(result: Object) -> str:
    provider = result.get("provider")
    return str(provider.get("id") if isinstance(provider, Mapping) else provider)


def _name(result: Object) -> str:
    provider = result.get("provider")
    return str(provider.get("label") or provider.get("id") if isinstance(provider, Mapping) else provider)


def _columns(results: Sequence[Object]) -> dict[tuple[str, JSON], str]:
    """A name for each provider and `promptIdx`: that counts the columns of promptfoo's table, each provider's apart."""
    indexes: dict[str, dict[JSON, None]] = {}
    for result in results:
        indexes.setdefault(_name(result), {})[result.get("promptIdx")] = None
    return {
        (name, index): f"{name}, prompt {number}" if len(own) > 1 else name
        for name, own in indexes.items()
        for number, index in enumerate(sorted(own, key=str), start=1)
    }


def _input(asked: JSON) -> JSON:
    """The variables; where there is only one, its value."""
    return next(iter(asked.values())) if isinstance(asked, Mapping) and len(asked) == 1 else asked


def _target(result: Object) -> JSON:
    """What the first assertion that compares texts expects."""
    asserted = cast("Object", result.get("testCase") or {}).get("assert")
    for each in asserted if isinstance(asserted, list) else []:
        if isinstance(each, Mapping) and each.get("type") in _COMPARING:
            return each.get("value")
    return None


def _usage(response: Object, provider: str) -> Usage | None:
    """The tokens of an answer. OpenAI's prompt tokens contain the cached ones; whether others' do is not written down.

    None where there is no record, or where it cannot be told apart.
    """
    told = response.get("tokenUsage")
    if not isinstance(told, Mapping) or not told.get("prompt"):
        return None
    detail = cast("Object", told.get("completionDetails") or {})
    read, written, reasoning = (_count(detail.get(name)) for name in _DETAILS)
    asked, said = _count(told.get("prompt")), _count(told.get("completion"))
    if (read or written) and not provider.startswith(("openai:", "azure:")):
        return None
    if read + written > asked or reasoning > said:
        return None
    return Usage(
        input_tokens=asked - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=said - reasoning,
        reasoning_tokens=reasoning,
    )


def _count(number: JSON) -> int:
    return int(number) if isinstance(number, int | float) and number > 0 else 0


def _error(result: Object, status: Status) -> str:
    return "" if status == Status.SCORED else str(result.get("error") or "")


def _tags(result: Object) -> dict[str, str]:
    metadata = cast("Object", result.get("testCase") or {}).get("metadata")
    if not isinstance(metadata, Mapping):
        return {}
    return {name: str(value) for name, value in metadata.items() if isinstance(value, str | bool | int)}
