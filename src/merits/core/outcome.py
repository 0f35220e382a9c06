"""What became of one question: an answer, its scores, and a status that tells failed from wrong."""

from __future__ import annotations

import enum

import msgspec

from merits.core.answer import Answer
from merits.core.task import Split

__all__ = ["Counts", "Outcome", "Score", "Status"]


class Status(enum.IntEnum):
    """`failed`: the candidate could not be asked. `unscored`: the scorer could not judge. Neither is "wrong"."""

    MISSING = 0
    SCORED = 1
    FAILED = 2
    UNSCORED = 3


class Counts(msgspec.Struct, frozen=True):
    """What one answer adds to a statistic of all answers together, such as a word error rate: errors and words.

    `statistic` is a name in `merits.scorers.counted.STATISTICS`, which says what `values` are; they are summed.
    """

    statistic: str
    values: tuple[float, ...]


class Score(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scorer's opinion: value from 0 (worst) to 1 (best), whether that counts as solved, and why.

    `counts` are for scorers whose measure is one of all answers together, not the mean over answers.
    """

    value: float
    solved: bool
    reason: str = ""
    counts: Counts | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One candidate, one example, one repeat: the answer, and the scores by scorer name.

    `perturbation` is "" for the input as it is. `unscored_reason` says why no scorer could judge.
    """

    task: str
    example: str
    candidate: str
    split: Split
    repeat: int
    perturbation: str
    answer: Answer
    scores: dict[str, Score]
    status: Status
    unscored_reason: str = ""
