"""Asks one candidate its questions in batches, from wherever an earlier run left them, and never twice.

On disk before anything is sent: which questions, and under which id the provider will have them. So whoever comes
after a `kill -9` knows what may be in flight, looks for it at the provider, and asks only what is not.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from merits.candidates.batcher import in_thread
from merits.candidates.batching import (
    PATIENCE_S,
    Batchable,
    Batches,
    Limits,
    Result,
    Status,
    custom_id,
    number_of,
    parts_of,
)
from merits.candidates.meter import AskFailed, Purse, PurseEmpty, failure_of
from merits.core.answer import Answer, Failure, FailureKind, Usage
from merits.core.batching import Batching, Stage, Submission
from merits.core.doors import AnswerKey, Store, StoredAnswer
from merits.core.errors import BatchesOpen, UsageError
from merits.core.identity import JSON
from merits.core.racing import Budget
from merits.evaluating.asking import Taker
from merits.evaluating.planning import Plan

__all__ = ["BatchRun", "Desk", "Who", "check_affordable", "check_none_in_flight", "in_flight", "still_open"]

T = TypeVar("T")
_REFUSALS: frozenset[FailureKind] = frozenset({"bad_request", "unauthorised", "rate_limited"})
_LASTING: frozenset[FailureKind] = frozenset({"bad_request", "unauthorised"})
_MOST_ROUNDS = 3  # so often a question may expire before it counts as failed
_MOST_TROUBLE = 10  # so many looks in a row may fail before a candidate is given up in this run
_LONGEST_READING_S = 3600.0
_OVER_AFTER_S = 25 * 3600.0  # no provider works on a batch for longer than a day


class _Flushing(Taker, Protocol):
    async def flush(self) -> None: ...


@dataclass(frozen=True)
class Desk:
    """Where answers and submissions go, who is told, and what is paid from."""

    store: Store
    taker: _Flushing
    batching: Batching
    note: Callable[[str], None]
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    purse: Purse | None = None


@dataclass(frozen=True)
class Who:
    """Who is asked: the candidate's name, its row, the version its answers are stored under, and its model."""

    name: str
    index: int
    version: str
    model: Batchable


