"""Composites in an evaluation: their parts are asked on demand, once for all who want to know, and stored as their own.

Knows nothing about what a composite does with the answers of its parts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, cast

from merits.candidates.meter import PurseEmpty, failure_of
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Composite
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.steps import drive
from merits.evaluating.asking import Health, Taker, Unmade

__all__ = ["Assembly", "Exchange", "Hearing"]


class Asks(Protocol):
    """Puts one question, by its number, to a candidate, by its number, whatever it takes to make that one ready."""

    def __call__(self, candidate: int, question: int) -> Awaitable[Answer]: ...


class Exchange:
    """Where composites ask for answers of parts. What is known, or is being asked by anybody in this run, is not asked.

    `ask` puts a question to a candidate. `expect` says that one is going to be asked questions in its own right,
    `heard` that one was answered, and `over` that no more of them will be.
    """

    def __init__(self, ask: Asks, health: Sequence[Health]) -> None:
        self._ask, self._health = ask, health
        self._known: dict[int, dict[int, Answer]] = {}
        self._coming: dict[tuple[int, int], asyncio.Future[Answer | None]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self.taker: Taker | None = None

    def watch(self, candidates: Iterable[int]) -> None:
        """From now on the answers of these are kept, for they are parts."""
        for k in candidates:
            self._known.setdefault(k, {})

    def is_part(self, k: int) -> bool:
        """Whether answers of this candidate are kept."""
        return k in self._known

    def knows(self, k: int, question: int) -> bool:
        """Whether a question needs no asking any more."""
        return question in self._known.get(k, ())

    def heard(self, k: int, question: int, answer: Answer) -> None:
        """Keeps an answer, and hands it to those who wait for it."""
        known = self._known.get(k)
        if known is None:
            return
        if answer.failure is None:
            known[question] = answer
        coming = self._coming.pop((k, question), None)
        if coming is not None and not coming.done():
            coming.set_result(answer)

    def expect(self, k: int, questions: Iterable[int]) -> None:
        """A part is about to be asked these in its own right: whoever wants the answers waits for them."""
        if k not in self._known:
            return
        loop = asyncio.get_running_loop()
        for question in questions:
            if (k, question) not in self._coming and question not in self._known[k]:
                self._coming[k, question] = loop.create_future()

    def over(self, k: int, questions: Iterable[int]) -> None:
        """What a part did not answer of these by now, it will not: whoever waits asks for itself."""
        for question in questions if k in self._known else ():
            coming = self._coming.pop((k, question), None)
            if coming is not None and not coming.done():
                coming.set_result(None)

    async def answer(self, k: int, question: int) -> Answer:
        """The answer of a part to a question: known, on its way, or asked now. A failure where it is given up."""
        known = self._known[k].get(question)
        if known is not None:
            return known
        coming = self._coming.get((k, question))
        if coming is not None:
            found = await asyncio.shield(coming)
            if found is not None:
                return found
            return await self.answer(k, question)
        if self._health[k].given_up:
            return Answer(failure=Failure("raised", f"given up: {self._health[k].given_up}"))
        return await self._asked(k, question)

    async def _asked(self, k: int, question: int) -> Answer:
        coming = self._coming[k, question] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._ask(k, question)
        except BaseException as problem:
            self._coming.pop((k, question), None)
            if not coming.done():
                coming.set_exception(problem)
                coming.exception()  # looked at: nobody else may have been waiting
            raise
        self._health[k].note(answer)
        assert self.taker is not None
        has_room = self.taker.put(k, question, answer)  # on its way to the disk before the composite's own
        self.heard(k, question, answer)
        if not has_room:
            await self.taker.room()
        return answer


class Hearing:
    """A taker of answers that tells the exchange of each."""

    def __init__(self, taker: Taker, exchange: Exchange) -> None:
        self._taker, self._exchange = taker, exchange
        exchange.taker = taker

    def put(self, candidate: int, question: int, answer: Answer) -> bool:
        """Takes an answer (see `Taker`)."""
        has_room = self._taker.put(candidate, question, answer)
        self._exchange.heard(candidate, question, answer)
        return has_room

    async def room(self) -> None:
        """Waits until there is room for more (see `Taker`)."""
        await self._taker.room()


class Assembly:
    """A composite as a model that answers questions by their numbers: the answers of its parts come from the exchange.

    It keeps its own time, which is that of its parts, and tries nothing again: they do.
    """

    timed = True
    concurrency = None

    def __init__(self, composite: Composite, parts: Sequence[int], exchange: Callable[[], Exchange]) -> None:
        self.composite = composite
        self.parts, self._exchange = parts, exchange
        self._inputs: dict[int, JSON] = {}

    @property
    def fingerprint(self) -> str:
        """The composite's."""
        return self.composite.fingerprint

    def asked(self, question: int, input: JSON) -> int:
        """The question's number, which is what `answer` is asked."""
        self._inputs[question] = input
        return question

    async def answer(self, input: JSON) -> Answer:
        """The answer to the question of this number."""
        question, exchange = cast(int, input), self._exchange()

        async def ask(part: int) -> Answer:
            return await exchange.answer(self.parts[part], question)

        try:
            return await drive(self.composite.steps(self._inputs.pop(question)), ask)
        except (UsageError, PurseEmpty, Unmade):
            raise
        except Exception as problem:  # noqa: BLE001 (the place that asks a composite)
            return Answer(failure=failure_of(problem), usage=Usage(attempts=0))

    async def close(self) -> None:
        """Nothing is held here; parts are closed by whoever asks them."""
