"""One release, loaded: what the gateway asks. Knows nothing about HTTP, keys or stores.

The candidate is asked first. Where it could not be, the fallbacks are, in their order; while there are any left, each
may take half of the time that is left. In the middle of a stream a fallback that is a chat model goes on from what was
said; where none can, the stream ends with a Reply whose answer failed and holds what was said.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec.structs import replace

from merits.candidates.batcher import in_thread
from merits.candidates.deadlines import Deadlines
from merits.candidates.memory import weights_of
from merits.candidates.own_server import Machine, OnMachine
from merits.candidates.texts import as_text
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Composite
from merits.core.identity import JSON
from merits.core.release import Release
from merits.prices.own_server import machine_of
from merits.serving.parts import Asked, Bill, Composed, Part
from merits.serving.unpacking import Loaded, opened

__all__ = ["Reply", "Unit", "open_unit"]


class Reply(msgspec.Struct, frozen=True):
    """What a release answered, what that costs (`currency`; None where there is no price), and which part answered.

    `fallback` is 0 for the candidate itself, else the number of the fallback, from 1.
    """

    answer: Answer
    cost: float | None
    currency: str
    fallback: int = 0


class Unit(Protocol):
    """A loaded release. Called from one event loop, many calls at once.

    Never raises for what a model does: what could not be answered is an `Answer` with a failure. `stream` gives pieces
    of text in order and the Reply last; a candidate that cannot stream gives its whole text as one piece. Whoever stops
    reading closes the iterator, which ends the asking. `close` waits for nothing that is in flight.
    """

    @property
    def release(self) -> Release: ...

    async def answer(self, input: JSON, *, deadline_s: float | None = None) -> Reply: ...

    def stream(self, input: JSON, *, deadline_s: float | None = None) -> AsyncIterator[str | Reply]: ...

    async def close(self) -> None: ...


async def open_unit(
    release: Release,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    allow_changed: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> LoadedUnit:
    """The release in a folder, ready to answer (weights are read by the first question, or by `warm`).

    `env` replaces the environment's variables, in which keys of providers are. Raises DataError where an artefact is
    missing or changed, and CandidateError or MissingExtra where a candidate cannot be loaded here, or is another one
    here (unless `allow_changed`, then `note` is told).
    """
    loaded, root, n_asked = await in_thread(
        lambda: opened(release, folder, env=env, allow_changed=allow_changed, note=note)
    )
    return LoadedUnit(release, loaded, root, n_asked)


class LoadedUnit:
    """A release with its candidate and fallbacks: see `Unit`."""

    def __init__(self, release: Release, loaded: Sequence[Loaded], root: Path, n_asked: int) -> None:
        self._release, self._loaded, self._root = release, loaded, root
        self._deadlines = Deadlines()
        machines: dict[str, Machine] = {}
        made: dict[int, Asked] = {}

        def asked(number: int) -> Asked:
            if number not in made:
                one = loaded[number]
                candidate, model = one.member.candidate, one.model
                if isinstance(model, Composite):
                    made[number] = Composed(candidate.name, model, [asked(part) for part in one.member.parts])
                else:
                    address = machine_of(candidate)
                    measured = OnMachine(model, machines.setdefault(address, Machine())) if address else model
                    made[number] = Part(candidate, measured, release.settings, self._deadlines)
            return made[number]

        self._line = [asked(number) for number in range(n_asked)]
        for number in range(len(loaded)):
            asked(number)
        self._parts = [part for part in made.values() if isinstance(part, Part)]
        self._currency = release.needs.currency
        self._closed = False

    @property
    def release(self) -> Release:
        """What was loaded."""
        return self._release

    @property
    def loaded(self) -> Sequence[Loaded]:
        """The models, the candidate's first, then those of the fallbacks, then their parts."""
        return self._loaded

    @property
    def is_remote(self) -> bool:
        """Whether any model is asked over a network."""
        return any(part.limiter is not None for part in self._parts)

    def health(self) -> dict[str, JSON]:
        """How the parts do: each with the state of its breaker, failures in a row, and counts since it was loaded."""
        return {
            "release": self._release.model,
            "parts": [
                {
                    "name": part.name,
                    "breaker": part.breaker.state,
                    "failures_in_a_row": part.breaker.in_a_row,
                    "answered": part.breaker.n_answered,
                    "failed": part.breaker.n_failed,
                    "not_asked": part.breaker.n_refused,
                }
                for part in self._parts
            ],
        }

    async def warm(self) -> None:
        """Reads all weights, so that the first request does not wait for them. Raises what reading them raises."""
        for one in self._loaded:
            weights = weights_of(one.model)
            if weights is not None:
                await in_thread(weights.read)

    async def answer(self, input: JSON, *, deadline_s: float | None = None) -> Reply:
        """What the candidate says, or the first fallback that could be asked. Never raises for what a model does."""
        if deadline_s is None:
            deadline_s = self._release.settings.deadline_s
        line, bill = self._line, Bill()
        if len(line) == 1:
            answer = await self._in_time(line[0], input, bill, deadline_s)
            return Reply(answer, bill.cost, self._currency)
        clock = asyncio.get_running_loop().time
        end = clock() + deadline_s
        first: Answer | None = None
        for number, one in enumerate(line):
            left_s = end - clock()
            answer = await self._in_time(one, input, bill, left_s / 2 if number + 1 < len(line) else left_s)
            if answer.failure is None:
                return Reply(_billed(answer, bill, number), bill.cost, self._currency, number)
            first = first or answer
        assert first is not None
        return Reply(replace(first, usage=bill.usage or first.usage), bill.cost, self._currency)

    async def stream(self, input: JSON, *, deadline_s: float | None = None) -> AsyncGenerator[str | Reply, None]:
        """The answer as it comes, and last the Reply, which says who answered in the end and what it cost."""
        if deadline_s is None:
            deadline_s = self._release.settings.deadline_s
        clock = asyncio.get_running_loop().time
        end, bill, said = clock() + deadline_s, Bill(), list[str]()
        failed: Answer | None = None
        for number, one in enumerate(self._line):
            left_s = end - clock()
            share_s = left_s / 2 if number + 1 < len(self._line) else left_s
            if not one.streams("".join(said)):
                if said:
                    continue  # it cannot go on from what was said
                answer = await self._in_time(one, input, bill, share_s)
                if answer.failure is None:
                    if not answer.refused:
                        yield as_text(answer.output)
                    yield Reply(_billed(answer, bill, number), bill.cost, self._currency, number)
                    return
                failed = failed or answer
                continue
            before, last = len(said), Answer()
            flow = one.stream(input, bill, "".join(said), first_s=share_s, whole_s=left_s)
            async with aclosing(flow) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Answer):
                        last = piece
                    else:
                        said.append(piece)
                        yield piece
            if last.failure is None and len(said) == before and not last.refused:
                said.append(as_text(last.output))  # of a part that cannot stream
                yield said[-1]
            if last.failure is None:
                whole = _joined(last, said, before)
                yield Reply(_billed(whole, bill, number), bill.cost, self._currency, number)
                return
            failed = failed or last
        yield Reply(self._broken(failed, said, bill), bill.cost, self._currency)

    async def _in_time(self, one: Asked, input: JSON, bill: Bill, seconds: float) -> Answer:
        """The answer within so many seconds; a failure past them."""
        deadline = self._deadlines.timeout(seconds)
        try:
            async with deadline:
                return await one.ask(input, bill)
        except TimeoutError:
            if not deadline.expired():
                raise
            return Answer(failure=Failure("timeout", f"{one.name}: no answer within {max(seconds, 0.0):.3g} s"))

    def _broken(self, failed: Answer | None, said: Sequence[str], bill: Bill) -> Answer:
        """The answer of a request that nobody could answer to its end."""
        assert failed is not None
        assert failed.failure is not None
        failure = failed.failure
        if said:
            failure = replace(failure, message=f"the answer broke off and nobody could go on: {failure.message}")
        return replace(failed, output="".join(said) or None, failure=failure, usage=bill.usage or failed.usage)

    async def close(self) -> None:
        """Releases the models, and the files they were given. May be called twice."""
        if self._closed:
            return
        self._closed = True
        for one in self._loaded:
            if not isinstance(one.model, Composite):
                await one.model.close()
        await in_thread(lambda: shutil.rmtree(self._root, ignore_errors=True))


def _joined(answer: Answer, said: Sequence[str], before: int) -> Answer:
    """The answer of who spoke last, with what was said by others before it."""
    if not before:
        return answer
    return replace(answer, output="".join(said), probabilities=None, confidence=None)


def _billed(answer: Answer, bill: Bill, number: int) -> Answer:
    """The answer with what all that were asked used together."""
    used: Usage | None = bill.usage
    return answer if number == 0 or used is None else replace(answer, usage=used)
