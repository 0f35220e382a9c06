"""Solved when a model says so, by a rubric, with the right answer before it where the task has one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.core.judge import Asking, Judgement
from merits.core.outcome import Score
from merits.core.task import Example
from merits.media.finding import Media
from merits.reading.values import shorten
from merits.scorers.reading import CannotJudge, targets_of
from merits.scorers.verdicts import JudgeParams, Unread, asked, messages, model_of

__all__ = ["Params", "Rubric", "load"]

READS_FILES = True
_RUBRIC = "Is the answer a correct and complete answer to the question?"
_YES = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


class Params(JudgeParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Who judges, by what, and what counts as solved."""

    rubric: Annotated[
        str, Meta(min_length=1, description="By what to judge; a question that yes or a grade answers.")
    ] = _RUBRIC
    reference: Annotated[bool, Meta(description="Whether the judge is shown the target.")] = True
    scale: Annotated[
        Annotated[int, Meta(ge=2, le=100)] | None, Meta(description="Grades from 1 to this one. Left out: yes or no.")
    ] = None
    solved_at: Annotated[
        float | None, Meta(description="The grade from which on a case is solved (the mean one, of several votes).")
    ] = None

    def __post_init__(self) -> None:
        model_of(self.model)
        if self.scale is None and self.solved_at is not None:
            raise ValueError("`solved_at` is a grade, and without `scale` there is none: yes is solved")
        if self.scale is not None and (self.solved_at is None or not 1 < self.solved_at <= self.scale):
            raise ValueError(f"say from which grade on a case is solved: solved_at, above 1 and at most {self.scale}")


def load(params: Params, *, classes: tuple[str, ...], folder: Path, data_folders: Sequence[Path] = ()) -> Rubric:
    """The judge that the parameters describe; it is shown the pictures that cases and answers name."""
    return Rubric(params, Media([*data_folders, folder]))


class Rubric:
    """A judge of single answers. Yes and no are 1 and 0; grades from 1 to G are 0 to 1; votes are averaged.

    Solved is a majority of yes, or a mean grade of at least `solved_at`. The answer is quoted as material (see
    `verdicts.quoted`), never followed.

    >>> judge = Rubric(Params(model={"kind": "chat", "model": "m"}))
    >>> asking = judge.judge(Example("1", "1 + 1?", "2"), Answer("two"))
    >>> ask = next(asking)
    >>> try:
    ...     asking.send(Answer('{"reason": "the same number", "verdict": "yes"}'))
    ... except StopIteration as end:
    ...     print(end.value.score)
    Score(value=1.0, solved=True, reason='the same number', counts=None)
    """

    def __init__(self, params: Params, media: Media | None = None) -> None:
        self._params = params
        self._media = media
        self.model: Candidate = model_of(params.model)
        self.against = ""
        self.n_asks = params.votes

    def __call__(self, example: Example, answer: Answer) -> Score:
        """Never a score: a judge must be asked (`judge`)."""
        raise CannotJudge("a judge has to be asked: let `merits run` or `merits.evaluate` score with it")

    def judge(self, example: Example, answer: Answer, rival: Answer | None = None) -> Asking:
        """Yields what to ask and returns the judgement."""
        params, first = self._params, self._messages(example, answer)
        votes, reasons = [], []
        for vote in range(params.votes):
            value, reason = yield from asked(first, self._read, vote=vote, corrections=params.corrections)
            votes.append(value)
            reasons.append(reason)
        return self._judgement(votes, reasons)

    def _messages(self, example: Example, answer: Answer) -> list[JSON]:
        parts: list[tuple[str, JSON]] = [("QUESTION", example.input)]
        if self._params.reference and example.target is not None:
            targets = targets_of(example)
            parts += [("RIGHT ANSWER", target) for target in targets]
        parts.append(("ANSWER TO JUDGE", answer.output))
        task = f"You judge an answer to a question. {self._params.rubric}"
        return messages(task, parts, self._reply, self._media)

    @property
    def _reply(self) -> str:
        scale = self._params.scale
        verdict = '"yes" or "no"' if scale is None else f"a whole number from 1 (worst) to {scale} (best)"
        return f'Reply with one JSON object and nothing else: {{"reason": "one sentence", "verdict": {verdict}}}'

    def _read(self, verdict: JSON) -> float:
        """The vote from 0 to 1."""
        scale = self._params.scale
        if scale is None:
            said = str(verdict).strip().casefold()
            if said not in _YES:
                raise Unread(f"the verdict is {shorten(verdict, 40)!r}, not yes or no")
            return _YES[said]
        try:
            grade = float(str(verdict).strip())
        except ValueError:
            grade = 0.0
        if isinstance(verdict, bool) or not grade.is_integer() or not 1 <= grade <= scale:
            raise Unread(f"the verdict is {shorten(verdict, 40)!r}, not a whole number from 1 to {scale}")
        return (grade - 1.0) / (scale - 1.0)

    def _judgement(self, votes: Sequence[float], reasons: Sequence[str]) -> Judgement:
        scale, solved_at = self._params.scale, self._params.solved_at
        value = sum(votes) / len(votes)
        solved = value > 0.5
        if scale is not None and solved_at is not None:
            solved = value >= (solved_at - 1.0) / (scale - 1.0) - 1e-12
        reason = min(zip(votes, reasons, strict=True), key=lambda pair: abs(pair[0] - value))[1]
        return Judgement(Score(value, solved, reason), tuple(votes))
