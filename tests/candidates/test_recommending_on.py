"""Recommenders that go on learning: new users and items at once, and what each learned put away and taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Learning
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.learning import LearningContract

CHOICES = {str(user): [f"i{(user * step) % 17}" for step in range(1, 6)] for user in range(1, 30)}
LESSONS = tuple(
    Example(user, {"user": user, "items": items[:4], "times": [10 * int(user) + n for n in range(4)]}, items[4:])
    for user, items in CHOICES.items()
)


def recommender(kind: str, **params: JSON) -> Learning:
    if kind == "implicit-als":
        pytest.importorskip("implicit")
    found = load(
        Candidate(name=kind, kind=kind, params=params), LoadContext(task_kind="recommendation", env={}, seed=1)
    )
    assert isinstance(found, Learning)
    return found


def said(model: Learning, input: JSON) -> JSON:
    return asyncio.run(model.answer(input)).output


class _Learns(LearningContract):
    lessons = LESSONS
    inputs: ClassVar[Sequence[JSON]] = tuple(
        {"user": "new", "items": items[:2]} for items in list(CHOICES.values())[:8]
    )

    def test_nothing_is_learned_of_lessons_of_which_one_has_no_target(self) -> None:
        """There is nothing that a lesson must have: what somebody chose teaches, be it in the input or the target."""
        model = self._taught()
        model.learn_one({"user": "quiet", "items": ["i1", "i2"]}, None)
        assert all(answer.failure is None for answer in self._ask(model))


class TestPopularityLearns(_Learns):
    def make(self) -> Learning:
        return recommender("popularity", half_life_days=0.001)


class TestItemKnnLearns(_Learns):
    def make(self) -> Learning:
        return recommender("item-knn", shrink=0.0)


class TestEaseLearns(_Learns):
    def make(self) -> Learning:
        return recommender("ease", regularisation=2.0)


class TestAlsLearns(_Learns):
    def make(self) -> Learning:
        return recommender("implicit-als", factors=4, iterations=3)

    def test_one_by_one_is_as_many_at_once(self) -> None:
        """It is not, to the last bit: each lesson solves for its own users and items only. What is said agrees."""
        singly, at_once = self._taught(), self._taught()
        more = [Example(str(n), {"user": str(100 + n), "items": ["i1", "i2", "new"]}, ["i3"]) for n in range(6)]
        for example in more:
            singly.learn_one(example.input, example.target)
        at_once.learn_many(more)
        one, other = (said(m, {"user": "x", "items": ["i1", "i2"]}) for m in (singly, at_once))
        assert one[0] == other[0] == "i3"  # type: ignore[index]


@pytest.mark.parametrize("kind", ["popularity", "item-knn", "ease", "implicit-als"])
def test_a_new_item_is_recommended_after_its_first_events(kind: str) -> None:
    """Without training anew: those who chose what goes with it are shown it."""
    model = recommender(kind, k=3)
    model.fit(LESSONS)
    for user in range(200, 230):
        model.learn_one({"user": str(user), "items": ["i1", "i2"]}, ["brand new"])
    assert "brand new" in said(model, {"user": "somebody", "items": ["i1", "i2"]})  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["popularity", "item-knn", "ease"])
def test_what_is_told_again_teaches_nothing(kind: str) -> None:
    """A live input holds the user's history, which was learned before."""
    model = recommender(kind)
    model.fit(LESSONS)
    before = model.state()
    for example in LESSONS:
        model.learn_one(example.input, example.target)
    assert model.state() == before


@pytest.mark.parametrize("kind", ["popularity", "item-knn", "ease"])
def test_learning_on_is_as_learning_anew(kind: str) -> None:
    """These updates are exact."""
    on, anew = recommender(kind, k=17), recommender(kind, k=17)
    on.fit(LESSONS[:20])
    for example in LESSONS[20:]:
        on.learn_one(example.input, example.target)
    anew.fit(LESSONS)
    for items in list(CHOICES.values())[:10]:
        one, other = (said(m, {"user": "new", "items": items[:2]}) for m in (on, anew))
        assert one[:3] == other[:3]  # type: ignore[index]


def test_who_cannot_be_put_away_says_so() -> None:
    """Before a release is made of it."""
    pytest.importorskip("implicit")
    model = recommender("implicit-bpr", iterations=2, factors=4)
    model.fit(LESSONS)
    with pytest.raises(CandidateError, match="cannot be put away"):
        model.state()
