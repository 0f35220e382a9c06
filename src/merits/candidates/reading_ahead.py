"""A blocking model whose inputs name files: the next ones are read and decoded while it computes.

Knows nothing about what is in the files.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar, cast

from msgspec.structs import replace

from merits.candidates.batcher import Batcher, in_thread
from merits.candidates.memory import Weights
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.identity import JSON

__all__ = ["ReadingAhead"]

T = TypeVar("T")


class ReadingAhead(Model, Generic[T]):
    """A model around a blocking `answer` of what a blocking `read` makes of an input, one after the other.

    `read` is called in a thread of its own as soon as the model is asked, so that decoding never waits for the model,
    nor the model or the event loop for decoding. `ahead` inputs are in flight: no more than those are in memory. What
    `read` raises fails that input alone. Reading counts into `latency_s` and `usage.machine_s`; it and the answer have
    `timeout_s` each.

    >>> async def ask():
    ...     model = ReadingAhead(str.upper, lambda text: Answer(text), fingerprint="upper", timeout_s=10)
    ...     answers = await asyncio.gather(*(model.answer(letter) for letter in "abc"))
    ...     await model.close()
    ...     return [answer.output for answer in answers]
    >>> asyncio.run(ask())
    ['A', 'B', 'C']
    """

    timed = True  # as its batcher is

    def __init__(
        self,
        read: Callable[[JSON], T],
        answer: Callable[[T], Answer],
        *,
        fingerprint: str,
        timeout_s: float,
        ahead: int = 4,
        close: Callable[[], None] | None = None,
        weights: Weights | None = None,
    ) -> None:
        self._read = read
        self._timeout_s = timeout_s
        self._ahead = ahead
        self.weights = weights
        self._batcher = Batcher.each(
            lambda content: answer(cast(T, content)), fingerprint=fingerprint, timeout_s=timeout_s, close=close
        )

    @property
    def fingerprint(self) -> str:
        """The given one."""
        return self._batcher.fingerprint

    @property
    def concurrency(self) -> int:
        """How many inputs are in memory."""
        return self._ahead

    async def answer(self, input: JSON) -> Answer:
        """The answer to one input; raises what reading it or the blocking code raised."""
        start = time.perf_counter()
        content = await asyncio.wait_for(in_thread(partial(self._read, input)), self._timeout_s)
        read_s = time.perf_counter() - start
        answer = await self._batcher.answer(cast(JSON, content))  # handed through as it is
        usage = replace(answer.usage, machine_s=answer.usage.machine_s + read_s)
        return replace(answer, usage=usage, latency_s=answer.latency_s + read_s)

    async def close(self) -> None:
        """Ends the thread and releases what the model holds. May be called twice."""
        await self._batcher.close()
