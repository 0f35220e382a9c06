"""The one place that asks a scorer. What a scorer raises leaves an outcome unscored; it never blames the candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.judge import JudgeScorer
from merits.core.outcome import Counts, Score
from merits.core.secrets import shown
from merits.core.task import Example
from merits.scorers.counted import STATISTICS, fits
from merits.scorers.reading import CannotJudge

__all__ = ["Judge"]

_LONGEST_REASON = 200


class Judge:
    """All scorers of a task. The first decides; another one that fails anywhere is left out everywhere.

    Left out, because its values are a plain column: a hole in it would have to be filled with a number that nobody
    scored. Not safe to share between threads: it counts what could not be scored.

    >>> judge = Judge([("exact", lambda example, answer: Score(1.0, True))])
    >>> judge.score(Example("1", "a"), Answer("b")).value
    1.0
    """

    def __init__(self, scorers: Sequence[tuple[str, Scorer]]) -> None:
        self.name, self._first = scorers[0]
        self._asked_first = isinstance(self._first, JudgeScorer)
        self.others = [other for other in scorers[1:] if not isinstance(other[1], JudgeScorer)]
        self.asked_others = tuple(name for name, scorer in scorers[1:] if isinstance(scorer, JudgeScorer))
        self.unscored: Counter[str] = Counter()
        self.left_out: dict[str, str] = {}

    @property
    def scorers(self) -> list[tuple[str, Scorer | JudgeScorer]]:
        """The deciding one and those of the others that are not left out, by name."""
        return [(self.name, self._first), *self.others]

    def score(self, example: Example, answer: Answer) -> Score | None:
        """The first scorer's score; None when it could not judge, and then the reason is counted.

        None, and nothing counted, where the first is a model that has to be asked (`evaluating.judging`).
        """
        if answer.refused:
            return _refused(self._first, example)
        if self._asked_first:
            return None
        try:
            score = self._first(example, answer)
            if type(score) is Score and 0.0 <= score.value <= 1.0 and _sound(score.counts):
                return score
            reason = _unusable(score)
        except Exception as problem:  # noqa: BLE001 (the place that asks a scorer)
            reason = _said(problem)
        self.unscored[reason] += 1
        return None

    def other_scores(self, example: Example, answer: Answer) -> list[tuple[str, Score]]:
        """What the other scorers say, by name."""
        if answer.refused:
            return [(name, _refused(scorer, example)) for name, scorer in self.others]
        scores = []
        for name, scorer in list(self.others):
            try:
                score = scorer(example, answer)
                if isinstance(score, Score) and 0.0 <= score.value <= 1.0 and _sound(score.counts):
                    scores.append((name, score))
                    continue
                reason = _unusable(score)
            except Exception as problem:  # noqa: BLE001 (the place that asks a scorer)
                reason = _said(problem)
            self.left_out[name] = reason
            self.others = [other for other in self.others if other[0] != name]
        return scores


def _refused(scorer: Scorer | JudgeScorer, example: Example) -> Score:
    """Not solved, whatever the refusal says: its text is no answer. Counts are those of an answer without a word."""
    counts = None
    if not isinstance(scorer, JudgeScorer):
        with suppress(Exception):  # what a scorer makes of nothing must not leave a refusal unscored
            counts = scorer(example, Answer("")).counts
    return Score(0.0, False, "refused", counts if _sound(counts) else None)


def _said(problem: Exception) -> str:
    what = str(problem) if isinstance(problem, CannotJudge) else f"{type(problem).__name__}: {problem}"
    reason = shown(what, _LONGEST_REASON)
    return reason.encode("utf-8", "replace").decode()  # a lone surrogate is no text


def _sound(counts: Counts | None) -> bool:
    return counts is None or fits(counts)


def _unusable(score: object) -> str:
    if not isinstance(score, Score):
        return f"the scorer gave a {type(score).__name__}, not a Score"
    if not _sound(score.counts):
        return f"the scorer gave counts that are none of {', '.join(STATISTICS)}"
    return f"the scorer gave the value {score.value}, which is not between 0 and 1"
