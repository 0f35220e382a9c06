"""The one place that asks a model: keeps the deadline, tries again, measures, and turns exceptions into data.

Knows nothing about tasks, scores or stores.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

import msgspec
from msgspec.structs import replace

from merits.core.answer import NO_USAGE, Answer, Failure, FailureKind, Usage
from merits.core.doors import Model
from merits.core.errors import UsageError
from merits.core.identity import JSON
from merits.core.secrets import redact

__all__ = ["AskFailed", "Meter", "Purse", "PurseEmpty", "failure_of"]

MAY_PASS: frozenset[FailureKind] = frozenset({"timeout", "rate_limited", "server_error", "connection"})
_FIRST_WAIT_S = 0.5  # doubled after each attempt, as clients of the large providers do
_LONGEST_WAIT_S = 30.0
_LONGEST_RETRY_AFTER_S = 300.0  # past that it is cheaper to resume the run later
_LONGEST_MESSAGE = 500
_SUMMED = tuple(name for name in Usage.__struct_fields__ if name not in ("attempts", "service_tier"))
_UNTOLD = Usage(unmetered=1)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode


class AskFailed(Exception):
    """What a model raises when it knows why it could not be asked (a 429, a refused key), so that nobody guesses.

    `usage` is what the attempt used all the same, as far as the provider told: an empty reply may be on the bill.

    >>> AskFailed(Failure("rate_limited", "429", retry_after_s=2.0)).failure.retry_after_s
    2.0
    """

    def __init__(self, failure: Failure, usage: Usage = NO_USAGE) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.usage = usage


class PurseEmpty(Exception):
    """There is nothing left to ask with: the question stays unasked."""


class Purse(Protocol):
    """What asking is paid from. `take` is called before each attempt and raises PurseEmpty when nothing is left;
    `debit` after it, with what that attempt used, whether it failed or not.
    """

    def take(self) -> None: ...

    def debit(self, usage: Usage) -> None: ...


class Meter:
    """A model that never raises for an answer: what cannot be asked comes back as `Answer(failure=...)`.

    Each attempt has `timeout_s`. What may pass (timeouts, 429, 5xx, lost connections) is tried `retries` times more,
    after an exponentially growing wait with jitter, or as long as the provider asked for (`retry_after_s`, up to five
    minutes). `latency_s` is that of the last attempt and `usage.attempts` counts all of them.

    A model with a true attribute `timed` (the `Batcher`) keeps its own deadline and measures its own latency, because
    waiting for a turn on this machine is neither; its timeouts are not tried again: the same code given the same
    input would hang again.

    With a `purse` each attempt is paid from it. Raises only what is the user's mistake (`UsageError`), PurseEmpty, and
    cancellation.

    >>> from merits.testing.models import Flaky
    >>> async def no_wait(seconds: float) -> None: ...
    >>> answer = asyncio.run(Meter(Flaky("yes", failures=2), timeout_s=1, retries=3, sleep=no_wait).answer("?"))
    >>> answer.output, answer.usage.attempts
    ('yes', 3)
    """

    def __init__(
        self,
        model: Model,
        *,
        timeout_s: float,
        retries: int,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        purse: Purse | None = None,
    ) -> None:
        self.model = model
        self._timeout_s = timeout_s
        self._retries = retries
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._timed = bool(getattr(model, "timed", False))
        self._purse = purse
        asked = model.answer if self._timed else self._with_deadline
        self._attempt = asked if purse is None else self._paid(asked, purse)

    async def answer(self, input: JSON) -> Answer:
        """The model's answer, or one that says why there is none."""
        # The happy path is flat on purpose: a million calls must cost seconds.
        try:
            answer = await self._attempt(input)
            if answer.failure is None:
                if not _is_plain(answer):
                    _check(answer)
                return answer
            failure, used = answer.failure, answer.usage
        except (UsageError, PurseEmpty):
            raise
        except Exception as problem:  # noqa: BLE001 (the place that asks a model)
            failure, used = failure_of(problem), self._usage_of(problem)
        return await self._again(input, failure, used)

    async def _again(self, input: JSON, failure: Failure, used: Usage) -> Answer:
        """The answer after further attempts, or the last failure; its usage is that of all attempts together."""
        attempts = 1
        while attempts <= self._retries and self._may_pass(failure):
            await self._sleep(self._wait_s(failure, attempts))
            try:
                answer = await self._attempt(input)
                attempts += 1
                if answer.failure is None:
                    _check(answer)
                    return replace(answer, usage=_together(used, answer.usage, attempts))
                failure, spent = answer.failure, answer.usage
            except UsageError:
                raise
            except PurseEmpty:
                break  # what the earlier attempts used is on the bill, and is kept with the failure
            except Exception as problem:  # noqa: BLE001 (the place that asks a model)
                attempts += 1
                failure, spent = failure_of(problem), self._usage_of(problem)
            used = _together(used, spent, attempts)
        return Answer(failure=_clean(failure), usage=replace(used, attempts=attempts))

    def _paid(self, asked: Callable[[JSON], Awaitable[Answer]], purse: Purse) -> Callable[[JSON], Awaitable[Answer]]:
        async def attempt(input: JSON) -> Answer:
            purse.take()
            used = NO_USAGE
            try:
                answer = await asked(input)
                used = answer.usage
            except Exception as problem:
                used = self._usage_of(problem)
                raise
            finally:
                purse.debit(used)
            return answer

        return attempt

    async def _with_deadline(self, input: JSON) -> Answer:
        start = self._clock()
        try:
            async with asyncio.timeout(self._timeout_s) as deadline:
                answer = await self.model.answer(input)
        except TimeoutError as problem:
            if not deadline.expired():
                raise
            raise TimeoutError(f"no answer within {self._timeout_s:g} s") from problem
        if not isinstance(answer, Answer):
            _not_an_answer(answer)
        return replace(answer, latency_s=self._clock() - start)

    def _usage_of(self, problem: BaseException) -> Usage:
        if isinstance(problem, AskFailed):
            return problem.usage
        # What ran out of time far away may have been answered, and billed, all the same.
        return _UNTOLD if isinstance(problem, TimeoutError) and not self._timed else NO_USAGE

    def _may_pass(self, failure: Failure) -> bool:
        if failure.kind not in MAY_PASS or (self._timed and failure.kind == "timeout"):
            return False
        return failure.retry_after_s is None or failure.retry_after_s <= _LONGEST_RETRY_AFTER_S

    def _wait_s(self, failure: Failure, attempts: int) -> float:
        """Half fixed, half random, so that callers that failed together do not come back together."""
        backoff = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * math.ldexp(1.0, attempts - 1)) * (0.5 + self._jitter() / 2)
        return max(backoff, failure.retry_after_s or 0.0)


