"""Outcomes that another tool recorded, row by row, and the Evaluation they make.

Failed is not wrong, unscored is not failed: each reader says which of these a row is, and what is not there at all is
missing. An unknown price or latency stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import TOKEN_KINDS, Usage
from merits.core.candidate import Candidate
from merits.core.clusters import units_of
from merits.core.errors import DataError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON, content_hash
from merits.core.outcome import Status

__all__ = ["Found", "Imported", "Reading", "Source", "evaluation_of", "in_unit", "with_score"]


_ANSWERED = (Status.SCORED, Status.UNSCORED)


@dataclass(frozen=True)
class Reading:
    """How a file is to be read: which of its metrics (the first or only one unless named), and what counts as solved.

    `solved_at` is the score from which a case counts as solved where the tool itself does not say. Without it that
    is 1, and where there are scores in between it is the mean score that is compared.
    """

    metric: str = ""
    solved_at: float | None = None

    @property
    def threshold(self) -> float:
        """The score from which a case counts as solved."""
        return 1.0 if self.solved_at is None else self.solved_at

    @property
    def words(self) -> str:
        """What counts as solved, for a reader."""
        return f"a score of {self.threshold:g} or more"


@dataclass(frozen=True)
class Source:
    """Where outcomes came from: the file's name, the tool, the name of the task and of the metric that was read.

    `solved` says what counts as solved; `told` whether the tool or the user said so.
    """

    file: str
    tool: str
    task: str
    metric: str
    solved: str
    told: bool
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Imported:
    """One outcome. `place` names it for error messages; `value` means something only where it is scored.

    `input_hash` is "" where the tool did not record the input, which `input` then is not either; `output` and `target`
    are None where they were not recorded, `cost`, `latency_s` and `usage` where they are unknown. `error` says why an
    outcome failed, or was not scored.
    """

    candidate: str
    example: str
    place: str
    status: Status
    value: float = 0.0
    solved: bool = False
    repeat: int = 0
    input_hash: str = ""
    cost: float | None = None
    latency_s: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    input: JSON = None
    target: JSON = None
    output: JSON = None
    usage: Usage | None = None
    error: str = ""


@dataclass(frozen=True)
class Found:
    """What a file holds: outcomes, and where they came from."""

    rows: Sequence[Imported]
    source: Source
    currency: str = "USD"

    def evaluation(self) -> Evaluation:
        """The evaluation that the outcomes make, as `evaluation_of` does."""
        return evaluation_of(self.rows, self.source, self.currency)


def with_score(value: float, place: str) -> float:
    """A score from 0 to 1. Raises DataError, with the next step, for any other number."""
    if 0.0 <= value <= 1.0:
        return value
    raise DataError(
        f"{place}: the score is {value:g}, and scores go from 0 (worst) to 1 (best).",
        "Rescale them, or name another metric with --metric.",
    )


def in_unit(amount: float | None, place: str, what: str) -> float | None:
    """A cost or a latency, None where it is unknown. Raises DataError for one that is negative or no number."""
    if amount is None or 0.0 <= amount < float("inf"):
        return amount
    raise DataError(f"{place}: the {what} is {amount:g}, which cannot be.", "Leave it empty where it is unknown.")


def evaluation_of(rows: Sequence[Imported], source: Source, currency: str = "USD") -> Evaluation:
    """The evaluation that the rows make: one row for each example and repeat, `missing` where a candidate has none.

    Raises DataError for no rows and for two outcomes of one candidate on one example and repeat. Rows of one input
    share a group. `versions` are the hash of all outcomes: other outcomes are another version.
    """
    if not rows:
        raise DataError(f"{source.file} holds no outcomes.", "Name a file with results of single examples.")
    names = tuple(dict.fromkeys(row.candidate for row in rows))
    keys = list(dict.fromkeys((row.example, row.repeat) for row in rows))
    at = _places(rows, names, keys)
    first = _first_of_each(rows, keys)
    shape = (len(names), len(keys))
    arrays = _Arrays(shape)
    for (k, i), row in at.items():
        arrays.record(k, i, row)
    hashes = np.array([row.input_hash for row in first], dtype=np.str_)
    inputs = [row.input_hash or f"example {row.example}" for row in first]
    return Evaluation(
        task=content_hash(["imported", source.tool, source.task]),
        task_name=source.task,
        kind="generation",
        split="test",
        candidates=tuple(Candidate(name=name, kind="imported", params={"candidate": name}) for name in names),
        versions=tuple(arrays.version(k) for k in range(len(names))),
        scorer=source.metric,
        examples=np.array([example for example, _ in keys], dtype=np.str_),
        input_hashes=hashes,
        repeats=np.array([repeat for _, repeat in keys], dtype=np.int32),
        perturbations=np.full(len(keys), "", dtype="<U1"),
        group=np.array(units_of(inputs, [f"example {row.example}" for row in first]), np.int32),
        tags=_tags(first),
        status=arrays.status,
        value=arrays.value,
        solved=arrays.solved,
        scores={},
        latency_s=arrays.latency_s,
        machine_s=np.zeros(shape),
        tokens=arrays.metered(),
        attempts=np.where(arrays.status == Status.MISSING, 0, 1).astype(np.int32),
        cost=arrays.cost,
        priced=arrays.priced(),
        currency=currency,
        facts=_facts(source, arrays),
        untimed=arrays.untimed if arrays.untimed.any() else None,
    )


def _facts(source: Source, arrays: _Arrays) -> dict[str, str]:
    graded = bool((arrays.value != arrays.solved).any()) and not source.told
    told = {"imported from": source.file, "tool": source.tool, "solved means": source.solved, **source.facts}
    return told | ({"measure": "score"} if graded else {})


class _Arrays:
    """The columns while they are filled."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.status: NDArray[np.int8] = np.zeros(shape, np.int8)
        self.value = np.zeros(shape)
        self.solved: NDArray[np.bool_] = np.zeros(shape, np.bool_)
        self.latency_s = np.zeros(shape)
        self.untimed: NDArray[np.bool_] = np.zeros(shape, np.bool_)
        self.cost = np.zeros(shape)
        self._unpriced = np.zeros(shape, np.bool_)
        self._unmetered = np.zeros(shape, np.bool_)
        self._tokens = {kind: np.zeros(shape) for kind in TOKEN_KINDS}

    def record(self, k: int, i: int, row: Imported) -> None:
        self.status[k, i] = row.status
        if row.status == Status.SCORED:
            self.value[k, i] = with_score(row.value, row.place)
            self.solved[k, i] = row.solved
        latency_s = in_unit(row.latency_s, row.place, "latency")
        cost = in_unit(row.cost, row.place, "cost")
        self.latency_s[k, i] = 0.0 if latency_s is None or row.status == Status.FAILED else latency_s
        self.cost[k, i] = cost or 0.0
        answered = row.status in _ANSWERED
        self._unpriced[k, i] = cost is None and answered
        self.untimed[k, i] = latency_s is None and answered
        self._unmetered[k, i] = row.usage is None and answered
        if row.usage is not None:
            for kind in TOKEN_KINDS:
                self._tokens[kind][k, i] = getattr(row.usage, f"{kind}_tokens")

    def metered(self) -> dict[str, NDArray[np.float64]]:
        """The tokens of each kind that there are any of; all 0 for a candidate of whose answers one has no record."""
        unknown = self._unmetered.any(axis=1, keepdims=True)
        known = {kind: np.where(unknown, 0.0, counts) for kind, counts in self._tokens.items()}
        return {kind: counts for kind, counts in known.items() if counts.any()}

    def priced(self) -> NDArray[np.bool_]:
        """A candidate has a price when every answer has a cost: an unknown cost is not 0."""
        answered = np.isin(self.status, _ANSWERED)
        return np.asarray(answered.any(axis=1) & ~self._unpriced.any(axis=1))

    def version(self, k: int) -> str:
        return content_hash([self.status[k].tolist(), self.value[k].tolist()])


