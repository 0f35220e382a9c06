"""Merits' own file of outcomes, `merits.outcomes/1`: small enough to be committed, whole enough to be compared with.

One letter stands for each outcome: S solved, W wrong, F failed, U unscored, . missing. Costs and latencies are kept to
four digits, once where all are equal. Inputs are kept as hashes, answers not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate
from merits.core.errors import DataError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.outcome import Status
from merits.core.task import Split

__all__ = ["SCHEMA", "OutcomesFile", "outcomes_file", "read_own"]

SCHEMA = "merits.outcomes/1"
_LETTERS = ".WFUS"
_FROM_LETTER = {
    "S": (Status.SCORED, True),
    "W": (Status.SCORED, False),
    "F": (Status.FAILED, False),
    "U": (Status.UNSCORED, False),
    ".": (Status.MISSING, False),
}
Amounts = list[float] | float | None


class _Column(msgspec.Struct, omit_defaults=True):
    """One candidate: a letter for each row; scores only where they say more than the letters; None is unknown."""

    name: str
    id: str
    version: str
    outcomes: str
    scores: list[float] | None = None
    cost: Amounts = None
    latency_s: Amounts = None


class OutcomesFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The file as a record. `repeats` and `groups` are left out where every row is an example of its own."""

    schema: str
    task: str
    task_name: str
    split: Split
    kind: str
    scorer: str
    currency: str
    examples: list[str]
    inputs: list[str]
    repeats: list[int] | None = None
    groups: list[int] | None = None
    tags: dict[str, list[str]] = {}
    facts: dict[str, str] = {}
    candidates: list[_Column]


def outcomes_file(evaluation: Evaluation, names: Sequence[str] = ()) -> OutcomesFile:
    """The outcomes of some candidates (all, unless named) on the rows as they are, ready to be written as JSON.

    >>> from merits.testing.evaluations import tiny
    >>> [column.outcomes for column in outcomes_file(tiny()).candidates]
    ['SSSW', 'SWWF']
    """
    rows = np.asarray(evaluation.perturbations == "")
    chosen = [evaluation.index(name) for name in names] or range(len(evaluation.names))
    repeats, groups = evaluation.repeats[rows], evaluation.group[rows]
    return OutcomesFile(
        schema=SCHEMA,
        task=evaluation.task,
        task_name=evaluation.task_name,
        split=evaluation.split,
        kind=evaluation.kind,
        scorer=evaluation.scorer,
        currency=evaluation.currency,
        examples=evaluation.examples[rows].tolist(),
        inputs=evaluation.input_hashes[rows].tolist(),
        repeats=repeats.tolist() if repeats.any() else None,
        groups=None if len(np.unique(groups)) == len(groups) else groups.tolist(),
        tags={name: texts[rows].tolist() for name, texts in evaluation.tags.items()},
        facts=_facts(evaluation),
        candidates=[_column(evaluation, k, rows) for k in chosen],
    )


def read_own(value: JSON, file: str) -> Evaluation:
    """The evaluation in a file of ours. Raises DataError for one that does not hold together or is newer."""
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise DataError(f"{file} has the schema {schema!r}; this Merits reads {SCHEMA!r}.", "Update Merits.")
    try:
        found = msgspec.convert(value, OutcomesFile)
    except msgspec.ValidationError as problem:
        raise DataError(f"{file} is no file of outcomes: {problem}.", "Write it again: merits gate --save") from None
    n = len(found.examples)
    lengths = [len(found.inputs), *(len(c.outcomes) for c in found.candidates), *map(len, found.tags.values())]
    lengths += [len(part) for part in (found.repeats, found.groups) if part is not None]
    lengths += [len(p) for c in found.candidates for p in (c.scores, c.cost, c.latency_s) if isinstance(p, list)]
    letters = {letter for column in found.candidates for letter in column.outcomes}
    if any(length != n for length in lengths) or letters - set(_LETTERS) or not _sound(found):
        raise DataError(f"{file} does not hold together: its columns differ.", "Write it again: merits gate --save")
    return _evaluation(found)


