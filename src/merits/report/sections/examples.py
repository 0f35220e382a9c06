"""Examples to look at: those that most candidates failed on, and those that only one solved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from merits.core.answer import Answer
from merits.core.doors import AnswerKey
from merits.core.on_demand import outlines
from merits.core.outcome import Status
from merits.core.task import Example
from merits.report.plain import cut, one_line
from merits.report.sections.subject import Subject

__all__ = ["Answers", "Reply", "ShownExample", "hardest", "solved_by_one"]

Answers: TypeAlias = Callable[[str, Collection[AnswerKey]], Mapping[AnswerKey, Answer]]
Mark: TypeAlias = Literal["solved", "not solved", "failed", "unscored", "missing"]

_MOST_HARD = 10
_MOST_ALONE = 6
_INPUT_CHARACTERS = 500
_TARGET_CHARACTERS = 200
_REPLY_CHARACTERS = 160


class Reply(msgspec.Struct, frozen=True):
    """What one candidate said to an example, and what became of it."""

    candidate: str
    mark: Mark
    said: str


class ShownExample(msgspec.Struct, frozen=True, kw_only=True):
    """An example with every reply, shortened; all text in it is clean of controls, though not of HTML."""

    id: str
    repeat: int
    input: str
    target: str
    tags: dict[str, str]
    n_solved: int
    n_scored: int
    replies: tuple[Reply, ...]


def hardest(subject: Subject, examples: Sequence[Example], answers: Answers) -> tuple[ShownExample, ...]:
    """The examples most candidates got wrong, first those that the candidate in focus got wrong too."""
    wrong, scored = subject.cases.wrong, subject.cases.scored
    focus = subject.focus
    if focus is None:
        return ()
    n_wrong = wrong.sum(axis=0)
    rank = np.lexsort((np.arange(len(n_wrong)), -scored.sum(axis=0), ~wrong[focus], -n_wrong))
    return _shown(subject, [int(row) for row in rank[: 4 * _MOST_HARD] if n_wrong[row]], _MOST_HARD, examples, answers)


def solved_by_one(subject: Subject, examples: Sequence[Example], answers: Answers) -> tuple[ShownExample, ...]:
    """Examples that exactly one candidate solved and at least two others did not, one candidate after the other."""
    solved, wrong = subject.cases.solved, subject.cases.wrong
    alone = (solved.sum(axis=0) == 1) & (wrong.sum(axis=0) >= 2)
    found = [np.flatnonzero(alone & solved[k])[:2].tolist() for k in subject.order]
    in_turn = [rows[i] for i in range(2) for rows in found if len(rows) > i]
    return _shown(subject, in_turn, _MOST_ALONE, examples, answers)


def _shown(
    subject: Subject, rows: Sequence[int], most: int, examples: Sequence[Example], answers: Answers
) -> tuple[ShownExample, ...]:
    """The examples of these rows, each example once."""
    evaluation = subject.evaluation
    ids = {str(evaluation.examples[row]): row for row in reversed(rows)}
    chosen = [row for row in rows if ids[str(evaluation.examples[row])] == row][:most]
    wanted = {str(evaluation.examples[row]) for row in chosen}
    known = {one.id: examples[at] for at, one in enumerate(outlines(examples)) if one.id in wanted}
    keys = {row: _key(subject, row) for row in chosen}
    said = {k: answers(evaluation.versions[k], list(keys.values())) for k in subject.order} if chosen else {}
    return tuple(_one(subject, row, known.get(str(evaluation.examples[row])), keys[row], said) for row in chosen)


def _key(subject: Subject, row: int) -> AnswerKey:
    evaluation = subject.evaluation
    return AnswerKey(
        str(evaluation.input_hashes[row]), int(evaluation.repeats[row]), str(evaluation.perturbations[row])
    )


def _one(
    subject: Subject,
    row: int,
    example: Example | None,
    key: AnswerKey,
    said: Mapping[int, Mapping[AnswerKey, Answer]],
) -> ShownExample:
    return ShownExample(
        id=one_line(str(subject.evaluation.examples[row]), 60),
        repeat=key.repeat,
        input="" if example is None else _input(example),
        target="" if example is None else cut(example.target, _TARGET_CHARACTERS),
        tags={} if example is None else {one_line(k, 30): one_line(v, 60) for k, v in example.tags.items()},
        n_solved=int(subject.cases.solved[:, row].sum()),
        n_scored=int(subject.cases.scored[:, row].sum()),
        replies=tuple(_reply(subject, k, row, said[k].get(key)) for k in subject.order),
    )


def _input(example: Example) -> str:
    """A text as it is, chat messages and columns one to a line."""
    given = example.input
    if isinstance(given, Mapping):
        return cut("\n".join(f"{name}: {one_line(value, 120)}" for name, value in given.items()), _INPUT_CHARACTERS)
    if isinstance(given, (list, tuple)) and all(isinstance(m, Mapping) and "content" in m for m in given):
        lines = (
            f"{one_line(m.get('role'), 20)}: {one_line(m['content'], 400)}" for m in given if isinstance(m, Mapping)
        )
        return cut("\n".join(lines), _INPUT_CHARACTERS)
    return cut(given, _INPUT_CHARACTERS)


def _reply(subject: Subject, k: int, row: int, answer: Answer | None) -> Reply:
    status = Status(int(subject.evaluation.status[k, row]))
    if status == Status.SCORED:
        mark: Mark = "solved" if subject.evaluation.solved[k, row] else "not solved"
    else:
        mark = {Status.FAILED: "failed", Status.UNSCORED: "unscored"}.get(status, "missing")  # type: ignore[assignment]
    if answer is None:
        return Reply(subject.name(k), mark, "")
    if answer.failure is not None:
        return Reply(subject.name(k), mark, cut(f"{answer.failure.kind}: {answer.failure.message}", _REPLY_CHARACTERS))
    return Reply(subject.name(k), mark, cut(answer.output, _REPLY_CHARACTERS))
