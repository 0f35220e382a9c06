"""Puts what people said of some answers into an evaluation. Applied on reading: a label more asks nothing again."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from merits.core.doors import AnswerKey, Store
from merits.core.errors import DataError
from merits.core.evaluation import Evaluation, Human
from merits.core.identity import JSON
from merits.core.judge import HumanLabel
from merits.core.outcome import Status
from merits.core.spreadsheets import unguarded
from merits.reading.values import text_of

__all__ = ["Said", "reads_as", "rows_of", "said_in", "with_labels"]

Said: TypeAlias = Mapping[str, Mapping[tuple[str, int], JSON]]
"""What candidates said: candidate -> (example, repeat) -> output."""

_STALE = "are of an answer that has changed"
_ELSEWHERE = "are of nothing in this evaluation"
_SPLIT = "contradict each other, or are of answers without a score"


def with_labels(
    evaluation: Evaluation,
    labels: Sequence[HumanLabel],
    *,
    known: Sequence[str],
    answers: Said,
    n_blank: int = 0,
) -> Evaluation:
    """The evaluation with the labels on its answers; ties say nothing of an answer and are left out.

    `known` are the ids of all examples of the task: a label of another is a DataError. Labels of candidates that are
    not here, and of an answer that reads otherwise than the one in `answers`, are
    left out and counted in the facts, with the `n_blank` rows that nobody has labelled yet. Two labels of one answer
    that differ leave it unlabelled.
    """
    shape = evaluation.status.shape
    n_solved, n_said = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    rows, ids = rows_of(evaluation), set(known)
    left_out: Counter[str] = Counter()
    for label in labels:
        if label.example not in ids:
            raise DataError(f"{label.where}: the task has no example {label.example!r}.", "Name examples by their id.")
        row = rows.get((label.example, label.repeat))
        if label.candidate not in evaluation.names or row is None or label.solved is None:
            left_out[_ELSEWHERE] += 1
            continue
        said = answers.get(label.candidate, {}).get((label.example, label.repeat))
        if label.answer is not None and said is not None and not reads_as(said, label.answer):
            left_out[_STALE] += 1
            continue
        k = evaluation.index(label.candidate)
        n_solved[k, row] += label.solved
        n_said[k, row] += 1
    scored = evaluation.status == Status.SCORED
    agreed = (n_said > 0) & ((n_solved == 0) | (n_solved == n_said)) & scored
    left_out[_SPLIT] = int(((n_said > 0) & ~agreed).sum())
    parts = [f"{int(agreed.sum()):,} answers", *(f"{n:,} left out that {why}" for why, n in left_out.items() if n)]
    if n_blank:
        parts.append(f"{n_blank:,} not labelled yet")
    facts = {**evaluation.facts, "human labels": "; ".join(parts)}
    return dataclasses.replace(evaluation, human=Human(agreed, agreed & (n_solved > 0)), facts=facts)


def said_in(evaluation: Evaluation, store: Store) -> Said:
    """What the candidates of an evaluation said to each example and repeat, as far as it is stored."""
    rows = rows_of(evaluation)
    keys = {at: AnswerKey(str(evaluation.input_hashes[row]), at[1]) for at, row in rows.items()}
    found: dict[str, dict[tuple[str, int], JSON]] = {}
    for name, version in zip(evaluation.names, evaluation.versions, strict=True):
        stored = store.answers(version, set(keys.values()))
        said = ((at, stored.get(key)) for at, key in keys.items())
        found[name] = {at: one.output for at, one in said if one is not None and one.failure is None}
    return found


def reads_as(output: JSON, cell: JSON) -> bool:
    """Whether an answer is the one that a cell of a table shows; a spreadsheet may have changed its line ends.

    >>> reads_as({"a": 1}, '{"a":1}'), reads_as("=1", "'=1"), reads_as("2", "3")
    (True, True, False)
    """
    return _plain(text_of(cell)) in (_plain(text_of(output)), _plain(str(output)))


def _plain(text: str) -> str:
    return "\n".join(unguarded(text.replace("\0", "")).splitlines()).strip()


def rows_of(evaluation: Evaluation) -> dict[tuple[str, int], int]:
    """The row of each (example, repeat), as it was asked without a perturbation."""
    names, repeats = evaluation.examples.tolist(), evaluation.repeats.tolist()
    found: dict[tuple[str, int], int] = {}
    for row in np.flatnonzero(evaluation.perturbations == "").tolist():
        found.setdefault((names[row], repeats[row]), row)
    return found