def _facts(evaluation: Evaluation) -> dict[str, str]:
    """What a reader of the outcomes must know. What a race did not ask is missing, and was not given up."""
    kept = {name: text for name, text in evaluation.facts.items() if name in ("solved means", "tool", "measure")}
    return kept if evaluation.raced is None else {"tool": "Merits, a race", **kept}


def _sound(found: OutcomesFile) -> bool:
    """Whether every number is one that we could have written."""
    scores = [score for column in found.candidates for score in column.scores or ()]
    amounts = [part for column in found.candidates for part in (column.cost, column.latency_s) if part is not None]
    flat = [one for part in amounts for one in (part if isinstance(part, list) else [part])]
    whole = [*(found.repeats or ()), *(found.groups or ())]
    return (
        all(0.0 <= score <= 1.0 for score in scores)
        and all(0.0 <= amount < float("inf") for amount in flat)
        and all(0 <= number < 2**31 for number in whole)
    )


def _column(evaluation: Evaluation, k: int, rows: NDArray[np.bool_]) -> _Column:
    candidate, status, solved = evaluation.candidates[k], evaluation.status[k][rows], evaluation.solved[k][rows]
    codes = np.where(solved, 4, status)
    value = evaluation.value[k][rows]
    latency_s = evaluation.latency_s[k][rows]
    return _Column(
        name=candidate.name,
        id=candidate.id,
        version=evaluation.versions[k],
        outcomes="".join(_LETTERS[code] for code in codes.tolist()),
        scores=None if np.array_equal(value, solved) else [round(v, 6) for v in value.tolist()],
        cost=_short(evaluation.cost[k][rows]) if evaluation.priced[k] else None,
        latency_s=_short(latency_s) if latency_s.any() else None,
    )


def _short(amounts: NDArray[np.float64]) -> Amounts:
    if len(amounts) and bool((amounts == amounts[0]).all()):
        return float(amounts[0])
    return [float(f"{amount:.4g}") for amount in amounts.tolist()]


def _evaluation(found: OutcomesFile) -> Evaluation:
    n, columns = len(found.examples), found.candidates
    shape = (len(columns), n)
    pairs = [[_FROM_LETTER[letter] for letter in column.outcomes] for column in columns]
    status = np.array([[int(code) for code, _ in row] for row in pairs], np.int8).reshape(shape)
    solved = np.array([[right for _, right in row] for row in pairs], np.bool_).reshape(shape)
    scores = [solved[k] if column.scores is None else column.scores for k, column in enumerate(columns)]
    return Evaluation(
        task=found.task,
        task_name=found.task_name,
        kind=found.kind,
        split=found.split,
        candidates=tuple(Candidate(name=c.name, kind="imported", params={"candidate": c.id}) for c in columns),
        versions=tuple(column.version for column in columns),
        scorer=found.scorer,
        examples=np.array(found.examples, dtype=np.str_),
        input_hashes=np.array(found.inputs, dtype=np.str_),
        repeats=np.array(found.repeats or [0] * n, np.int32),
        perturbations=np.full(n, "", dtype="<U1"),
        group=np.array(found.groups or range(n), np.int32),
        tags={name: np.array(texts, dtype=np.str_) for name, texts in found.tags.items()},
        status=status,
        value=np.array(scores, np.float64).reshape(shape),
        solved=solved,
        scores={},
        latency_s=np.array([_long(column.latency_s, n) for column in columns]).reshape(shape),
        machine_s=np.zeros(shape),
        tokens={},
        attempts=np.where(status == Status.MISSING, 0, 1).astype(np.int32),
        cost=np.array([_long(column.cost, n) for column in columns]).reshape(shape),
        priced=np.array([column.cost is not None for column in columns], np.bool_),
        currency=found.currency,
        facts=found.facts,
    )


def _long(amounts: Amounts, n: int) -> NDArray[np.float64]:
    return np.full(n, amounts or 0.0) if not isinstance(amounts, list) else np.array(amounts, np.float64)
