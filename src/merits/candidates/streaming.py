"""Asks a model for a stream the way the `Meter` asks for an answer: in turn, with a deadline, failures as data.

A stream that has begun cannot be tried again: whoever reads it has seen the beginning. Knows nothing about fallbacks.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol, cast, runtime_checkable

from msgspec.structs import replace

from merits.candidates.limiter import Limiter
from merits.candidates.meter import AskFailed, failure_of
from merits.core.answer import NO_USAGE, Answer, Usage
from merits.core.doors import Streaming
from merits.core.identity import JSON

__all__ = ["GoesOn", "stream_of"]


@runtime_checkable
class GoesOn(Streaming, Protocol):
    """A model that can go on where another one broke off: `said` is the beginning of the answer.

    What it gives is as of `stream`: pieces, and last the Answer, whose output is what it said itself.
    """

    def go_on(self, input: JSON, said: str) -> AsyncIterator[str | Answer]: ...


async def stream_of(
    source: AsyncIterator[str | Answer],
    *,
    limiter: Limiter | None = None,
    piece_s: float,
    first_s: float = math.inf,
    whole_s: float = math.inf,
) -> AsyncGenerator[str | Answer, None]:
    """The pieces of a stream, and last an answer: the model's, or one that says why it broke off (`failure`).

    A piece that takes longer than `piece_s` is a hang, and so is a first one that takes longer than `first_s`; past
    `whole_s` it ends. Waiting for a turn counts. `latency_s` is what the
    whole took. An attempt that ends too early may be on the bill: it counts as unmetered where nothing was told.

    >>> async def words(input: JSON) -> AsyncIterator[str | Answer]:
    ...     yield "so "
    ...     raise ConnectionResetError
    >>> async def read() -> list[object]:
    ...     return [getattr(piece, "failure", piece) and piece async for piece in stream_of(words("?"), piece_s=1.0)]
    >>> first, last = asyncio.run(read())
    >>> first, last.failure.kind
    ('so ', 'connection')
    """
    start = time.perf_counter()
    if limiter is not None and not limiter.take():
        try:
            async with asyncio.timeout(min(first_s, whole_s)):
                await limiter.turn()
        except TimeoutError as problem:
            await cast("AsyncGenerator[str | Answer, None]", source).aclose()
            yield Answer(failure=failure_of(problem), usage=Usage(attempts=0))
            return
    begun_at = 0 if limiter is None else limiter.begun_at
    answer: Answer | None = None
    told = False
    try:
        async with aclosing(cast("AsyncGenerator[str | Answer, None]", source)) as pieces:
            while answer is None:
                passed = time.perf_counter() - start
                seconds = max(0.0, min(piece_s, whole_s - passed, math.inf if told else first_s - passed))
                try:
                    async with asyncio.timeout(seconds):
                        piece = await anext(pieces)
                except TimeoutError:
                    raise TimeoutError(f"no further word within {seconds:.3g} s") from None
                if isinstance(piece, Answer):
                    answer = piece
                else:
                    told = True
                    yield piece
    except StopAsyncIteration:
        answer = _failed(ConnectionError("the stream ended before the answer did"), limiter)
    except Exception as problem:  # noqa: BLE001 (one of the places that ask a model)
        answer = _failed(problem, limiter)
    finally:
        if limiter is not None:
            _tell(limiter, answer, time.perf_counter() - start, begun_at)
    yield replace(answer, latency_s=time.perf_counter() - start)


def _failed(problem: Exception, limiter: Limiter | None) -> Answer:
    used = problem.usage if isinstance(problem, AskFailed) else NO_USAGE
    if limiter is not None and not isinstance(problem, AskFailed):
        used = Usage(unmetered=1)
    return Answer(failure=failure_of(problem), usage=used)


def _tell(limiter: Limiter, answer: Answer | None, seconds: float, begun_at: int) -> None:
    """Tells the limiter how it ended; whoever stopped reading says nothing about the provider."""
    if answer is None:
        limiter.left()
    elif answer.failure is None:
        limiter.answered(seconds, answer.usage, begun_at=begun_at)
    else:
        failure = answer.failure
        limiter.failed(
            timed_out=failure.kind == "timeout",
            refused=failure.kind == "rate_limited",
            retry_after_s=failure.retry_after_s,
        )
