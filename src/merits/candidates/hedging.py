"""A second attempt where the first takes long: the tail of the latency is bought with calls.

As in Dean and Barroso, "The Tail at Scale" (2013, doi 10.1145/2408776.2408794). Off by default, because both attempts
may be on the bill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from merits.candidates.spent import together
from merits.core.answer import Answer, Usage

__all__ = ["hedged"]


async def hedged(
    attempt: Callable[[], Awaitable[Answer]], *, after_s: float, may_begin: Callable[[], bool] = lambda: True
) -> Answer:
    """The first good answer of one attempt, or of two when the first takes longer than `after_s`.

    `attempt` says in its answer what failed; what it raises is not for this place, but for a second attempt that could
    not begin. The second begins only if `may_begin()`. The usage is that of both: the one that is not waited for is
    cancelled, and counts as an attempt whose tokens nobody told (`unmetered`).

    >>> seconds = iter([0.05, 0.001])
    >>> async def ask() -> Answer:
    ...     await asyncio.sleep(next(seconds))
    ...     return Answer("yes")
    >>> answer = asyncio.run(hedged(ask, after_s=0.01))
    >>> answer.output, answer.usage.attempts, answer.usage.unmetered
    ('yes', 2, 1)
    """
    first = asyncio.ensure_future(attempt())
    tasks = [first]
    try:
        done, _ = await asyncio.wait(tasks, timeout=after_s)
        if done or not may_begin():
            return await first
        second = asyncio.ensure_future(attempt())
        tasks.append(second)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not any(map(_is_good, tasks)):
            await asyncio.wait(tasks)
        if second.done() and second.exception() is not None:
            return await first
        best, other = (first, second) if _is_good(first) or not second.done() else (second, first)
        beside = other.result().usage if other.done() else Usage(unmetered=1)
        answer = await best
        return replace(answer, usage=together(beside, answer.usage))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_good(task: asyncio.Future[Answer]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None and task.result().failure is None
