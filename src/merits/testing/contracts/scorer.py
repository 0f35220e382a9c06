"""What every scorer must hold to. Subclass `ScorerContract`, give the scorer and its examples, run pytest."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example

__all__ = ["HOSTILE_OUTPUTS", "ScorerContract"]


def _nested(depth: int) -> JSON:
    value: JSON = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE_OUTPUTS: Sequence[JSON] = (
    None,
    "",
    " \t\r\n",
    "\x00\x1b[31mred\x07",
    "<script>alert(1)</script>",
    "\ud800 a lone surrogate",
    "naïve café 東京 🙂 \u202egnp.exe",
    "e\u0301" * 50,
    "a" * 1_000_000,
    "9" * 5_000,
    "1e999999 -0 ∞ NaN 1/0",
    "[" * 5_000,
    '{"label": ' * 2_000,
    '{"a": 1, "a": 2}',
    "```json\n{}\n```",
    True,
    0,
    -1,
    10**400,
    1e308,
    math.nan,
    math.inf,
    [],
    {},
    [None, {"": [True]}],
    {"label": None},
    {"label": {"label": {"label": "x"}}},
    {"label": "x" * 10_000},
    _nested(3_000),
)
"""Outputs that a candidate may give: a scorer scores each one, and raises for none."""


class ScorerContract:
    """The contract of the Scorer door. Override the three methods; the rest are the tests.

    >>> class TestExact(ScorerContract):
    ...     def make_scorer(self):
    ...         from merits.core.task import ScorerSpec
    ...         from merits.scorers.registry import load
    ...         return load(ScorerSpec("exact"))
    ...     def solved(self):
    ...         return [(Example(id="1", input="2 + 2", target="4"), Answer(output="4"))]
    ...     def not_solved(self):
    ...         return [(Example(id="1", input="2 + 2", target="4"), Answer(output="5"))]
    >>> TestExact().test_hostile_outputs_are_scored_and_never_raise()
    """

    def make_scorer(self) -> Scorer:
        """A new scorer."""
        raise NotImplementedError

    def solved(self) -> Sequence[tuple[Example, Answer]]:
        """Examples with answers that the scorer must call solved."""
        raise NotImplementedError

    def not_solved(self) -> Sequence[tuple[Example, Answer]]:
        """Examples with answers that the scorer must not call solved."""
        raise NotImplementedError

    def test_what_is_solved_is_called_solved(self) -> None:
        """A scorer that solves nothing, or everything, would pass every other test."""
        score = self.make_scorer()
        assert self.solved()
        for example, answer in self.solved():
            assert score(example, answer).solved, (example, answer, score(example, answer))

    def test_what_is_not_solved_is_not_called_solved(self) -> None:
        """The other half."""
        score = self.make_scorer()
        assert self.not_solved()
        for example, answer in self.not_solved():
            assert not score(example, answer).solved, (example, answer)

    def test_the_same_answer_gets_the_same_score_whatever_came_before(self) -> None:
        """A scorer that keeps state would make results depend on the order of candidates."""
        pairs = [*self.solved(), *self.not_solved()]
        score = self.make_scorer()
        first = [score(example, answer) for example, answer in pairs]
        backwards = [score(example, answer) for example, answer in reversed(pairs)]
        another = self.make_scorer()
        assert first == backwards[::-1] == [another(example, answer) for example, answer in pairs]

    def test_nothing_it_is_given_is_changed(self) -> None:
        """Examples are shared by all candidates, answers by all scorers."""
        score = self.make_scorer()
        for example, answer in [*self.solved(), *self.not_solved()]:
            kept = copy.deepcopy((example, answer))
            score(example, answer)
            assert (example, answer) == kept

    def test_hostile_outputs_are_scored_and_never_raise(self) -> None:
        """What a model says is scored; an exception would leave the outcome unscored and spare the model."""
        score = self.make_scorer()
        example, _ = self.solved()[0]
        for output in HOSTILE_OUTPUTS:
            check_score(score(example, Answer(output=output)))

    def test_scores_can_be_stored_as_json(self) -> None:
        """Scores are written with the outcomes."""
        score = self.make_scorer()
        for example, answer in [*self.solved(), *self.not_solved()]:
            given = score(example, answer)
            assert msgspec.json.decode(msgspec.json.encode(given), type=Score) == given

    def test_it_can_be_called_from_many_threads(self) -> None:
        """Answers arrive from many candidates at once."""
        score = self.make_scorer()
        pairs = [*self.solved(), *self.not_solved()] * 20
        expected = [score(example, answer) for example, answer in pairs]
        with ThreadPoolExecutor(4) as threads:
            assert expected == list(threads.map(lambda pair: score(*pair), pairs))


def check_score(score: Score) -> None:
    """Fails unless it is a Score whose value is a number from 0 to 1, with a reason that can be stored and shown."""
    assert isinstance(score, Score)
    assert isinstance(score.value, float)
    assert math.isfinite(score.value)
    assert 0 <= score.value <= 1
    assert isinstance(score.solved, bool)
    assert len(score.reason) < 1_000, "a reason is a sentence, not a copy of the output"
    msgspec.json.encode(score)
