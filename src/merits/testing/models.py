"""Fake models that really implement `Model`, so that tests need no patching and survive refactoring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from merits.core.answer import Answer
from merits.core.identity import JSON

__all__ = ["Constant", "Failing", "Fake", "Flaky", "Hanging", "OffList", "Replying", "Slow"]


class Fake:
    """What all fakes share: a ledger of what they were asked, and whether they were closed.

    >>> model = Constant("yes")
    >>> asyncio.run(model.answer("Are you there?")).output, model.asked
    ('yes', ['Are you there?'])
    """

    def __init__(self, *, fingerprint: str = "", concurrency: int | None = None) -> None:
        self.asked: list[JSON] = []
        self.closed = 0
        self._fingerprint = fingerprint
        self._concurrency = concurrency

    @property
    def fingerprint(self) -> str:
        """The given one, or the name of the class."""
        return self._fingerprint or type(self).__name__

    @property
    def concurrency(self) -> int | None:
        """The given one."""
        return self._concurrency

    async def answer(self, input: JSON) -> Answer:
        """The reply, after the input was noted."""
        self.asked.append(input)
        return await self._reply(input)

    async def close(self) -> None:
        """Counts how often it was called."""
        self.closed += 1

    async def _reply(self, input: JSON) -> Answer:
        raise NotImplementedError


class Constant(Fake):
    """Always the same output."""

    def __init__(self, output: JSON, *, fingerprint: str = "", concurrency: int | None = None) -> None:
        super().__init__(fingerprint=fingerprint, concurrency=concurrency)
        self.output = output

    async def _reply(self, input: JSON) -> Answer:
        return Answer(self.output)


class Replying(Fake):
    """What a function of the input says: an output, or a whole `Answer`."""

    def __init__(
        self, reply: Callable[[JSON], JSON | Answer], *, fingerprint: str = "", concurrency: int | None = None
    ) -> None:
        super().__init__(fingerprint=fingerprint, concurrency=concurrency)
        self.reply = reply

    async def _reply(self, input: JSON) -> Answer:
        said = self.reply(input)
        return said if isinstance(said, Answer) else Answer(said)


class Slow(Constant):
    """The same output, after `seconds` on the event loop's clock. `at_once` is the most calls it ever had in flight."""

    def __init__(self, output: JSON, seconds: float, *, concurrency: int | None = None) -> None:
        super().__init__(output, concurrency=concurrency)
        self.seconds = seconds
        self.in_flight = self.at_once = 0

    async def _reply(self, input: JSON) -> Answer:
        self.in_flight += 1
        self.at_once = max(self.at_once, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.in_flight -= 1
        return Answer(self.output)


class Failing(Fake):
    """Raises the same exception every time."""

    def __init__(self, problem: Exception, *, concurrency: int | None = None) -> None:
        super().__init__(concurrency=concurrency)
        self.problem = problem

    async def _reply(self, input: JSON) -> Answer:
        raise self.problem


class Flaky(Constant):
    """Raises for the first `failures` tries of each input, then answers."""

    def __init__(self, output: JSON, failures: int, problem: Exception | None = None) -> None:
        super().__init__(output)
        self.failures = failures
        self.problem = problem or ConnectionResetError("the peer went away")

    async def _reply(self, input: JSON) -> Answer:
        if self.asked.count(input) <= self.failures:
            raise self.problem
        return Answer(self.output)


class Hanging(Fake):
    """Never answers; only cancellation ends the wait."""

    async def _reply(self, input: JSON) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError("an event that nobody sets was set")


class OffList(Constant):
    """Answers with a label that no task has."""

    def __init__(self) -> None:
        super().__init__("no such label")