def _places(
    rows: Sequence[Imported], names: Sequence[str], keys: Sequence[tuple[str, int]]
) -> dict[tuple[int, int], Imported]:
    candidates = {name: k for k, name in enumerate(names)}
    columns = {key: i for i, key in enumerate(keys)}
    at: dict[tuple[int, int], Imported] = {}
    for row in rows:
        place = candidates[row.candidate], columns[row.example, row.repeat]
        if place in at:
            raise DataError(
                f"{row.place}: a second outcome of {row.candidate!r} on example {row.example!r} "
                f"(the first: {at[place].place}).",
                "Give each example an id of its own, or number the repeats in a column `repeat`.",
            )
        at[place] = row
    return at


def _first_of_each(rows: Sequence[Imported], keys: Sequence[tuple[str, int]]) -> list[Imported]:
    found: dict[tuple[str, int], Imported] = {}
    for row in rows:
        kept = found.setdefault((row.example, row.repeat), row)
        if kept.input_hash and row.input_hash and kept.input_hash != row.input_hash:
            raise DataError(
                f"{row.place}: example {row.example!r} has another input than at {kept.place}.",
                "Give different examples different ids.",
            )
    return [found[key] for key in keys]


def _tags(first: Sequence[Imported]) -> dict[str, NDArray[np.str_]]:
    names = sorted({name for row in first for name in row.tags})
    return {name: np.array([row.tags.get(name, "") for row in first], dtype=np.str_) for name in names}
