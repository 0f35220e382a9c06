"""Candidates made of others answer in steps: they say whom to ask, are sent the answers, and return the final one.

Whoever drives the steps supplies the answers: live from models (`drive`, `drive_streaming`), or from what is stored
(`replay`). A cascade asks one part after another, an ensemble all of them together. Knows nothing about models and
stores.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import aclosing
from typing import TypeAlias

import msgspec

from merits.core.answer import Answer, Usage

__all__ = ["Last", "Steps", "drive", "drive_streaming", "replay"]

Steps: TypeAlias = Generator[Sequence[int], Sequence[Answer], Answer]
"""Yields the numbers of the parts to ask together, is sent their answers in that order, returns the composite's."""


class Last(tuple[int, ...]):
    """A step that asks one part whose answer is the composite's own, word for word, if it is one.

    So what it says may be passed on as it comes. What to do where it failed or refused is the composite's to say, as
    long as nothing was passed on.
    """

    __slots__ = ()


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
            answers = await _answers(asked, ask)
            consulted += asked
            waited += _slowest(answers)
            asked = steps.send(answers)
    except StopIteration as end:
        return _final(end.value, consulted, waited)
    finally:
        steps.close()


async def drive_streaming(
    steps: Steps,
    ask: Callable[[int], Awaitable[Answer]],
    stream: Callable[[int], AsyncGenerator[str | Answer, None] | None],
) -> AsyncGenerator[str | Answer, None]:
    """The pieces of the part that a `Last` step asks, as they come, and the composite's answer at the end.

    `stream` gives a part's pieces and last its answer, or None for one that cannot. Everybody else is asked as by
    `drive`. Once a piece was passed on, the answer is that of the part, also where it broke off.

    >>> async def words(part: int) -> AsyncGenerator[str | Answer, None]:
    ...     for piece in ("so ", "be it", Answer(output="so be it")):
    ...         yield piece
    >>> def one() -> Steps:
    ...     (answer,) = yield Last((0,))
    ...     return answer
    >>> async def read() -> list[str | Answer]:
    ...     return [piece async for piece in drive_streaming(one(), None, words)]
    >>> *pieces, answer = asyncio.run(read())
    >>> pieces, answer.output, answer.consulted
    (['so ', 'be it'], 'so be it', (0,))
    """
    consulted: list[int] = []
    waited = 0.0
    told: Answer | None = None
    try:
        asked = next(steps)
        while True:
            source = stream(asked[0]) if isinstance(asked, Last) else None
            if source is None:
                answers: Sequence[Answer] = await _answers(asked, ask)
            else:
                said, last = False, Answer()
                async with aclosing(source) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Answer):
                            last = piece
                        else:
                            said = True
                            yield piece
                answers, told = [last], last if said else None
            consulted += asked
            waited += _slowest(answers)
            if told is not None:
                break
            asked = steps.send(answers)
    except StopIteration as end:
        told = end.value
    finally:
        steps.close()
    assert told is not None
    yield _final(told, consulted, waited)


async def _answers(asked: Sequence[int], ask: Callable[[int], Awaitable[Answer]]) -> Sequence[Answer]:
    if len(asked) == 1:
        return [await ask(asked[0])]
    found = await asyncio.gather(*map(ask, asked), return_exceptions=True)
    return [_raised(one) if isinstance(one, BaseException) else one for one in found]


def _raised(problem: BaseException) -> Answer:
    raise problem


def _slowest(answers: Sequence[Answer]) -> float:
    return max((answer.latency_s for answer in answers), default=0.0)


def _final(answer: Answer, consulted: Sequence[int], waited: float) -> Answer:
    return msgspec.structs.replace(answer, consulted=tuple(consulted), latency_s=waited, usage=_PAID_AS_PARTS)
