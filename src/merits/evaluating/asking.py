"""Asks one candidate its questions, many at once, and stops early when it evidently cannot be asked.

Knows nothing about stores and scores: answers go to whoever takes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from merits.candidates.limiter import LONGEST_PAUSE_S, Limiter
from merits.candidates.meter import Meter, Purse, PurseEmpty
from merits.core.answer import Answer, Failure, FailureKind
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.identity import JSON
from merits.core.task import Settings

__all__ = [
    "AT_ONCE",
    "DOWN",
    "Answering",
    "Health",
    "Later",
    "Taker",
    "Unmade",
    "all_or_first_problem",
    "ask_all",
    "at_once",
    "meter_of",
]

AT_ONCE = 8  # questions in flight of a model without a limiter

DOWN: tuple[FailureKind, ...] = ("connection", "server_error", "timeout")  # the provider is, or the way there

_GIVE_UP_AFTER = 20
_GIVE_UP_AFTER_REFUSED = 3  # a wrong key stays wrong, and an account may be locked for asking on
_GIVE_UP_AFTER_UNREACHED = 8  # each was tried for some ten seconds
_TRIED_LONG = 8  # attempts at one question that were all refused: no quota is left
_GIVE_UP_AFTER_HANGING = 5  # each local hang leaves a thread behind and takes a whole time-out
_GIVE_UP_AFTER_HANGING_FAR = 4  # all that are asked at first; with both their attempts that took two minutes
_YIELD_EVERY = 32


def at_once(model: Model, given: int | None) -> int:
    """How many questions are in flight: a remote model's limiter lets fewer through where that is wise."""
    limiter = getattr(model, "limiter", None)
    if isinstance(limiter, Limiter):
        return limiter.ceiling
    return model.concurrency or given or AT_ONCE


def meter_of(model: Model, recipe: Candidate, settings: Settings, purse: Purse | None = None) -> Meter:
    """The meter that asks a model by the settings and its recipe's limits; a deadline is kept for remote models."""
    limiter = getattr(model, "limiter", None)
    remote = isinstance(limiter, Limiter)
    if isinstance(limiter, Limiter):
        limiter.use(ceiling=settings.concurrency, limits=recipe.limits or settings.limits)
    return Meter(
        model,
        timeout_s=settings.timeout_s,
        retries=settings.retries,
        deadline_s=settings.deadline_s if remote else None,
        hedge_after_s=settings.hedge_after_s if remote else None,
        purse=purse,
    )


class Taker(Protocol):
    """Takes answers: `put` says whether there is room for more, `room` waits for it."""

    def put(self, candidate: int, question: int, answer: Answer) -> bool: ...

    async def room(self) -> None: ...


class Answering(Protocol):
    """Whoever is asked: a meter. What cannot be asked comes back as an answer with a failure."""

    async def answer(self, input: JSON) -> Answer: ...


