"""Candidates made of others answer in steps: they say whom to ask, are sent the answers, and return the final one.

Whoever drives the steps supplies the answers: live from models (`drive`), or from what is stored (`replay`). A cascade
asks one part after another, an ensemble all of them together. Knows nothing about models and stores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import TypeAlias

import msgspec

from merits.core.answer import Answer, Usage

__all__ = ["Steps", "drive", "replay"]

Steps: TypeAlias = Generator[Sequence[int], Sequence[Answer], Answer]
"""Yields the numbers of the parts to ask together, is sent their answers in that order, returns the composite's."""

_PAID_AS_PARTS = Usage(attempts=0)


def replay(steps: Steps, answer_of: Callable[[int], Answer]) -> Answer:
    """The answer of a composite whose parts' answers are at hand.

    `consulted` are the parts that were asked, in that order. `latency_s` is what a caller waits: of parts asked
    together the slowest, summed over the steps. Its usage is nothing: the answers of the parts are on the bill.

    >>> def cautious(least):
    ...     (first,) = yield [0]
    ...     if (first.confidence or 0.0) >= least:
    ...         return first
    ...     (second,) = yield [1]
    ...     return second
    >>> said = [Answer(output="no", confidence=0.6, latency_s=0.1), Answer(output="yes", latency_s=2.0)]
    >>> sure, unsure = (replay(cautious(least), said.__getitem__) for least in (0.5, 0.9))
    >>> sure.output, sure.consulted, unsure.output, unsure.consulted, unsure.latency_s
    ('no', (0,), 'yes', (0, 1), 2.1)
    """
    consulted: list[int] = []
    waited = 0.0
    try:
        asked = next(steps)
        while True:
            answers = [answer_of(part) for part in asked]
            consulted += asked
            waited += _slowest(answers)
            asked = steps.send(answers)
    except StopIteration as end:
        return _final(end.value, consulted, waited)


async def drive(steps: Steps, ask: Callable[[int], Awaitable[Answer]]) -> Answer:
    """The answer of a composite whose parts are asked now; otherwise as `replay`.

    Parts of one step are asked side by side. What `ask` raises is raised, once all that it began has ended.
    """
    consulted: list[int] = []
    waited = 0.0
    try:
        asked = next(steps)
        while True:
            if len(asked) == 1:
                answers = [await ask(asked[0])]
            else:
                found = await asyncio.gather(*map(ask, asked), return_exceptions=True)
                answers = [_raised(one) if isinstance(one, BaseException) else one for one in found]
            consulted += asked
            waited += _slowest(answers)
            asked = steps.send(answers)
    except StopIteration as end:
        return _final(end.value, consulted, waited)
    finally:
        steps.close()


def _raised(problem: BaseException) -> Answer:
    raise problem


def _slowest(answers: Sequence[Answer]) -> float:
    return max((answer.latency_s for answer in answers), default=0.0)


def _final(answer: Answer, consulted: Sequence[int], waited: float) -> Answer:
    return msgspec.structs.replace(answer, consulted=tuple(consulted), latency_s=waited, usage=_PAID_AS_PARTS)
