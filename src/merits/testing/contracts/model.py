"""What every `Model` must do. Subclass `ModelContract`, say how to make one, and pytest runs the suite."""

from __future__ import annotations

import asyncio
import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Model, Trainable
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["ModelContract"]


class ModelContract(ABC):
    """The suite. `make` returns a fresh model each time; equal recipes must give equal models.

        class TestMyModel(ModelContract):
            def make(self) -> Model:
                return load(Params(...), LoadContext())

    `examples` are what a trainable model learns from, `inputs` what it is asked; replace both when the model reads
    something else than text. `odd` are inputs at the edge of what a user's data hold: a model answers them or raises,
    but never hangs, and is of use afterwards.
    """

    examples: ClassVar[Sequence[Example]] = tuple(
        Example(str(number), f"{word} number {number}", label)
        for number in range(6)
        for word, label in (("good", "positive"), ("bad", "negative"))
    )
    inputs: ClassVar[Sequence[JSON]] = ("this is good", "this is bad")
    odd: ClassVar[Sequence[JSON]] = ("", " ", "\u0000", "日本語 🙂 \u202e", "'\"{input}</script>", "word " * 20_000)

    at_once: ClassVar[int] = 50

    @abstractmethod
    def make(self) -> Model:
        """A fresh model, not yet fitted."""

    def test_is_a_model(self) -> None:
        """The door is a protocol: what is missing would only be noticed in the middle of a run."""
        assert isinstance(self.make(), Model)

    def test_answers_what_it_is_asked(self) -> None:
        """An answer is an `Answer` without a failure."""
        for answer in self._ask(self.make(), self.inputs):
            assert isinstance(answer, Answer)
            assert answer.failure is None

    def test_answers_many_at_once_each_with_its_own_answer(self) -> None:
        """Calls come concurrently; none may be lost, answered twice, or given another's answer."""
        inputs = [self.inputs[number % len(self.inputs)] for number in range(self.at_once)]
        alone = {str(input): answer.output for input in self.inputs for answer in self._ask(self.make(), [input])}
        together = self._ask(self.make(), inputs)
        assert [answer.output for answer in together] == [alone[str(input)] for input in inputs]

    def test_leaves_its_input_as_it_was(self) -> None:
        """The same example goes to every candidate."""
        inputs = copy.deepcopy(list(self.inputs))
        self._ask(self.make(), inputs)
        assert inputs == list(self.inputs)

    def test_answers_can_be_stored(self) -> None:
        """An answer survives JSON unchanged; no numpy scalars, no NaN."""
        for answer in self._ask(self.make(), self.inputs):
            assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer

    def test_probabilities_are_probabilities(self) -> None:
        """From 0 to 1, and together 1; a model that does not know them gives none."""
        for answer in self._ask(self.make(), self.inputs):
            if answer.probabilities is not None:
                assert all(0 <= share <= 1 for share in answer.probabilities.values())
                assert abs(sum(answer.probabilities.values()) - 1) < 1e-3
            assert answer.confidence is None or 0 <= answer.confidence <= 1

    def test_usage_is_never_negative(self) -> None:
        """Kinds of tokens are disjoint parts of a total."""
        for answer in self._ask(self.make(), self.inputs):
            counted = msgspec.structs.asdict(answer.usage).values()
            assert all(value >= 0 for value in counted if not isinstance(value, str))

    def test_fingerprint_is_the_same_for_the_same_recipe_and_needs_no_fit(self) -> None:
        """Stored answers are found again by it, before anything is trained."""
        first = self.make().fingerprint
        assert first
        assert first == self.make().fingerprint

    def test_fingerprint_stays_when_the_model_is_used(self) -> None:
        """Answers of one run are stored under one version."""
        model = self.make()
        before = model.fingerprint
        self._ask(model, self.inputs)
        assert before == model.fingerprint

    def test_is_closed_twice_without_complaint(self) -> None:
        """Whoever cleans up does not know what was cleaned up."""
        model = self.make()

        async def close_twice() -> None:
            await self._ready(model)
            await model.answer(self.inputs[0])
            await model.close()
            await model.close()

        asyncio.run(close_twice())

    def test_is_closed_without_having_been_asked(self) -> None:
        """A plan loads models only to know what they are."""
        asyncio.run(self.make().close())

    def test_odd_inputs_are_answered_or_refused_and_do_no_harm(self) -> None:
        """One strange row must not end a run."""
        model = self.make()

        async def ask() -> list[Answer | BaseException]:
            await self._ready(model)
            odd = await asyncio.gather(*(model.answer(input) for input in self.odd), return_exceptions=True)
            after = await model.answer(self.inputs[0])
            await model.close()
            assert after.failure is None
            return list(odd)

        for result in asyncio.run(ask()):
            assert isinstance(result, Answer | Exception)

    def _ask(self, model: Model, inputs: Sequence[JSON]) -> list[Answer]:
        async def ask() -> list[Answer]:
            await self._ready(model)
            try:
                return list(await asyncio.gather(*(model.answer(input) for input in inputs)))
            finally:
                await model.close()

        return asyncio.run(ask())

    async def _ready(self, model: Model) -> None:
        if isinstance(model, Trainable):
            await asyncio.to_thread(model.fit, self.examples)
