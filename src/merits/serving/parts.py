"""The models of a release as they are asked: in time, at their price, and not at all while they are down.

A model is asked through the `Meter`, with a circuit breaker before it; a composite is driven with its parts, and what
it costs is what those do that it asked. Knows nothing about fallbacks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Protocol

from msgspec.structs import replace

from merits.candidates.deadlines import Deadlines
from merits.candidates.limiter import CEILING, Limiter
from merits.candidates.meter import Meter, failure_of
from merits.candidates.spent import together
from merits.candidates.streaming import GoesOn, stream_of
from merits.core.answer import Answer, Usage
from merits.core.candidate import Candidate
from merits.core.doors import Composite, Model, Streaming
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.steps import drive, drive_streaming
from merits.core.task import Settings
from merits.prices.one import pricer
from merits.serving.breaker import Breaker

__all__ = ["Asked", "Bill", "Composed", "Part"]

_MOST_RETRIES = 2  # somebody waits: what fails three times goes to a fallback
_NOTHING = Usage(attempts=0)


class Bill:
    """What one request used and cost so far; the cost is None once any part of it is not known."""

    __slots__ = ("cost", "usage")

    def __init__(self) -> None:
        self.cost: float | None = 0.0
        self.usage: Usage | None = None

    def add(self, usage: Usage, cost: float | None) -> None:
        """Takes what was used now into account."""
        self.usage = usage if self.usage is None else together(self.usage, usage)
        self.cost = None if cost is None or self.cost is None else self.cost + cost


class Asked(Protocol):
    """A part that can be asked. Never raises for what a model does.

    `streams` says whether it can answer in pieces, going on from what was `said`. Then `stream` gives them, and last
    its answer, a failure too; what it used is on the bill then. `first_s` is what the first piece may take, `whole_s`
    all of them.
    """

    name: str

    async def ask(self, input: JSON, bill: Bill) -> Answer: ...

    def streams(self, said: str) -> bool: ...

    def stream(
        self, input: JSON, bill: Bill, said: str, *, first_s: float, whole_s: float
    ) -> AsyncGenerator[str | Answer, None]: ...


class Part:
    """A model: its meter, its breaker, its price."""

    def __init__(self, candidate: Candidate, model: Model, settings: Settings, deadlines: Deadlines) -> None:
        self.name, self.model, self.breaker = candidate.name, model, Breaker()
        limiter = getattr(model, "limiter", None)
        self.limiter: Limiter | None = limiter if isinstance(limiter, Limiter) else None
        if self.limiter is not None:
            self.limiter.use(ceiling=settings.concurrency or CEILING, limits=candidate.limits or settings.limits)
        self.cost_of = pricer(candidate.price)
        self._timeout_s = settings.timeout_s
        self._meter = Meter(
            model,
            timeout_s=settings.timeout_s,
            retries=min(settings.retries, _MOST_RETRIES),
            deadline_s=settings.deadline_s if self.limiter is not None else None,
            hedge_after_s=settings.hedge_after_s if self.limiter is not None else None,
            deadlines=deadlines,
        )

    async def ask(self, input: JSON, bill: Bill) -> Answer:
        """What the model says; a failure where it does not, or is not asked because it is down."""
        # The happy path is flat on purpose: it is what a gateway adds to every request.
        breaker = self.breaker
        refusal = breaker.refusal()
        if refusal is not None:
            bill.add(_NOTHING, 0.0)
            return refusal
        try:
            answer = await self._meter.answer(input)
        except UsageError as problem:  # this input is none for this candidate
            answer = Answer(failure=replace(failure_of(problem), kind="bad_request"), usage=_NOTHING)
        except BaseException:
            breaker.left()
            self.cut_off(bill)
            raise
        breaker.note(answer)
        self.charge(bill, answer.usage)
        return answer

    def streams(self, said: str) -> bool:
        """Whether the model can answer in pieces, or go on from what was said."""
        return isinstance(self.model, GoesOn if said else Streaming)

    async def stream(
        self, input: JSON, bill: Bill, said: str, *, first_s: float, whole_s: float
    ) -> AsyncGenerator[str | Answer, None]:
        """As `Asked.stream`."""
        refusal = self.breaker.refusal()
        if refusal is not None:
            yield refusal
            return
        last: Answer | None = None
        try:
            begun = self._begun(input, said)
        except UsageError as problem:  # this input is none for this candidate
            self.breaker.left()
            yield Answer(failure=replace(failure_of(problem), kind="bad_request"), usage=_NOTHING)
            return
        flow = stream_of(begun, limiter=self.limiter, piece_s=self._timeout_s, first_s=first_s, whole_s=whole_s)
        try:
            async with aclosing(flow) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Answer):
                        last = piece
                    else:
                        yield piece
        finally:
            if last is None:
                self.breaker.left()
                self.cut_off(bill)
        assert last is not None, "a stream ends with an answer"
        self.breaker.note(last)
        self.charge(bill, last.usage)
        yield last

    def _begun(self, input: JSON, said: str) -> AsyncIterator[str | Answer]:
        model = self.model
        if said:
            assert isinstance(model, GoesOn)
            return model.go_on(input, said)
        assert isinstance(model, Streaming)
        return model.stream(input)

    def charge(self, bill: Bill, usage: Usage) -> None:
        """Puts what was used on a bill, at the price of now."""
        bill.add(usage, self.cost_of(usage, time.time()))

    def cut_off(self, bill: Bill) -> None:
        """Somebody stopped waiting: what is paid for by then is not known of a remote model, and nothing of others."""
        usage = Usage(unmetered=1) if self.limiter is not None else _NOTHING
        self.charge(bill, usage)


class Composed:
    """A composite with its parts."""

    def __init__(self, name: str, composite: Composite, parts: Sequence[Asked]) -> None:
        self.name, self._composite, self._parts = name, composite, parts

    async def ask(self, input: JSON, bill: Bill) -> Answer:
        """What it makes of what its parts say; the usage is that of those it asked, together."""
        own, parts = Bill(), self._parts
        try:
            answer = await drive(self._composite.steps(input), lambda part: parts[part].ask(input, own))
        except Exception as problem:  # noqa: BLE001 (the place that asks a composite)
            answer = Answer(failure=failure_of(problem))
        finally:
            bill.add(own.usage or _NOTHING, own.cost)
        return replace(answer, usage=own.usage or _NOTHING)

    def streams(self, said: str) -> bool:
        """Whether any of its parts can; it cannot go on from what another said."""
        return not said and any(part.streams("") for part in self._parts)

    async def stream(
        self, input: JSON, bill: Bill, said: str, *, first_s: float, whole_s: float
    ) -> AsyncGenerator[str | Answer, None]:
        """As `Asked.stream`: the pieces of the part whose answer is its own, once the others have answered."""
        own, parts = Bill(), self._parts
        begun = time.monotonic()

        def left_s(of: float) -> float:
            return max(0.0, of - (time.monotonic() - begun))

        async def ask(part: int) -> Answer:
            async with asyncio.timeout(left_s(first_s)):
                return await parts[part].ask(input, own)

        def stream(part: int) -> AsyncGenerator[str | Answer, None] | None:
            one = parts[part]
            if not one.streams(""):
                return None
            return one.stream(input, own, "", first_s=left_s(first_s), whole_s=left_s(whole_s))

        answer = Answer()
        try:
            async with aclosing(drive_streaming(self._composite.steps(input), ask, stream)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Answer):
                        answer = piece
                    else:
                        yield piece
        except Exception as problem:  # noqa: BLE001 (the place that asks a composite)
            answer = Answer(failure=failure_of(problem))
        finally:
            bill.add(own.usage or _NOTHING, own.cost)
        yield replace(answer, usage=own.usage or _NOTHING)
