"""Pictures and sounds decoded in threads, so that a model never waits for a file: Pillow and NumPy let others run.

Knows nothing about what is decoded.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from merits.candidates import remembered
from merits.candidates.batcher import Batcher
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["DecodedAhead", "decoded_ahead", "readable"]

S = TypeVar("S")
T = TypeVar("T")


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "merits-decoding")


def decoded_ahead(decode: Callable[[S], T], things: Iterable[S], *, ahead: int = 64) -> Iterator[T]:
    """What `decode` makes of each thing, in their order; at most `ahead` are decoded before they are asked for.

    >>> list(decoded_ahead(abs, [-1, 2, -3], ahead=2))
    [1, 2, 3]
    """
    waiting: deque[Future[T]] = deque()
    for thing in things:
        waiting.append(_threads().submit(decode, thing))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def readable(
    read: Callable[[Example], T], examples: Sequence[Example], note: Callable[[str], None], *, ahead: bool = True
) -> list[T]:
    """What is read of examples, without those whose file cannot be read: they teach nothing, and `note` is told.

    Where nothing at all can be read, the first DataError is raised.
    """
    attempt = functools.partial(_or_problem, read)
    found = list(decoded_ahead(attempt, examples) if ahead else map(attempt, examples))
    problems = [one for one in found if isinstance(one, DataError)]
    if problems and len(problems) == len(found):
        raise problems[0]
    if problems:
        which = problems[0].found if len(problems) == 1 else f"the first one: {problems[0].found}"
        note(f"{len(problems):,} of {len(found):,} examples cannot be read and are not learned from; {which}")
    return [one for one in found if not isinstance(one, DataError)]


def _or_problem(read: Callable[[Example], T], example: Example) -> T | DataError:
    try:
        return read(example)
    except DataError as problem:
        return problem


class DecodedAhead(Model):
    """A model around a batcher of decoded inputs: each is decoded in a thread while the batch before is computed.

    The processor time of decoding is in the answer's seconds (`remembered`: of what was decoded before, too). An input
    that cannot be decoded fails alone.
    """

    timed = True

    def __init__(self, decode: Callable[[JSON], object], batcher: Batcher) -> None:
        self._decode = decode
        self._batcher = batcher
        self.fit = batcher.fit
        if hasattr(batcher, "fit_soft"):
            self.fit_soft = batcher.fit_soft
        if hasattr(batcher, "keep"):
            self.keep, self.restore = batcher.keep, batcher.restore
        if hasattr(batcher, "go_on"):
            self.cannot_go_on, self.go_on = batcher.cannot_go_on, batcher.go_on
        self.weights = batcher.weights
        self.insides = batcher.insides

    @property
    def size_bytes(self) -> int | None:
        """The batcher's."""
        return self._batcher.size_bytes

    @property
    def fingerprint(self) -> str:
        """The batcher's."""
        return self._batcher.fingerprint

    @property
    def concurrency(self) -> int:
        """The batcher's: while one batch is computed the next one is decoded."""
        return self._batcher.concurrency

    async def answer(self, input: JSON) -> Answer:
        """The answer to one input; DataError where its file cannot be read."""
        decoded, seconds = await asyncio.get_running_loop().run_in_executor(_threads(), self._decoded, input)
        answer = await self._batcher.answer(cast(Any, decoded))
        usage = replace(answer.usage, machine_s=answer.usage.machine_s + seconds)
        return replace(answer, usage=usage, latency_s=answer.latency_s + seconds)

    async def close(self) -> None:
        """Releases the model. May be called twice."""
        await self._batcher.close()

    def _decoded(self, input: JSON) -> tuple[object, float]:
        start = time.thread_time()  # of this thread alone: what others compute meanwhile is not its doing
        remembered.taken()
        decoded = self._decode(input)
        return decoded, max(time.thread_time() - start + remembered.taken(), 0.0)
