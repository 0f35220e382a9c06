"""Solved when a model prefers the answer to another one, whichever of the two stands first."""

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
from merits.reading.values import shorten, text_of
from merits.scorers.reading import CannotJudge, targets_of
from merits.scorers.shown_pictures import as_answer
from merits.scorers.verdicts import JudgeParams, Unread, asked, messages, model_of

__all__ = ["Pairwise", "Params", "load"]

READS_FILES = True
_RUBRIC = "Which of the two answers is the better answer to the question?"
_REPLY = (
    'Reply with one JSON object and nothing else: {"reason": "one sentence", "verdict": "A" or "B", '
    'or "tie" if they are equally good}'
)


class Params(JudgeParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Who judges, by what, and whom answers are compared with."""

    rubric: Annotated[str, Meta(min_length=1, description="By what to prefer one answer to another.")] = _RUBRIC
    against: Annotated[
        str, Meta(description="The candidate whose answers are compared with; left out, the task's target is.")
    ] = ""
    tie_is_solved: Annotated[
        bool, Meta(description="Whether an answer is solved that the judge finds equally good in both orders.")
    ] = False

    def __post_init__(self) -> None:
        model_of(self.model)


def load(params: Params, *, classes: tuple[str, ...], folder: Path, data_folders: Sequence[Path] = ()) -> Pairwise:
    """The judge that the parameters describe; it is shown the pictures that cases and answers name."""
    return Pairwise(params, Media([*data_folders, folder]))


class Pairwise:
    """A judge of two answers, asked in both orders: judges prefer a place, and how much is measured, not assumed.

    A win in both orders is 1 and solved, a loss in both 0; all else is a tie, 0.5 and not solved: the orders disagree,
    or the judge says so (solved then, if `tie_is_solved`). Of several votes each order has its majority first.
    """

    def __init__(self, params: Params, media: Media | None = None) -> None:
        self._params = params
        self._media = media
        self.model: Candidate = model_of(params.model)
        self.against = params.against
        self.n_asks = 2 * params.votes

    def __call__(self, example: Example, answer: Answer) -> Score:
        """Never a score: a judge must be asked (`judge`)."""
        raise CannotJudge("a judge has to be asked: let `merits run` or `merits.evaluate` score with it")

    def judge(self, example: Example, answer: Answer, rival: Answer | None = None) -> Asking:
        """Yields what to ask and returns the judgement."""
        other = self._other(example, rival)
        if text_of(other) == text_of(answer.output):
            return Judgement(Score(0.5, self._params.tie_is_solved, "the two answers are the same"), ())
        votes: list[float] = []
        firsts: list[bool] = []
        orders, reasons = [], []
        for first in (True, False):
            here = []
            for vote in range(self._params.votes):
                pair = (answer.output, other) if first else (other, answer.output)
                value, reason = yield from asked(
                    self._messages(example, *pair), _read, vote=vote, corrections=self._params.corrections
                )
                here.append(value if first else 1.0 - value)
                reasons.append(reason)
            votes += here
            firsts += [first] * len(here)
            orders.append(_majority(here))
        return Judgement(self._score(orders[0], orders[1], reasons), tuple(votes), tuple(firsts))

    def _other(self, example: Example, rival: Answer | None) -> JSON:
        if not self.against:
            target = targets_of(example)[0]
            return target if self._media is None else as_answer(target, self._media)
        if rival is None:
            raise CannotJudge(f"{self.against} has no answer to compare with")
        return rival.output

    def _messages(self, example: Example, one: JSON, two: JSON) -> list[JSON]:
        parts = [("QUESTION", example.input), ("ANSWER A", one), ("ANSWER B", two)]
        task = f"You compare two answers to a question. {self._params.rubric}"
        return messages(task, parts, _REPLY, self._media)

    def _score(self, one: float, two: float, reasons: list[str]) -> Score:
        if one == two == 1.0:
            return Score(1.0, True, reasons[0])
        if one == two == 0.0:
            return Score(0.0, False, reasons[0])
        if one == two:
            return Score(0.5, self._params.tie_is_solved, reasons[0])
        return Score(0.5, False, "the verdict depends on which answer stands first")


def _read(verdict: JSON) -> float:
    """1 for the first answer, 0 for the second, 0.5 for a tie."""
    found = {"a": 1.0, "b": 0.0, "tie": 0.5}.get(str(verdict).strip().casefold())
    if found is None:
        raise Unread(f"the verdict is {shorten(verdict, 40)!r}, not A, B or tie")
    return found


def _majority(votes: list[float]) -> float:
    """1, 0.5 or 0: the side that most votes are on, a tie where neither has more."""
    mean = sum(votes) / len(votes)
    return 0.5 if mean == 0.5 else float(mean > 0.5)