class Health:
    """Whether it makes sense to go on asking a candidate.

    Not when its first 20 asks all failed (8 where there was no connection, 4 that all hung), nor when 20 in a row found
    its provider down (no connection, 5xx, no reply in time), or 3 in a row were refused in a way that does not pass: a
    wrong key, a quota that is used up, a Retry-After beyond five minutes. For a model that keeps its own time (`timed`)
    it takes 5 asks that hung.

    >>> health = Health()
    >>> for _ in range(3):
    ...     health.note(Answer(failure=Failure("unauthorised", "401: wrong key")))
    >>> health.given_up
    '3 asks in a row were refused, the last one with: 401: wrong key'
    """

    def __init__(self, *, timed: bool = False) -> None:
        self._timed, self._n_down = timed, 0
        self.is_down = False  # its provider is: of one that had answered before, that is no fault of the model
        self._too_many_hung = _GIVE_UP_AFTER_HANGING if timed else _GIVE_UP_AFTER_HANGING_FAR
        self._n_answered = self._n_failed = self._n_hung = self._n_unreached = self._n_refused = 0
        self.given_up = ""
        self.next_step = ""  # what helps then, where that is known better than by the kind of failure
        self.is_refused = False  # nobody can be asked with this key or quota: no fault of the model

    def note(self, answer: Answer) -> None:
        """Takes one answer into account."""
        failure = answer.failure
        if failure is None:
            self._n_answered += 1
            self._n_unreached = self._n_down = self._n_refused = 0
            return
        self._n_failed += 1
        self._n_hung += failure.kind == "timeout"
        self._n_unreached = self._n_unreached + 1 if failure.kind == "connection" else 0
        self._n_down = self._n_down + 1 if failure.kind in DOWN else 0
        self._n_refused = self._n_refused + 1 if _is_final(failure, answer.usage.attempts) else 0
        self._judge(failure)

    def _judge(self, failure: Failure) -> None:
        why = ""
        none_answered = self._n_answered == 0
        if self._n_refused >= _GIVE_UP_AFTER_REFUSED:
            self.is_refused = True
            why = f"{self._n_refused} asks in a row were refused"
        elif none_answered and self._n_failed >= _GIVE_UP_AFTER:
            why = f"the first {_GIVE_UP_AFTER} asks all failed"
        elif none_answered and self._n_unreached >= _GIVE_UP_AFTER_UNREACHED == self._n_failed:
            why = f"the first {_GIVE_UP_AFTER_UNREACHED} asks all failed"
        elif none_answered and self._n_hung >= self._too_many_hung == self._n_failed:
            why = f"the first {self._too_many_hung} asks all hung"
        elif self._n_down >= _GIVE_UP_AFTER and not self._timed:
            why = f"{_GIVE_UP_AFTER} asks in a row failed"
        if why and not self.given_up:
            self.is_down = not self._timed and (self._n_down == self._n_failed or self._n_down >= _GIVE_UP_AFTER)
            self.given_up = f"{why}, the last one with: {failure.message}"
            if self._n_hung == self._n_failed:
                self.given_up += ". Check its address; if it is only slow, raise timeout_s (and deadline_s) in settings"


def _is_final(failure: Failure, attempts: int) -> bool:
    """Whether asking another question will be refused just so."""
    if failure.kind == "unauthorised":
        return True
    later = failure.retry_after_s is not None and failure.retry_after_s > LONGEST_PAUSE_S
    return later or (failure.kind == "rate_limited" and attempts >= _TRIED_LONG)


class _GivenUp(Exception):
    pass


class Unmade(Exception):
    """An input could not be made; says why. Nobody is asked it, and nobody is blamed."""


@dataclass(frozen=True)
class Later:
    """An input that is made when its question is asked."""

    make: Callable[[], Awaitable[JSON]]


async def ask_all(
    meter: Answering,
    candidate: int,
    questions: Iterable[tuple[int, JSON | Later]],
    taker: Taker,
    health: Health,
    *,
    concurrency: int,
) -> None:
    """Nothing, once every question was answered or failed, or once the candidate was given up (see `health`).

    A question is taken from `questions` when it is asked, so they need not be in memory. One whose input cannot be made
    (`Unmade`) is passed over.
    """
    left = iter(questions)

    async def worker() -> None:
        answer_to, put, note = meter.answer, taker.put, health.note
        for n, (question, input) in enumerate(left):
            try:
                answer = await answer_to(await input.make() if isinstance(input, Later) else input)
            except Unmade:
                continue
            except PurseEmpty:  # what is in flight is paid for and comes in; nothing more is asked
                return
            note(answer)
            if not put(candidate, question, answer):
                await taker.room()
            if health.given_up:
                for other in workers:  # now: one that waits for its turn would begin before this is heard of
                    if other is not asyncio.current_task():
                        other.cancel()
                raise _GivenUp
            if n % _YIELD_EVERY == 0:  # a model that never waits must not keep the others waiting
                await asyncio.sleep(0)

    workers = [asyncio.ensure_future(worker()) for _ in range(concurrency)]
    with suppress(_GivenUp):
        await all_or_first_problem(workers)


async def all_or_first_problem(work: Sequence[Awaitable[None]]) -> None:
    """Runs all at once. When one raises, or this is cancelled, the others are cancelled and waited for.

    Like `asyncio.TaskGroup`, but raises the first problem itself, because the reader acts on one.

    >>> async def fine() -> None: ...
    >>> asyncio.run(all_or_first_problem([fine(), fine()]))
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if not task.cancelled():  # by another one of them
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
