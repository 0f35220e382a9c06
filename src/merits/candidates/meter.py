"""The one place that asks a model: keeps the deadline, tries again, measures, and turns exceptions into data.

How many calls are in flight is the limiter's business. Knows nothing about tasks, scores or stores.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from merits.candidates.deadlines import Deadline, Deadlines
from merits.candidates.hedging import hedged
from merits.candidates.limiter import LONGEST_PAUSE_S, Limiter
from merits.candidates.spent import together
from merits.core.answer import NO_USAGE, Answer, Failure, FailureKind, Usage
from merits.core.doors import Model
from merits.core.errors import DataError, UsageError
from merits.core.identity import JSON
from merits.core.secrets import shown

__all__ = ["AskFailed", "Meter", "Purse", "PurseEmpty", "failure_of"]

MAY_PASS: frozenset[FailureKind] = frozenset({"timeout", "rate_limited", "server_error", "connection"})
_FIRST_WAIT_S = 0.5  # doubled after each attempt, as clients of the large providers do
_LONGEST_WAIT_S = 30.0
_TRIES_WHEN_REFUSED = 9  # a refusal costs nothing and is nobody's fault: half a minute of them is waited out
_LONGEST_MESSAGE = 500
_UNMETERED = Usage(unmetered=1)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode


Attempt: TypeAlias = Callable[[JSON, int], Awaitable[Answer]]  # of an input, after so many attempts


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
    minutes). `deadline_s` ends it all, waits included, counted from the first attempt. `latency_s` is that of the last
    attempt and `usage.attempts` counts all of them. No attempt takes longer than the deadline, the first neither.

    A model with a `limiter` (a remote one) is asked in turn, and refusals (429) do not use up its retries before the
    ninth. Its attempts also end when they take far longer than any answer did lately (`Limiter.patience_s`, doubled
    with each attempt, never past `timeout_s`), so that a hang is found out in seconds. Such an attempt may be on the
    bill: it counts as `unmetered`. With `hedge_after_s` a second attempt is started when the first takes that long,
    if there is a free turn; the first answer counts, and both attempts do.

    Where nobody has ever replied and eight attempts have run out of time, none is tried again.

    A model with a true attribute `timed` (the `Batcher`) keeps its own deadline and measures its own latency, because
    waiting for a turn on this machine is neither; its timeouts are not tried again: the same code given the same
    input would hang again.

    With `deadlines` the attempts' are kept there, for less and up to 20 ms late.

    With a `purse` each attempt is paid from it. Raises only what is the user's mistake (`UsageError`,
    except in the data: that fails alone), PurseEmpty, and
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
        deadline_s: float | None = None,
        hedge_after_s: float | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.model = model
        self._timeout: Callable[[float | None], Deadline | asyncio.Timeout] = (
            asyncio.timeout if deadlines is None else deadlines.timeout
        )
        self._timeout_s = timeout_s if deadline_s is None else min(timeout_s, deadline_s)
        self._retries = retries
        self._deadline_s = deadline_s
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._timed = bool(getattr(model, "timed", False))
        limiter = getattr(model, "limiter", None)
        self._limiter: Limiter | None = limiter if isinstance(limiter, Limiter) else None
        self._purse = purse
        asked: Attempt = (lambda input, _: model.answer(input)) if self._timed else self._with_deadline
        asked = asked if purse is None else self._paid(asked, purse)
        asked = asked if self._limiter is None else self._told(asked, self._limiter)
        self._attempt = asked if hedge_after_s is None else self._hedged(asked, hedge_after_s)

    async def answer(self, input: JSON) -> Answer:
        """The model's answer, or one that says why there is none."""
        # The happy path is flat on purpose: a million calls must cost seconds.
        limiter = self._limiter
        if limiter is not None and not limiter.take():
            await limiter.turn()
        start = 0.0 if self._deadline_s is None else self._clock()
        try:
            answer = await self._attempt(input, 0)
            if answer.failure is None:
                if not _is_plain(answer):
                    _check(answer)
                return answer
            failure, used = answer.failure, answer.usage
        except DataError as problem:
            failure, used = failure_of(problem), NO_USAGE
        except (UsageError, PurseEmpty):
            raise
        except Exception as problem:  # noqa: BLE001 (the place that asks a model)
            failure, used = failure_of(problem), self._usage_of(problem)
        return await self._again(input, failure, used, start)

    async def _again(self, input: JSON, failure: Failure, used: Usage, start: float) -> Answer:
        """The answer after further attempts, or the last failure; its usage is that of all attempts together."""
        attempts = 1
        while self._is_worth_it(failure, attempts):
            seconds = self._wait_s(failure, attempts)
            left_s = None if self._deadline_s is None else start + self._deadline_s - self._clock()
            if left_s is not None and seconds >= left_s:
                failure = self._too_late(failure)
                break
            try:
                answer = await self._once_more(input, attempts, seconds, left_s)
                attempts += 1
                if answer.failure is None:
                    _check(answer)
                    return replace(answer, usage=together(used, answer.usage))
                failure, spent = answer.failure, answer.usage
            except DataError as problem:
                failure, spent = failure_of(problem), NO_USAGE
            except UsageError:
                raise
            except PurseEmpty:
                break  # what the earlier attempts used is on the bill, and is kept with the failure
            except _Silent:
                break
            except _NotBegun:
                failure = self._too_late(failure)
                break
            except Exception as problem:  # noqa: BLE001 (the place that asks a model)
                attempts += 1
                failure, spent = failure_of(problem), self._usage_of(problem)
            used = together(used, spent)
        return Answer(failure=_clean(failure), usage=used)

    async def _once_more(self, input: JSON, attempts: int, seconds: float, left_s: float | None) -> Answer:
        """One more attempt after a wait and in turn; _NotBegun when the deadline comes before its turn, _Silent where
        nobody has ever replied.
        """
        await self._sleep(seconds)
        if self._limiter is not None and self._limiter.is_silent:
            raise _Silent
        begun = False
        try:
            async with asyncio.timeout(None if left_s is None else left_s - seconds) as deadline:
                if self._limiter is not None and not self._limiter.take():
                    await self._limiter.turn(first=True)
                begun = True
                return await self._attempt(input, attempts)
        except TimeoutError as problem:
            if not deadline.expired():
                raise
            if not begun:
                raise _NotBegun from problem
            raise TimeoutError(f"no answer within the deadline of {self._deadline_s:g} s") from problem

    def _told(self, asked: Attempt, limiter: Limiter) -> Attempt:
        """Tells the limiter how each attempt ended; its turn has been given already."""

        async def attempt(input: JSON, attempts: int) -> Answer:
            begun_at = limiter.begun_at
            try:
                answer = await asked(input, attempts)
                failure = answer.failure
            except Exception as problem:
                _tell(limiter, failure_of(problem))
                raise
            except BaseException:
                limiter.left()
                raise
            if failure is None:
                limiter.answered(answer.latency_s, answer.usage, begun_at=begun_at)
            else:
                _tell(limiter, failure)
            return answer

        return attempt

    def _paid(self, asked: Attempt, purse: Purse) -> Attempt:
        async def attempt(input: JSON, attempts: int) -> Answer:
            purse.take()
            used = NO_USAGE if self._limiter is None else _UNMETERED  # of a remote call that is cancelled on its way
            try:
                answer = await asked(input, attempts)
                used = answer.usage
            except Exception as problem:
                used = self._usage_of(problem)
                raise
            finally:
                purse.debit(used)
            return answer

        return attempt

    def _hedged(self, asked: Attempt, after_s: float) -> Attempt:
        limiter = self._limiter

        async def attempt(input: JSON, attempts: int) -> Answer:
            async def one() -> Answer:
                try:
                    return await asked(input, attempts)
                except (UsageError, PurseEmpty):
                    raise
                except Exception as problem:  # noqa: BLE001 (the place that asks a model)
                    return Answer(failure=failure_of(problem), usage=self._usage_of(problem))

            may_begin = limiter.take if limiter is not None else lambda: True
            return await hedged(one, after_s=after_s, may_begin=may_begin)

        return attempt

    async def _with_deadline(self, input: JSON, attempts: int) -> Answer:
        seconds, limiter = self._timeout_s, self._limiter
        if limiter is not None:
            seconds = min(seconds, limiter.patience_s * 2.0 ** min(attempts, 32))
        start = self._clock()
        try:
            async with self._timeout(seconds) as deadline:
                if limiter is not None and limiter.patience_s == math.inf:
                    limiter.watch(deadline)
                answer = await self.model.answer(input)
        except TimeoutError as problem:
            if not deadline.expired():
                raise
            raise TimeoutError(f"no answer within {min(seconds, self._clock() - start):.3g} s") from problem
        if not isinstance(answer, Answer):
            _not_an_answer(answer)
        return replace(answer, latency_s=self._clock() - start)

    def _is_worth_it(self, failure: Failure, attempts: int) -> bool:
        if self._limiter is not None and self._limiter.is_silent:
            return False
        if failure.kind not in MAY_PASS or (self._timed and failure.kind == "timeout"):
            return False
        if failure.retry_after_s is not None and failure.retry_after_s > LONGEST_PAUSE_S:
            return False
        refused = self._limiter is not None and failure.kind == "rate_limited" and self._retries > 0
        return attempts <= max(self._retries, _TRIES_WHEN_REFUSED if refused else 0)

    def _too_late(self, failure: Failure) -> Failure:
        return replace(failure, message=f"{failure.message} (not tried again: deadline_s is {self._deadline_s:g})")

    def _wait_s(self, failure: Failure, attempts: int) -> float:
        """Half fixed, half random, so that callers that failed together do not come back together."""
        backoff = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * math.ldexp(1.0, attempts - 1)) * (0.5 + self._jitter() / 2)
        return max(backoff, failure.retry_after_s or 0.0)

    def _usage_of(self, problem: BaseException) -> Usage:
        """What a failed attempt used. A remote model that was left waiting may have answered, and bill it."""
        if isinstance(problem, AskFailed):
            return problem.usage
        return _UNMETERED if self._limiter is not None and isinstance(problem, TimeoutError) else NO_USAGE


class _NotBegun(Exception):
    pass


class _Silent(Exception):
    pass


def failure_of(problem: BaseException) -> Failure:
    """The failure that an exception means; its message is redacted and cut to 500 characters.

    >>> failure_of(ConnectionResetError("peer went away"))
    Failure(kind='connection', message='ConnectionResetError: peer went away', retry_after_s=None)
    """
    if isinstance(problem, AskFailed):
        return _clean(problem.failure)
    if isinstance(problem, DataError):  # the file that this input names cannot be read: others can
        return _clean(Failure("bad_request", str(problem)))
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


def _tell(limiter: Limiter, failure: Failure) -> None:
    refused = failure.kind == "rate_limited"
    limiter.failed(timed_out=failure.kind == "timeout", refused=refused, retry_after_s=failure.retry_after_s)


def _clean(failure: Failure) -> Failure:
    message = shown(failure.message, _LONGEST_MESSAGE)
    return replace(failure, message=message.encode("utf-8", "replace").decode())  # a lone surrogate is no text


def _is_plain(answer: Answer) -> bool:
    """Whether nothing about the answer needs checking: it says one ASCII word or text, and nothing else."""
    output = answer.output
    if answer.probabilities is not None or answer.confidence is not None or not answer.model.isascii():
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
