"""Judges: scorers that must ask a model, what they ask, and what is kept of their work.

Logic that needs calls yields them: a judge yields what to ask and is sent the answers; whoever drives it
(`merits.evaluating.judging`) asks, pays and remembers.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example

__all__ = ["Ask", "Asking", "HumanLabel", "JudgeScorer", "Judged", "Judgement", "LabelTable", "Verdict"]


class Ask(NamedTuple):
    """One question to a judge's model: chat messages, and which of several equal questions it is."""

    messages: JSON
    repeat: int = 0


class Judgement(msgspec.Struct, frozen=True):
    """What a judge came to: the score, and each vote it rests on, from 0 to 1 in favour of the answer.

    Of a pairwise judge `firsts` says of each vote whether the answer stood in the first place.
    """

    score: Score
    votes: tuple[float, ...]
    firsts: tuple[bool, ...] = ()

    @property
    def inconsistent(self) -> bool:
        """Whether the votes differ with the place that the answer stood in.

        >>> Judgement(Score(0.5, False), (1.0, 0.0), (True, False)).inconsistent
        True
        """
        first = [vote for vote, was in zip(self.votes, self.firsts, strict=False) if was]
        second = [vote for vote, was in zip(self.votes, self.firsts, strict=False) if not was]
        return sum(first) * len(second) != sum(second) * len(first)


Asking: TypeAlias = Generator[Ask, Answer, Judgement]


@runtime_checkable
class JudgeScorer(Protocol):
    """A scorer that must ask. `model` is the recipe of whom; `against` the candidate it compares with, "" for none.

    `judge` is pure: it yields what to ask, is sent each answer (never a failed one), and returns the judgement. What
    it raises leaves the outcome unscored. `rival` is the answer of the candidate that it compares with. One that asks
    more than once for a verdict says so in an attribute `n_asks`, so that its work can be foreseen.
    """

    @property
    def model(self) -> Candidate: ...

    @property
    def against(self) -> str: ...

    def judge(self, example: Example, answer: Answer, rival: Answer | None = None) -> Asking: ...


class HumanLabel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person said of one answer: solved or not, or None where two answers were found equally good.

    The answer is that of a `candidate` to an `example` (of several, the `repeat`), or a text that is given: `answer`,
    compared with `other` where two were, to the `input` with the `target` where no example is named. `group` joins
    labels that are not independent. `where` is file and line. In a `LabelTable`, those that are `blank` await what a
    person will say.
    """

    solved: bool | None
    example: str = ""
    candidate: str = ""
    repeat: int = 0
    answer: JSON = None
    other: JSON = None
    input: JSON = None
    target: JSON = None
    group: str = ""
    where: str = ""


class LabelTable(NamedTuple):
    """What a table of labels holds: what people `said`, and the rows that are still `blank`."""

    said: tuple[HumanLabel, ...] = ()
    blank: tuple[HumanLabel, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement beside what a person said of the same answer: None where they found two answers equally good.

    `judgement` is None where the judge came to none, for the reason in `unscored`. `length` is how many characters
    the answer has, `other_length` how many the one that it was compared with, 0 for none.
    """

    human: bool | None
    judgement: Judgement | None
    group: str
    length: int
    other_length: int = 0
    unscored: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a judge did in an evaluation, apart from the candidates: verdicts, calls, tokens by kind, money.

    `n_calls` answers of the judge are behind the verdicts, of which `n_asked` were asked in this run and the others
    were stored; `n_repaired` verdicts could be read only after the judge was told its mistake. `n_inconsistent`
    depended on the order in which two answers stood, of `n_ordered` that were asked in both. `n_unscored` could not be
    judged. The votes of `n_split_votes` verdicts were not all alike, of `n_voted` with several. `cost` is None where
    the model has no price or did not tell what it used. `version` names the exact thing that judged, `recipe` the id of
    its recipe ("" in what was stored before that was noted). `given_up` is why it was asked no more, "" if it was not.
    """

    scorer: str
    model: str
    version: str
    deciding: bool
    n_verdicts: int
    n_calls: int
    n_asked: int
    n_unscored: int
    n_repaired: int = 0
    n_ordered: int = 0
    n_inconsistent: int = 0
    n_split_votes: int = 0
    n_voted: int = 0
    tokens: dict[str, int] = {}
    machine_s: float = 0.0
    cost: float | None = None
    currency: str = "USD"
    recipe: str = ""
    given_up: str = ""
