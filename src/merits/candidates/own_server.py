"""A server of one's own, paid by the hour: how much of its time each answer takes while many are in flight.

The seconds that a caller waits cannot be added up: 16 answers of 2 s that come side by side take the machine 2 s, not
32. While n answers are in flight each takes 1/n of the passing time, so the shares of all answers sum to the time in
which any was in flight, and their mean is one over the throughput that was measured.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import cast

from msgspec.structs import replace

from merits.candidates.meter import AskFailed
from merits.candidates.streaming import GoesOn
from merits.core.answer import Answer
from merits.core.doors import Model, Streaming
from merits.core.identity import JSON

__all__ = ["Machine", "OnMachine"]


class Machine:
    """The clock of one machine. Not safe to share between threads: all that is asked is asked from one event loop.

    >>> times = iter([0.0, 1.0, 3.0, 4.0])
    >>> machine = Machine(clock=lambda: next(times))
    >>> first = machine.enter()
    >>> second = machine.enter()  # alone for a second, then two for two seconds
    >>> machine.leave(first), machine.leave(second)
    (2.0, 2.0)
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._in_flight = 0
        self._share = 0.0  # what an answer would have taken that was in flight from the beginning
        self._last = 0.0

    def enter(self) -> float:
        """Where the shares stand when an answer is asked for; hand it to `leave`."""
        self._pass()
        self._in_flight += 1
        return self._share

    def leave(self, entered: float) -> float:
        """The seconds of the machine that were this answer's."""
        self._pass()
        self._in_flight -= 1
        return self._share - entered

    def _pass(self) -> None:
        now = self._clock()
        if self._in_flight:
            self._share += (now - self._last) / self._in_flight
        self._last = now


class OnMachine:
    """A model whose answers say what they took of their machine. An attempt that is cut off takes its share too, and
    hands it to nobody: what a machine does for nothing is not an answer's.
    """

    def __init__(self, model: Model, machine: Machine) -> None:
        self._model = model
        self._machine = machine
        self.timed = bool(getattr(model, "timed", False))
        self.limiter = getattr(model, "limiter", None)
        if isinstance(model, Streaming):
            self.stream = lambda input: self._timed(model.stream(input))
        if isinstance(model, GoesOn):
            self.go_on = lambda input, said: self._timed(model.go_on(input, said))

    async def _timed(self, source: AsyncIterator[str | Answer]) -> AsyncGenerator[str | Answer, None]:
        """A stream whose answer says what it took of the machine."""
        entered = self._machine.enter()
        share = -1.0
        try:
            async for piece in source:
                if isinstance(piece, Answer):
                    share = self._machine.leave(entered)
                    yield replace(piece, usage=replace(piece.usage, machine_s=share))
                else:
                    yield piece
        finally:
            if share < 0.0:
                self._machine.leave(entered)
            await cast("AsyncGenerator[str | Answer, None]", source).aclose()

    @property
    def fingerprint(self) -> str:
        """The model's."""
        return self._model.fingerprint

    @property
    def concurrency(self) -> int | None:
        """The model's."""
        return self._model.concurrency

    async def answer(self, input: JSON) -> Answer:
        """The model's answer, with its share of the machine's time; a failed attempt keeps its share as well."""
        entered = self._machine.enter()
        share = -1.0
        try:
            answer = await self._model.answer(input)
            share = self._machine.leave(entered)
        except AskFailed as problem:
            share = self._machine.leave(entered)
            problem.usage = replace(problem.usage, machine_s=share)
            raise
        finally:
            if share < 0.0:
                self._machine.leave(entered)
        return replace(answer, usage=replace(answer.usage, machine_s=share))

    async def close(self) -> None:
        """Closes the model."""
        await self._model.close()
