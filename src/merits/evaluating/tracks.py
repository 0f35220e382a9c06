"""Each candidate is asked what a schedule wants of it at its own pace: one that is slow holds nobody up.

Knows nothing about what is asked and how.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from merits.core.answer import Answer
from merits.evaluating.asking import Taker

__all__ = ["Tracks"]

_LEAST_S = 2.0  # nobody is late before
_TIMES = 4.0  # times as long as the faster half took


class Tracks:
    """Questions of `n` candidates: `give` hands some to one of them, which `ask` then asks, one portion after the
    other; `together` waits until all have answered their last portion, but for who is late.

    Late is who takes longer than four times what the faster half took, and at least two seconds: what is left of its
    portion goes on. With `lockstep` nobody is late. `open` (candidates) are the questions that were given and are
    neither answered nor given up.

    `ask` is given the candidate, its questions and a taker for the answers. What it raises is raised by whoever waits.
    """

    def __init__(
        self,
        n: int,
        ask: Callable[[int, Sequence[int], Taker], Awaitable[None]],
        taker: Taker,
        *,
        lockstep: bool = False,
    ) -> None:
        self.open: list[set[int]] = [set() for _ in range(n)]
        self._portions: list[deque[Sequence[int]]] = [deque() for _ in range(n)]
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ask, self._taker, self._lockstep = ask, taker, lockstep
        self._changed = asyncio.Event()

    def put(self, candidate: int, question: int, answer: Answer) -> bool:
        """Takes an answer (see `Taker`)."""
        self.open[candidate].discard(question)
        return self._taker.put(candidate, question, answer)

    async def room(self) -> None:
        """Waits until there is room for more (see `Taker`)."""
        await self._taker.room()

    def give(self, k: int, questions: Sequence[int]) -> None:
        """Hands questions to a candidate, after those that it has."""
        if not questions:
            return
        self.open[k].update(questions)
        self._portions[k].append(questions)
        if k not in self._tasks:
            self._tasks[k] = asyncio.ensure_future(self._run(k))
            self._tasks[k].add_done_callback(lambda _: self._changed.set())

    def wake(self) -> None:
        """Lets whoever waits look whether anything has gone wrong."""
        self._changed.set()

    async def together(self, who: Sequence[int], check: Callable[[], None] = lambda: None) -> None:
        """Returns when these have answered all they were given, or all but those that are late."""
        now = asyncio.get_running_loop().time
        start, late_at = now(), math.inf
        asked = [k for k in who if self._is_busy(k)]  # who has everything in the store is no measure
        while busy := [k for k in asked if self._is_busy(k)]:
            if late_at == math.inf and not self._lockstep and 2 * len(busy) <= len(asked):
                late_at = start + max(_LEAST_S, _TIMES * (now() - start))
            if now() >= late_at:
                return
            await self._change(late_at - now(), check)

    async def one_of(self, who: Sequence[int], check: Callable[[], None] = lambda: None) -> None:
        """Returns when one of these has answered all it was given; at once where nobody has anything to do."""
        busy = [k for k in who if self._is_busy(k)]
        while busy and all(map(self._is_busy, busy)):
            await self._change(math.inf, check)

    async def all(self, check: Callable[[], None] = lambda: None) -> None:
        """Returns when everybody has answered all they were given."""
        while self._tasks:
            await self._change(math.inf, check)

    async def close(self) -> None:
        """Stops what is still asked."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _is_busy(self, k: int) -> bool:
        return k in self._tasks

    async def _run(self, k: int) -> None:
        portions = self._portions[k]
        while portions:
            questions = portions.popleft()
            await self._ask(k, questions, self)
            self.open[k].difference_update(questions)
        del self._tasks[k]

    async def _change(self, seconds: float, check: Callable[[], None]) -> None:
        """Waits until a candidate has nothing to do any more, or something went wrong, which is raised."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                await self._changed.wait()
        self._changed.clear()
        check()
        for task in self._tasks.values():
            if task.done():
                task.result()
