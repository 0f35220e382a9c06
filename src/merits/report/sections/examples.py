"""Examples to look at: those that most candidates failed on, and those that only one solved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from merits.core.answer import Answer
from merits.core.doors import AnswerKey
from merits.core.identity import JSON
from merits.core.on_demand import outlines
from merits.core.outcome import Status
from merits.core.robustness import Level
from merits.core.task import Example, ScorerSpec
from merits.report.cases.blocks import Block, Files
from merits.report.cases.registry import Case, case_of
from merits.report.plain import cut, one_line, target_text
from merits.report.sections.subject import Subject

__all__ = [
    "Answers",
    "Perturbed",
    "Reply",
    "ShownExample",
    "Source",
    "drawn",
    "hardest",
    "input_text",
    "reply_of",
    "solved_by_one",
]

Answers: TypeAlias = Callable[[str, Collection[AnswerKey]], Mapping[AnswerKey, Answer]]
Perturbed: TypeAlias = Callable[[Example, Level], JSON]
Mark: TypeAlias = Literal["solved", "not solved", "failed", "unscored", "missing"]

_MOST_HARD = 10
_MOST_ALONE = 6
_MOST_DRAWN = 6
_INPUT_CHARACTERS = 500
_TARGET_CHARACTERS = 200
_REPLY_CHARACTERS = 160


class Reply(msgspec.Struct, frozen=True):
    """What one candidate said to an example, and what became of it; `shown` where there is more to see than text.

    `probability` is the one that it gave to the label that it said.
    """

    candidate: str
    mark: Mark
    said: str
    shown: tuple[Block, ...] = ()
    probability: float | None = None


class ShownExample(msgspec.Struct, frozen=True, kw_only=True):
    """An example with every reply, shortened; all text in it is clean of controls, though not of HTML.

    `shown_input` and `shown_target` are what to draw in place of the text, where that is more; `aside` is whether they
    stand side by side.
    """

    id: str
    repeat: int
    input: str
    target: str
    tags: dict[str, str]
    n_solved: int
    n_scored: int
    replies: tuple[Reply, ...]
    shown_input: tuple[Block, ...] = ()
    shown_target: tuple[Block, ...] = ()
    aside: bool = False


@dataclass(frozen=True)
class Source:
    """Where shown examples come from: those of the split, the raw answers, and copies of the files they name.

    `perturbed` gives what was asked of an example under a perturbation; None where that cannot be had. `scorers` are
    the task's, so that what is marked in an answer is what was counted.
    """

    examples: Sequence[Example]
    answers: Answers
    files: Files = lambda name: None
    perturbed: Perturbed = lambda example, level: None
    scorers: Sequence[ScorerSpec] = ()


def hardest(subject: Subject, source: Source) -> tuple[ShownExample, ...]:
    """The examples most candidates got wrong, first those that the candidate in focus got wrong too."""
    wrong, scored = subject.cases.wrong, subject.cases.scored
    focus = subject.focus
    if focus is None:
        return ()
    n_wrong = wrong.sum(axis=0)
    rank = np.lexsort((np.arange(len(n_wrong)), -scored.sum(axis=0), ~wrong[focus], -n_wrong))
    return _shown(subject, [int(row) for row in rank[: 4 * _MOST_HARD] if n_wrong[row]], _MOST_HARD, source)


def solved_by_one(subject: Subject, source: Source) -> tuple[ShownExample, ...]:
    """Examples that exactly one candidate solved and at least two others did not, one candidate after the other."""
    solved, wrong = subject.cases.solved, subject.cases.wrong
    alone = (solved.sum(axis=0) == 1) & (wrong.sum(axis=0) >= 2)
    found = [np.flatnonzero(alone & solved[k])[:2].tolist() for k in subject.order]
    in_turn = [rows[i] for i in range(2) for rows in found if len(rows) > i]
    return _shown(subject, in_turn, _MOST_ALONE, source)


def drawn(subject: Subject, source: Source) -> tuple[ShownExample, ...]:
    """Some examples that chance chose, always the same: what the task is like, and how candidates do on it."""
    rows = np.flatnonzero((subject.evaluation.perturbations == "") & subject.cases.scored.any(axis=0))
    chosen = np.random.default_rng(0).permutation(rows)
    return _shown(subject, [int(row) for row in chosen[: 4 * _MOST_DRAWN]], _MOST_DRAWN, source)


def _shown(subject: Subject, rows: Sequence[int], most: int, source: Source) -> tuple[ShownExample, ...]:
    """The examples of these rows, each example once."""
    evaluation = subject.evaluation
    ids = {str(evaluation.examples[row]): row for row in reversed(rows)}
    chosen = [row for row in rows if ids[str(evaluation.examples[row])] == row][:most]
    wanted = {str(evaluation.examples[row]) for row in chosen}
    known = {one.id: source.examples[at] for at, one in enumerate(outlines(source.examples)) if one.id in wanted}
    keys = {row: _key(subject, row) for row in chosen}
    said = {k: source.answers(evaluation.versions[k], list(keys.values())) for k in subject.order} if chosen else {}
    drawer = _Drawer(subject, case_of(evaluation.kind, source.scorers), source.files)
    return tuple(
        drawer.example(row, known.get(str(evaluation.examples[row])), {k: said[k].get(keys[row]) for k in said})
        for row in chosen
    )


def _key(subject: Subject, row: int) -> AnswerKey:
    evaluation = subject.evaluation
    return AnswerKey(
        str(evaluation.input_hashes[row]), int(evaluation.repeats[row]), str(evaluation.perturbations[row])
    )


@dataclass(frozen=True)
class _Drawer:
    """Draws up examples in the way of their kind of task."""

    subject: Subject
    case: Case
    files: Files

    def example(self, row: int, example: Example | None, said: Mapping[int, Answer | None]) -> ShownExample:
        """The example of a row, with what each candidate said."""
        subject, case = self.subject, self.case
        return ShownExample(
            id=one_line(str(subject.evaluation.examples[row]), 60),
            repeat=int(subject.evaluation.repeats[row]),
            input="" if example is None else input_text(example.input),
            target="" if example is None else target_text(example.target, _TARGET_CHARACTERS),
            tags={} if example is None else {one_line(k, 30): one_line(v, 60) for k, v in example.tags.items()},
            n_solved=int(subject.cases.solved[:, row].sum()),
            n_scored=int(subject.cases.scored[:, row].sum()),
            replies=tuple(
                reply_of(subject, k, row, said[k], example, case=case, files=self.files) for k in subject.order
            ),
            shown_input=() if example is None else case.shown_input(example, self.files),
            shown_target=() if example is None else case.shown_target(example, self.files),
            aside=case.ASIDE,
        )


def reply_of(
    subject: Subject, k: int, row: int, answer: Answer | None, example: Example | None, *, case: Case, files: Files
) -> Reply:
    """What a candidate said at a row, in the way of the kind of task."""
    name, mark = subject.name(k), _mark(subject, k, row)
    if answer is None:
        return Reply(name, mark, "")
    if answer.failure is not None:
        return Reply(name, mark, cut(f"{answer.failure.kind}: {answer.failure.message}", _REPLY_CHARACTERS))
    shown = () if example is None else case.shown_reply(example, answer, files)
    given = (answer.probabilities or {}).get(answer.output) if isinstance(answer.output, str) else None
    return Reply(name, mark, cut(answer.output, _REPLY_CHARACTERS), shown, given)


def _mark(subject: Subject, k: int, row: int) -> Mark:
    status = Status(int(subject.evaluation.status[k, row]))
    if status == Status.SCORED:
        return "solved" if subject.evaluation.solved[k, row] else "not solved"
    return "failed" if status == Status.FAILED else "unscored" if status == Status.UNSCORED else "missing"


def input_text(given: JSON) -> str:
    """A text as it is, chat messages and columns one to a line."""
    if isinstance(given, Mapping):
        return cut("\n".join(f"{name}: {one_line(value, 120)}" for name, value in given.items()), _INPUT_CHARACTERS)
    if isinstance(given, (list, tuple)) and all(isinstance(m, Mapping) and "content" in m for m in given):
        lines = (
            f"{one_line(m.get('role'), 20)}: {one_line(m['content'], 400)}" for m in given if isinstance(m, Mapping)
        )
        return cut("\n".join(lines), _INPUT_CHARACTERS)
    return cut(given, _INPUT_CHARACTERS)
