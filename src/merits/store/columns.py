"""An evaluation as a header and arrays of bytes, and back: a million outcomes load in a fraction of a second.

Arrays are in NumPy's own `.npy` format and never unpickled. Knows nothing about where they are kept.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.doors import StoredRun
from merits.core.errors import StoreError
from merits.core.evaluation import Budgeted, Calls, Composed, Counted, Evaluation, Labels, Raced, Taught
from merits.core.hashes import Hashes
from merits.core.judge import Judged
from merits.core.robustness import Level
from merits.core.task import Split

__all__ = ["described", "pack", "unpack"]

Array = NDArray[Any]
_PLAIN = ("repeats", "group", "status", "value", "solved", "latency_s", "machine_s", "attempts", "cost", "priced")
_TEXTS = ("examples", "input_hashes", "perturbations")
_OF_RACE = ("place", "rounds", "asked", "late")
_OF_CALLS = ("machine_s", "attempts", "unmetered", "at")
_BY_NAME = ("scores", "tokens", "tags", "services")


class _Column(msgspec.Struct, omit_defaults=True):
    """Where an array is, and its shape when only one value was kept because all are the same.

    `hashes` are held as 16 bytes each, `text` at one byte a character where it is ASCII.
    """

    at: str
    same: tuple[int, ...] | None = None
    text: bool = False
    hashes: bool = False


class _Race(msgspec.Struct, kw_only=True):
    """What is said of a race beside its arrays."""

    mode: Literal["certified", "economy"]
    target: Literal["examples", "traffic"]
    delta: float
    seed: int
    stopped: Literal["decided", "exhausted", "budget"]


class _Header(msgspec.Struct, kw_only=True):
    task: str
    task_name: str
    kind: str
    split: Split
    candidates: tuple[Candidate, ...]
    versions: tuple[str, ...]
    scorer: str
    currency: str
    facts: dict[str, str]
    classes: tuple[str, ...] | None
    columns: dict[str, _Column]
    race: _Race | None = None
    judged: tuple[Judged, ...] = ()
    taught: tuple[Taught, ...] = ()
    budget: Budgeted | None = None
    levels: tuple[Level, ...] = ()
    composed: dict[int, tuple[int, ...]] = {}
    parts: msgspec.Raw = msgspec.Raw()  # the header of the parts' evaluation, if there is one
    at: float | None = None  # when it was stored; evaluations that were stored before this was kept have none


def pack(evaluation: Evaluation, keep: Callable[[bytes], str], *, at: float | None = None) -> bytes:
    """The header as JSON. Each array is handed to `keep`, which returns where it is. `at` says when, in UNIX seconds.

    >>> import numpy as np
    >>> from merits.testing.evaluations import tiny
    >>> kept = {}
    >>> def keep(data):
    ...     return kept.setdefault(data, str(len(kept)))
    >>> header = pack(tiny(), keep)
    >>> again = unpack(header, {at: data for data, at in kept.items()}.__getitem__)
    >>> again.names == tiny().names and np.array_equal(again.value, tiny().value)
    True
    """
    columns: dict[str, _Column] = {}
    for name, values in _arrays(evaluation):
        hashes = isinstance(values, Hashes)
        array = values.digests if isinstance(values, Hashes) else values
        text = array.dtype.kind == "U"
        same = array.shape if array.size > 1 and bool((array == array.flat[0]).all()) else None
        plain = array.flat[0:1] if same else array
        columns[name] = _Column(keep(_bytes(_narrow(plain) if text else plain)), same, text, hashes)
    labels = evaluation.labels
    return msgspec.json.encode(
        _Header(
            task=evaluation.task,
            task_name=evaluation.task_name,
            kind=evaluation.kind,
            split=evaluation.split,
            candidates=evaluation.candidates,
            versions=evaluation.versions,
            scorer=evaluation.scorer,
            currency=evaluation.currency,
            facts=dict(evaluation.facts),
            classes=labels.classes if labels else None,
            columns=columns,
            race=_race(evaluation.raced),
            judged=evaluation.judged,
            taught=evaluation.taught,
            budget=evaluation.budget,
            levels=evaluation.levels,
            composed={k: made.parts for k, made in evaluation.composed.items()},
            parts=msgspec.Raw(b"null" if evaluation.parts is None else pack(evaluation.parts, keep)),
            at=at,
        )
    )


def described(header: bytes, number: int) -> StoredRun:
    """What a header says of its evaluation, without the arrays."""
    head = _head(header)
    return StoredRun(
        number=number,
        task=head.task,
        task_name=head.task_name,
        split=head.split,
        candidates=tuple(candidate.name for candidate in head.candidates),
        at=head.at,
    )


def unpack(header: bytes, fetch: Callable[[str], bytes]) -> Evaluation:
    """The evaluation whose arrays `fetch` finds. The arrays cannot be written to."""
    head = _head(header)
    arrays = {name: _array(column, fetch(column.at)) for name, column in head.columns.items()}
    return Evaluation(
        task=head.task,
        task_name=head.task_name,
        kind=head.kind,
        split=head.split,
        candidates=head.candidates,
        versions=head.versions,
        scorer=head.scorer,
        currency=head.currency,
        facts=head.facts,
        labels=_labels(head.classes, arrays),
        confidence=_by_index(arrays, "confidence"),
        examples=arrays["examples"],
        input_hashes=Hashes(arrays["input_hashes"]) if head.columns["input_hashes"].hashes else arrays["input_hashes"],
        repeats=arrays["repeats"],
        perturbations=arrays["perturbations"],
        group=arrays["group"],
        status=arrays["status"],
        value=arrays["value"],
        solved=arrays["solved"],
        latency_s=arrays["latency_s"],
        machine_s=arrays["machine_s"],
        attempts=arrays["attempts"],
        cost=arrays["cost"],
        priced=arrays["priced"],
        tags=_by_name(arrays, "tags"),
        scores=_by_name(arrays, "scores"),
        tokens=_by_name(arrays, "tokens"),
        services=_by_name(arrays, "services"),
        raced=_raced(head.race, arrays),
        counts=_counts(arrays),
        silent=arrays.get("silent"),
        untimed=arrays.get("untimed"),
        unmetered=arrays.get("unmetered"),
        judged=head.judged,
        taught=head.taught,
        calls=_calls(arrays),
        unasked=arrays.get("unasked"),
        budget=head.budget,
        levels=head.levels,
        composed={k: Composed(parts, arrays[f"consulted/{k}"]) for k, parts in head.composed.items()},
        parts=unpack(bytes(head.parts), fetch) if bytes(head.parts) not in (b"", b"null") else None,
    )


def _head(header: bytes) -> _Header:
    try:
        return msgspec.json.decode(header, type=_Header)
    except msgspec.DecodeError as problem:
        raise StoreError(f"A stored evaluation is broken: {problem}.", "Run the evaluation again.") from None


def _arrays(evaluation: Evaluation) -> Iterator[tuple[str, Array | Hashes]]:
    for name in (*_PLAIN, *_TEXTS):
        yield name, getattr(evaluation, name)
    for name in ("silent", "untimed", "unmetered", "unasked"):
        array = getattr(evaluation, name)
        if array is not None:
            yield name, array
    for field in _BY_NAME:
        for key, array in getattr(evaluation, field).items():
            yield f"{field}/{key}", array
    for key, counted in evaluation.counts.items():
        yield f"counts/{counted.statistic}/{key}", counted.values
    for index, array in evaluation.confidence.items():
        yield f"confidence/{index}", array
    for index, made in evaluation.composed.items():
        yield f"consulted/{index}", made.consulted
    yield from _arrays_of_calls(evaluation)
    if evaluation.raced is not None:
        for name in _OF_RACE:
            yield f"race/{name}", getattr(evaluation.raced, name)
    if evaluation.labels is not None:
        yield "target", evaluation.labels.target
        yield "predicted", evaluation.labels.predicted
        for index, probabilities in evaluation.labels.probabilities.items():
            yield f"probabilities/{index}", probabilities


def _labels(classes: tuple[str, ...] | None, arrays: Mapping[str, Array]) -> Labels | None:
    if classes is None:
        return None
    return Labels(classes, arrays["target"], arrays["predicted"], _by_index(arrays, "probabilities"))


def _race(raced: Raced | None) -> _Race | None:
    return None if raced is None else _Race(**{name: getattr(raced, name) for name in _Race.__struct_fields__})


def _raced(said: _Race | None, arrays: Mapping[str, Array]) -> Raced | None:
    if said is None:
        return None
    known = {name: arrays[f"race/{name}"] for name in _OF_RACE if f"race/{name}" in arrays}  # older ones have no `late`
    return Raced(mode=said.mode, target=said.target, delta=said.delta, seed=said.seed, stopped=said.stopped, **known)


def _counts(arrays: Mapping[str, Array]) -> dict[str, Counted]:
    found = {}
    for name, array in _by_name(arrays, "counts").items():
        statistic, key = name.split("/", 1)
        found[key] = Counted(statistic, array)
    return found


def _arrays_of_calls(evaluation: Evaluation) -> Iterator[tuple[str, Array]]:
    for version, calls in evaluation.calls.items():
        for name in _OF_CALLS:
            yield f"calls/{version}/{name}", getattr(calls, name)
        for field in ("tokens", "services"):
            for key, array in getattr(calls, field).items():
                yield f"calls/{version}/{field}/{key}", array


def _calls(arrays: Mapping[str, Array]) -> dict[str, Calls]:
    found = _by_name(arrays, "calls")
    versions = dict.fromkeys(name.split("/", 1)[0] for name in found)
    return {version: _calls_of(_by_name(found, version)) for version in versions}


def _calls_of(arrays: Mapping[str, Array]) -> Calls:
    by_kind, by_tier = _by_name(arrays, "tokens"), _by_name(arrays, "services")
    return Calls(tokens=by_kind, services=by_tier, **{name: arrays[name] for name in _OF_CALLS})


def _by_name(arrays: Mapping[str, Array], field: str) -> dict[str, Array]:
    return {name.split("/", 1)[1]: array for name, array in arrays.items() if name.startswith(f"{field}/")}


def _by_index(arrays: Mapping[str, Array], field: str) -> dict[int, Array]:
    return {int(index): array for index, array in _by_name(arrays, field).items()}


def _narrow(texts: Array) -> Array:
    """ASCII texts at one byte a character instead of four; others as they are."""
    try:
        return texts.astype("S")
    except UnicodeEncodeError:
        return texts


def _bytes(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def _array(column: _Column, data: bytes) -> Array:
    """The array in its bytes, without a copy where that can be. One value for all takes the memory of one."""
    file = io.BytesIO(data)
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise StoreError("A stored evaluation holds Python objects, which are never loaded.", "Run it again.")
    array: Array = np.frombuffer(data, dtype, offset=file.tell()).reshape(shape)
    if column.text and dtype.kind == "S":
        array = array.astype("U")
    if column.same is not None:
        array = np.broadcast_to(array[0], column.same)
    array.flags.writeable = False
    return array