def failure_of(problem: BaseException) -> Failure:
    """The failure that an exception means; its message is redacted and cut to 500 characters.

    >>> failure_of(ConnectionResetError("peer went away"))
    Failure(kind='connection', message='ConnectionResetError: peer went away', retry_after_s=None)
    """
    if isinstance(problem, AskFailed):
        return _clean(problem.failure)
    kind: FailureKind = "raised"
    if isinstance(problem, TimeoutError):
        kind = "timeout"
    elif isinstance(problem, ConnectionError):
        kind = "connection"
    elif isinstance(problem, MemoryError):
        kind = "out_of_memory"
    text = str(problem)
    name = type(problem).__name__
    return _clean(Failure(kind, f"{name}: {text}" if text else name))


def _together(one: Usage, other: Usage, attempts: int) -> Usage:
    """The usage of several attempts as one; what it was billed as is that of the later."""
    if one is NO_USAGE:
        return replace(other, attempts=attempts)
    summed = {name: getattr(one, name) + getattr(other, name) for name in _SUMMED}
    return Usage(**summed, attempts=attempts, service_tier=other.service_tier or one.service_tier)


def _clean(failure: Failure) -> Failure:
    message = redact(failure.message)[:_LONGEST_MESSAGE]
    return replace(failure, message=message.encode("utf-8", "replace").decode())  # a lone surrogate is no text


def _is_plain(answer: Answer) -> bool:
    """Whether nothing about the answer needs checking: it says one ASCII word or text, and nothing else."""
    output = answer.output
    if answer.probabilities is not None or answer.confidence is not None or answer.model:
        return False
    return (type(output) is str and output.isascii()) or output is None


def _check(answer: Answer) -> None:
    """Raises TypeError for what cannot be stored and read again: better one failed answer than a lost run."""
    for name, value in (*(answer.probabilities or {}).items(), ("confidence", answer.confidence or 0.0)):
        if not math.isfinite(value):
            raise TypeError(f"gave {value} for {name!r}; give a number from 0 to 1, or none at all")
    try:
        _decode(_encode(answer))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as problem:
        raise TypeError(f"gave an answer that is not JSON: {problem}") from None


def _not_an_answer(answer: object) -> NoReturn:
    raise TypeError(f"the model returned a {type(answer).__name__}, not an Answer; wrap it: Answer(output=...)")
