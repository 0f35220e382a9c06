"""What every `Learning` model must do. Subclass `LearningContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import pytest
from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.doors import Learning
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["LearningContract"]


class LearningContract(ABC):
    """The suite. `make` returns a fresh model each time; `lessons` are learned in their order, `inputs` asked."""

    lessons: ClassVar[Sequence[Example]] = tuple(
        Example(str(number), f"{word} number {number}", label)
        for number in range(20)
        for word, label in (("good", "positive"), ("bad", "negative"))
    )
    inputs: ClassVar[Sequence[JSON]] = ("this is good", "this is bad", "number 3")

    @abstractmethod
    def make(self) -> Learning:
        """A fresh model that has learned nothing."""

    def test_is_one(self) -> None:
        """The door is a protocol: what is missing would only be noticed in production."""
        assert isinstance(self.make(), Learning)

    def test_learns_without_being_trained_first(self) -> None:
        """Lessons may come before `fit`."""
        model = self.make()
        for example in self.lessons:
            model.learn_one(example.input, example.target)
        assert all(answer.failure is None for answer in self._ask(model))

    def test_one_by_one_is_as_many_at_once(self) -> None:
        """How lessons are cut into batches is nobody's decision."""
        singly, at_once = self.make(), self.make()
        at_once.learn_many(self.lessons[:1])
        singly.learn_many(self.lessons[:1])
        for example in self.lessons[1:]:
            singly.learn_one(example.input, example.target)
        at_once.learn_many(self.lessons[1:])
        assert self._said(singly) == self._said(at_once)

    def test_a_restored_one_answers_and_goes_on_as_the_first(self) -> None:
        """A crash must leave no trace: the same answers now, and after further lessons."""
        first, second = self.make(), self.make()
        half = len(self.lessons) // 2
        first.fit(self.lessons[:half])
        second.restore_state(first.state())
        assert self._said(second) == self._said(first)
        for example in self.lessons[half:]:
            first.learn_one(example.input, example.target)
            second.learn_one(example.input, example.target)
        assert self._said(second) == self._said(first)
        assert second.state() == first.state()

    def test_refuses_what_is_no_state_of_its_own(self) -> None:
        """Bytes come from a store that others write."""
        state = self._taught().state()
        for broken in (b"", b"\x80\x04cos\nsystem\n", state[: len(state) // 2], state + state[:7]):
            with pytest.raises(CandidateError):
                self.make().restore_state(broken)

    def test_a_state_that_was_refused_leaves_it_as_it_was(self) -> None:
        """It goes on answering."""
        model = self._taught()
        before = self._said(model)
        with pytest.raises(CandidateError):
            model.restore_state(b"nothing")
        assert self._said(model) == before

    def test_nothing_is_learned_of_lessons_of_which_one_has_no_target(self) -> None:
        """All of a batch or nothing, so that it can be given again."""
        model = self._taught()
        before = model.state()
        with pytest.raises(CandidateError):
            model.learn_many([self.lessons[0], replace(self.lessons[1], target=None)])
        assert model.state() == before

    def test_may_learn_while_it_answers(self) -> None:
        """Lessons come from another thread than questions."""
        model = self._taught()

        def teach() -> None:
            for _ in range(5):
                model.learn_many(self.lessons)

        thread = threading.Thread(target=teach)
        thread.start()
        answers = [answer for _ in range(10) for answer in self._ask(model)]
        thread.join()
        assert all(answer.failure is None for answer in answers)

    def _taught(self) -> Learning:
        model = self.make()
        model.fit(self.lessons)
        return model

    def _said(self, model: Learning) -> list[tuple[JSON, dict[str, float] | None]]:
        return [(answer.output, answer.probabilities) for answer in self._ask(model)]

    def _ask(self, model: Learning) -> list[Answer]:
        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(model.answer(input) for input in self.inputs))

        return asyncio.run(all_of_them())