class BatchRun:
    """One candidate's questions on their way through batches.

    `given_up` says why the candidate cannot be asked, if so; what was accepted before stays in flight. `n_asked`
    counts the questions of which this run learned what became of them, and `collected` names the batches they were in.
    """

    def __init__(self, who: Who, batches: Batches, questions: Mapping[AnswerKey, tuple[int, JSON]], desk: Desk) -> None:
        self._who = who
        self._batches = batches
        self._desk = desk
        self._todo = dict(questions)
        self._open: dict[str, Submission] = {}
        self._limits = batches.limits
        self._expired: Counter[AnswerKey] = Counter()
        self._progress: dict[str, int] = {}
        self._trouble = 0
        self._full = False
        self._ends_at: dict[str, float] = {}
        self.given_up = ""
        self.n_asked = 0
        self.collected: list[str] = []

    async def ask(self) -> None:
        """Nothing, once all is answered; without waiting, once all is submitted and what is ready is collected."""
        self._resume()
        while not self.given_up:
            await self._look()
            await self._submit()
            if not self._todo or self.given_up:
                return
            if not self._desk.batching.wait:
                await self._look()  # says when what was submitted just now ends, or that it was refused at once
                return
            await self._desk.sleep(self._desk.batching.poll_s)

    @property
    def n_open(self) -> int:
        """Questions of which nothing is known yet: in flight, or waiting for a place in the queue."""
        return len(self._todo) - (len(self._free()) if self.given_up else 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The batches in flight, as the provider names them."""
        return tuple(submission.batch or submission.id for submission in self._open.values())

    @property
    def ends_at(self) -> float | None:
        """When the last of them ends at the latest, in UNIX seconds; None when no provider said so."""
        return max((at for name, at in self._ends_at.items() if name in self._open), default=None)

    # what an earlier run left

    def _resume(self) -> None:
        for submission in _touching(self._desk.store, self._who.version, self._todo):
            self._open[submission.id] = submission
        if self._open:
            self._note(f"{len(self._open)} {_batches(len(self._open))} of an earlier run to be collected")

    def _free(self) -> list[AnswerKey]:
        """The questions that are in no batch."""
        taken = {key for submission in self._open.values() for key in submission.keys}
        return [key for key in self._todo if key not in taken]

    # submitting

    async def _submit(self) -> None:
        if self._full and self._open:
            return  # one after the other, once the queue was found to be full
        lines = list(self._sized(self._free()))
        for first, end in parts_of((size for _, size in lines), self._limits):
            if self.given_up:
                return
            keys = self._paid([key for key, _ in lines[first:end]])
            if not keys or not await self._submit_these(keys) or self._full:
                return

    def _sized(self, keys: Iterable[AnswerKey]) -> Iterator[tuple[AnswerKey, int]]:
        """The questions that can be put into a batch, and how long each is there; the others fail."""
        for key in keys:
            request = self._request(key, _new_id(), len(self._todo))
            if isinstance(request, Failure):
                self._take(key, Answer(failure=request))
            elif len(request) > self._batches.limits.n_bytes:
                self._take(key, Answer(failure=Failure("bad_request", "the question is too long for a batch")))
            else:
                yield key, len(request)

    def _request(self, key: AnswerKey, submission: str, number: int) -> bytes | Failure:
        try:
            return self._batches.request(custom_id(submission, number), self._who.model.body(self._todo[key][1]))
        except UsageError:
            raise
        except Exception as problem:  # noqa: BLE001 (what a model raises is a failed answer)
            return failure_of(problem)

    def _paid(self, keys: list[AnswerKey]) -> list[AnswerKey]:
        """The questions that the purse pays for; what it does not stays unasked."""
        purse = self._desk.purse
        if purse is None:
            return keys
        paid: dict[AnswerKey, None] = {}
        try:
            for key in keys:
                purse.take()
                paid[key] = None
        except PurseEmpty:
            for key in self._free():
                if key not in paid:
                    del self._todo[key]
        return list(paid)

    async def _submit_these(self, keys: list[AnswerKey]) -> bool:
        """Whether there is a point in submitting more now. The order of the steps is what survives a crash."""
        id = _new_id()
        made = [self._request(key, id, number) for number, key in enumerate(keys)]
        requests = [request for request in made if isinstance(request, bytes)]
        submission = Submission(
            id=id, version=self._who.version, stage="intended", at=self._desk.clock(), keys=(*keys,)
        )
        await self._add(submission)
        file = await self._tried(self._batches.upload(id, requests))
        if isinstance(file, Failure):
            await self._stage(submission, "void", why=file.message)
            return self._refused(file)
        submission = await self._stage(submission, "sent", file=file)
        batch = await self._tried(self._batches.create(id, requests, file))
        if isinstance(batch, Failure):
            if batch.kind not in _REFUSALS:
                self._note(
                    f"it is not known whether a batch of {len(keys):,} arrived ({batch.message}); looking for it"
                )
                return False
            await self._stage(submission, "void", why=batch.message)
            return self._refused(batch)
        await self._stage(submission, "accepted", batch=batch)
        self._trouble = 0
        self._note(f"{len(keys):,} questions submitted as {batch}")
        return True

    def _refused(self, failure: Failure) -> bool:
        """False: nothing more is to be submitted now."""
        if failure.kind in _LASTING:
            self.given_up = f"its batch was refused: {failure.message}"
        else:
            self._troubled(failure)
        return False

    # looking after what is in flight

    async def _look(self) -> None:
        for submission in list(self._open.values()):
            now = submission if submission.stage == "accepted" else await self._resolved(submission)
            if now is not None:
                await self._follow(now)
            if self.given_up:
                return

    async def _resolved(self, submission: Submission) -> Submission | None:
        """What became of a submission of which only is known that it was sent; None while that is open, or nothing."""
        known = (each.batch for each in self._desk.store.submissions() if each.id != submission.id)
        found = await self._tried(self._batches.find(submission, frozenset(filter(None, known))))
        if isinstance(found, Failure):
            self._troubled(found)
        elif found.batch:
            self._note(f"{found.batch} was accepted before an earlier run ended; it is not submitted again")
            return await self._stage(submission, "accepted", batch=found.batch)
        elif not found.maybe and self._desk.clock() - submission.at >= self._desk.batching.grace_s:
            await self._stage(submission, "void", why="it never arrived at the provider")
        return None

    async def _follow(self, submission: Submission) -> None:
        status = await self._tried(self._batches.status(submission.batch))
        if isinstance(status, Failure):
            await self._lost(submission, status)
            return
        self._trouble = 0
        if status.ends_at is not None:
            self._ends_at[submission.id] = status.ends_at
        if status.stage == "running":
            self._tell(submission, status)
        elif status.stage == "refused":
            await self._not_begun(submission, status)
        else:
            await self._collect(submission, status)

    async def _lost(self, submission: Submission, failure: Failure) -> None:
        """The provider does not say how a batch is."""
        if not failure.message.startswith("404"):
            self._troubled(failure)
        elif self._desk.clock() - submission.at > _OVER_AFTER_S:
            await self._stage(submission, "void", why=failure.message)
            self._note(f"the provider no longer knows {submission.batch}; what is not stored of it is asked again")
        else:
            self.given_up = (
                f"the provider does not know {submission.batch}, which it accepted: {failure.message}; "
                "use the key and the address that it was submitted with"
            )

    async def _not_begun(self, submission: Submission, status: Status) -> None:
        await self._stage(submission, "void", why=status.why)
        n = len(submission.keys)
        if not status.full:
            self.given_up = f"its batch {submission.batch} was refused: {status.why}"
        elif any(each.is_open for each in self._desk.store.submissions()):
            self._full = True  # another candidate's batch takes the room: wait for its end
        elif n == 1:
            self.given_up = f"its provider's queue is full: {status.why}"
        else:
            self._full, self._limits = True, Limits(n // 2, self._limits.n_bytes)
            self._note(f"the provider's queue is full ({status.why}); what is left is submitted in smaller parts")

    def _tell(self, submission: Submission, status: Status) -> None:
        """Says how far a batch is, each time that a tenth more of it is done."""
        tenth = 10 * status.n_done // max(status.n, 1)
        if tenth > self._progress.get(submission.id, 0):
            self._progress[submission.id] = tenth
            self._note(f"{submission.batch}: {status.n_done:,} of {status.n:,} done")

    # collecting

    async def _collect(self, submission: Submission, status: Status) -> None:
        """Stores what came of a batch; only when all of that is on disk does the batch count as collected."""
        strangers: dict[AnswerKey, Answer] = {}
        read = await self._tried(self._read(submission, status, strangers), within_s=_LONGEST_READING_S)
        if isinstance(read, Failure):
            self._troubled(read)  # what was read is kept, and the rest is read at the next look
            return
        n_expired, n_cancelled = self._unanswered(
            [key for key in map(_key, submission.keys) if key in self._todo], read
        )
        await self._desk.taker.flush()
        await self._keep(strangers)
        await self._stage(submission, "collected")
        self.collected.append(submission.batch)
        self._note(f"{submission.batch}: collected{_of_these(n_expired, n_cancelled)}")

    async def _read(
        self, submission: Submission, status: Status, strangers: dict[AnswerKey, Answer]
    ) -> Callable[[AnswerKey], str]:
        """What became of the questions without an answer, once all results are read."""
        became: dict[AnswerKey, str] = {}
        async with aclosing(self._batches.results(submission.batch, status)) as results:
            async for result in results:
                number = number_of(result.custom_id, submission.id)
                if number is None or number >= len(submission.keys):
                    continue
                key = _key(submission.keys[number])
                if result.what in ("expired", "cancelled"):
                    became[key] = result.what
                elif key in self._todo:
                    if not self._take(key, self._answer(result)):
                        await self._desk.taker.room()
                else:
                    strangers[key] = self._answer(result)
        return lambda key: became.get(key, status.unanswered)

    def _answer(self, result: Result) -> Answer:
        usage = Usage(service_tier="batch")
        if result.refused:
            said = Usage(unmetered=1, service_tier="batch")
            return Answer(result.refused, usage=said, refused=True, finish_reason="content_filter")
        if result.failure is not None:
            return Answer(failure=failure_of(AskFailed(result.failure)), usage=usage)
        try:
            answer = self._who.model.answer_of(result.reply)
            msgspec.json.encode(answer)
        except UsageError:
            raise
        except Exception as problem:  # noqa: BLE001 (a reply that cannot be read is a failed answer)
            used = problem.usage if isinstance(problem, AskFailed) else usage
            return Answer(failure=failure_of(problem), usage=replace(used, service_tier="batch"))
        return replace(answer, latency_s=0.0, usage=replace(answer.usage, service_tier="batch"))

    def _take(self, key: AnswerKey, answer: Answer) -> bool:
        """Whether there is room for more."""
        question, _ = self._todo.pop(key)
        self.n_asked += 1
        if self._desk.purse is not None and answer.usage.service_tier:
            self._desk.purse.debit(answer.usage)
        return self._desk.taker.put(self._who.index, question, answer)

    def _unanswered(self, keys: Collection[AnswerKey], became: Callable[[AnswerKey], str]) -> tuple[int, int]:
        """How many questions expired, and are asked again, and how many were cancelled, and are not in this run."""
        n_expired = n_cancelled = 0
        for key in keys:
            if became(key) == "cancelled":
                del self._todo[key]
                n_cancelled += 1
                continue
            n_expired += 1
            self._expired[key] += 1
            if self._expired[key] >= _MOST_ROUNDS:
                self._take(key, Answer(failure=Failure("timeout", f"expired in {_MOST_ROUNDS} batches")))
        return n_expired, n_cancelled

    async def _keep(self, strangers: Mapping[AnswerKey, Answer]) -> None:
        """Stores answers to what this run does not ask: they are paid for."""
        store, version, now = self._desk.store, self._who.version, self._desk.clock()
        known = store.answers(version, strangers) if strangers else {}
        missing = [key for key in strangers if key not in known or known[key].failure is not None]
        if missing:
            new = [StoredAnswer(version, key, strangers[key], now) for key in missing]
            await in_thread(lambda: store.add(new))

    # the rest

    async def _tried(self, call: Awaitable[T], *, within_s: float = PATIENCE_S) -> T | Failure:
        """What the provider said, or why it could not be asked."""
        try:
            async with asyncio.timeout(within_s):
                return await call
        except (AskFailed, TimeoutError, OSError) as problem:
            return failure_of(problem)

    def _troubled(self, failure: Failure) -> None:
        self._trouble += 1
        if failure.kind == "unauthorised" or self._trouble >= _MOST_TROUBLE:
            kept = " What it accepted is kept there, and the same command collects it later." if self._open else ""
            self.given_up = f"its provider could not be asked about batches: {failure.message}.{kept}"
        elif self._trouble == 1:
            self._note(f"{failure.message}; trying again")

    async def _add(self, submission: Submission) -> None:
        store = self._desk.store
        await in_thread(lambda: store.add([submission]))

    async def _stage(self, submission: Submission, stage: Stage, **said: str) -> Submission:
        """The submission at its next stage, which is on disk."""
        now = replace(submission, keys=(), stage=stage, at=self._desk.clock(), **said)
        await self._add(now)
        now = replace(now, keys=submission.keys)
        if now.is_open:
            self._open[now.id] = now
        else:
            self._open.pop(now.id, None)
        return now

    def _note(self, text: str) -> None:
        self._desk.note(f"{self._who.name}: {text}")


def in_flight(store: Store, version: str, keys: Collection[AnswerKey]) -> int:
    """How many of these questions may be in a batch that is not collected yet."""
    asked = {_key(key) for submission in _touching(store, version, keys) for key in submission.keys}
    return len(asked.intersection(keys))


def check_affordable(plan: Plan, budget: Budget) -> None:
    """Raises UsageError unless all that would be submitted is likely to keep the budget: a batch cannot be stopped."""
    forecast = plan.forecast
    figure = None if forecast is None else forecast.cost if budget.is_money else forecast.tokens
    if budget.unit == "calls":
        most: float | None = plan.n_to_ask
    elif budget.unit == "minutes":
        raise UsageError(
            "batches take hours that nobody here decides on.", "Give the budget in money, tokens or calls."
        )
    else:
        most = None if figure is None else figure.high
    if plan.n_to_ask and (most is None or most > budget.amount):
        said = (
            "nobody can tell what they will come to" if most is None else f"they may come to {most:,.4g} {budget.unit}"
        )
        raise UsageError(
            f"batches cannot be stopped once they are submitted, {said}, and the budget is {budget}.",
            "Give the price a `batch_factor`, or run without --batch."
            if most is None and budget.is_money
            else "Give a larger budget, ask fewer (sample:), or run without --batch.",
        )


def check_none_in_flight(name: str, n: int) -> None:
    """Nothing for 0; else a UsageError: what is on its way must not be asked, and paid, a second time."""
    if n:
        raise UsageError(
            f"{n:,} questions to {name!r} are on their way in a batch, and would be paid twice.",
            "Run with --batch, which collects them.",
        )


def still_open(runs: Mapping[str, BatchRun]) -> BatchesOpen:
    """What to say when a run does not wait for the batches of these candidates."""
    n = sum(run.n_open for run in runs.values())
    who = "; ".join(f"{name}: {', '.join(run.names) or 'not submitted yet'}" for name, run in runs.items())
    ends = max((run.ends_at for run in runs.values() if run.ends_at is not None), default=None)
    waits = ", or wait to be submitted" if any(not run.names for run in runs.values()) else ""
    at = "" if ends is None else f", by {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(ends))} at the latest"
    return BatchesOpen(
        f"{n:,} answers are on their way in batches{waits} ({who}); nothing is decided yet.",
        f"Give the same command again later{at or ', within a day'}: it collects them and asks nothing twice.",
    )


def _touching(store: Store, version: str, keys: Collection[AnswerKey]) -> list[Submission]:
    """The submissions of a version that may be in flight and hold one of these questions."""
    wanted = set(keys)
    known = (submission for submission in store.submissions(version) if submission.is_open)
    return [each for each in known if not wanted.isdisjoint(map(_key, each.keys))]


def _key(key: tuple[str, int, str]) -> AnswerKey:
    return AnswerKey(*key)


def _new_id() -> str:
    return f"merits_{secrets.token_hex(10)}"


def _batches(n: int) -> str:
    return "batch" if n == 1 else "batches"


def _of_these(n_expired: int, n_cancelled: int) -> str:
    said = [f"{n_expired:,} expired and are asked again"] if n_expired else []
    if n_cancelled:
        said.append(f"{n_cancelled:,} were cancelled there (the same command asks them again)")
    return f"; {'; '.join(said)}" if said else ""
