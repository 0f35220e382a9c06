"""The heart of the gateway: takes a turn, asks the release whose turn it is, and records the answer before it is given.

Knows nothing about HTTP beyond how a request is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from merits.core.answer import Answer, Failure, Usage
from merits.core.live import Arm, Aside, Feedback, Served
from merits.core.release import model_name
from merits.core.secrets import redact
from merits.core.serving import ServeSettings
from merits.serving.admission import Admission
from merits.serving.fleet import Fleet, Line
from merits.serving.http import Bodies, Call
from merits.serving.inputs import Asked
from merits.serving.journal import Entry, Journal, JournalFull
from merits.serving.on_the_way import OnTheWay
from merits.serving.opened import Opened
from merits.serving.overdue import Overdue
from merits.serving.recording import least_of, record
from merits.serving.refusals import Refusal
from merits.serving.shipping import Shipper
from merits.serving.telemetry import Log, Metrics
from merits.serving.tracing import Tracer
from merits.serving.unit import Reply
from merits.serving.uploads import Files

__all__ = ["Desk", "Given", "Wanted"]

_GRACE_S = 1.0  # past the deadline, for a unit that turns it into an answer itself
T = TypeVar("T")
_PENDING = 20_000
_READERS, _MOST_READING = 4, 256
_BODIES = 64 * 2**20  # bytes on the way to one worker


class Wanted(msgspec.Struct, frozen=True):
    """What is asked of whom, for which user, and until when (`until` of the monotonic clock)."""

    line: Line
    pinned: int | None
    asked: Asked
    request: str
    until: float
    user: str = ""
    files: Files | None = None  # those that the input names
    patient: bool = False  # one of a batch: waits behind a full queue instead of being refused


class Given(msgspec.Struct, frozen=True):
    """An answer with who gave it."""

    reply: Reply
    opened: Opened
    arm: Arm
    request: str


class Desk:
    """One worker's. `journal` and `shipper` keep what is answered; `pending` are the latest the store may not have."""

    def __init__(
        self,
        settings: ServeSettings,
        fleet: Fleet,
        journal: Journal,
        shipper: Shipper,
        *,
        metrics: Metrics,
        log: Log,
        tracer: Tracer | None = None,
        user_secret: bytes = b"",
    ) -> None:
        self.settings, self.fleet, self.journal, self.shipper = settings, fleet, journal, shipper
        self.metrics, self.log, self.tracer = metrics, log, tracer
        self.admission = Admission(settings.concurrency, settings.queue)
        self.overdue = Overdue()
        self.bodies = Bodies(self.overdue, settings.body_s, max(_BODIES, 4 * settings.upload_bytes))
        self.pending: dict[str, Served] = {}
        self.on_the_way = OnTheWay()
        self._secret = user_secret or b"merits"
        self._asking = 0
        self._shadows: set[asyncio.Task[None]] = set()
        self._syncs = settings.sync == "always"
        self._readers = ThreadPoolExecutor(_READERS, "merits-reads")
        self._reading = 0

    def user(self, name: str) -> str:
        """The keyed hash by which a user is known; "" for nobody."""
        return (
            hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16, key=self._secret).hexdigest()
            if name
            else ""
        )

    def longest(self, call: Call) -> int:
        """How many bytes the body may have: more where it may hold pictures or sounds."""
        settings = self.settings
        if call.content_type == b"multipart/form-data" or any(line.takes_files for line in self.fleet.lines.values()):
            return settings.upload_bytes
        return min(settings.body_bytes, settings.upload_bytes)

    def deadline(self, call: Call) -> float:
        """Until when a request must be answered: the settings' time from its arrival, or less where it asks so."""
        given = call.headers.get(b"x-merits-deadline-s")
        longest = self.settings.deadline_s
        if given is None:
            return call.arrived + longest
        try:
            seconds = float(given)
        except ValueError:
            seconds = -1.0
        if not 0.0 < seconds < 1e9:
            raise Refusal(400, "invalid_value", "x-merits-deadline-s must be a number of seconds above 0.")
        return call.arrived + min(longest, seconds)

    async def ask(self, call: Call, wanted: Wanted) -> Given:
        """The answer, recorded. A Refusal where it could not be asked; what failed at the model is an answer too."""
        if not self._enter_at_once():
            await self._enter(wanted)
        start = time.monotonic()
        try:
            opened, arm, silent = self._whose(call, wanted)
            opened.users += 1
            try:
                reply = await self._answered(opened, wanted)
            finally:
                if opened.retired:
                    self.fleet.leave(opened)
                else:
                    opened.users -= 1
            self._write(call, wanted, opened, arm, reply)
            if self._syncs:
                await self._synced()
        finally:
            self._leave(start)
        if silent is not None:
            self._begin_shadow(call, wanted, silent)
        return Given(reply, opened, arm, wanted.request)

    @asynccontextmanager
    async def stream(self, call: Call, wanted: Wanted) -> AsyncIterator[tuple[Opened, Arm, AsyncIterator[str | Given]]]:
        """Pieces of text, and the recorded answer last. Leaving early ends the asking, and that is recorded too."""
        await self._enter(wanted)
        start = time.monotonic()
        try:
            opened, arm, silent = self._whose(call, wanted)
        except BaseException:
            self._leave(start)
            raise
        opened.users += 1
        try:
            async with aclosing(self._pieces(call, wanted, opened, arm)) as pieces:
                yield opened, arm, pieces
        finally:
            self.fleet.leave(opened)
            self._leave(start)
            if silent is not None:
                self._begin_shadow(call, wanted, silent)

    async def _pieces(self, call: Call, wanted: Wanted, opened: Opened, arm: Arm) -> AsyncGenerator[str | Given, None]:
        left_s = wanted.until - time.monotonic()
        pieces = opened.unit.stream(wanted.asked.input, deadline_s=max(1e-3, left_s))
        reply: Reply | None = None
        try:
            while reply is None:
                try:
                    piece = await self.overdue.wait(wanted.until + _GRACE_S, _next(pieces))
                except TimeoutError:
                    reply = _overdue(opened)
                except StopAsyncIteration:
                    reply = _unanswered(opened, Failure("raised", "the stream ended without an answer"))
                else:
                    if isinstance(piece, str):
                        yield piece
                    else:
                        reply = piece
        except (GeneratorExit, asyncio.CancelledError):
            gone = Failure("connection", "the client went away before the end")
            with suppress(Refusal):
                self._write(call, wanted, opened, arm, _unanswered(opened, gone), aside="left")
            raise
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
        self._write(call, wanted, opened, arm, reply)
        if self._syncs:
            with suppress(Refusal):  # its text was given
                await self._synced()
        yield Given(reply, opened, arm, wanted.request)

    def feedback(self, feedback: Feedback) -> None:
        """Keeps what was learned of a request."""
        self._append(feedback)
        self.on_the_way.add(feedback)

    async def from_store(self, call: Call, read: Callable[[], T]) -> T:
        """What the live store says, read by threads that are for nothing else. Refusal 503 where it takes too long."""
        if self._reading >= _MOST_READING:
            raise Refusal(503, "busy", "The live store is asked by too many; try again later.", retry_after_s=2.0)
        self._reading += 1
        found = asyncio.get_running_loop().run_in_executor(self._readers, read)
        found.add_done_callback(self._read)
        try:
            return await self.overdue.wait(call.arrived + self.settings.deadline_s, _waited(found), call.waits)
        except TimeoutError:
            raise Refusal(
                503, "store_away", "The live store does not answer; try again later.", retry_after_s=5.0
            ) from None

    def _read(self, found: asyncio.Future[T]) -> None:
        self._reading -= 1
        if not found.cancelled():
            found.exception()  # whoever asked may be gone

    def shipped(self, entries: list[Entry]) -> None:
        """Told by the shipper what the store has now."""
        for entry in entries:
            if isinstance(entry, Served):
                self.pending.pop(entry.request, None)
            else:
                self.on_the_way.arrived(entry)

    async def close(self) -> None:
        """Waits for silent answers, a little."""
        if self._shadows:
            await asyncio.wait(self._shadows, timeout=2.0)
        for task in self._shadows:
            task.cancel()
        self._readers.shutdown(wait=False, cancel_futures=True)

    def has_room(self) -> bool:
        """Whether the answer to one more request could be kept."""
        return self.journal.has_room(self._asking)

    def _enter_at_once(self) -> bool:
        """Whether there was a turn, and room for the answer: that of almost all."""
        if not self.admission.take():
            return False
        if not self.journal.has_room(self._asking):
            self.admission.leave(0.0)
            return False
        self._asking += 1
        return True

    async def _enter(self, wanted: Wanted) -> None:
        admission = self.admission
        if not admission.take():
            left_s = wanted.until - time.monotonic()
            while wanted.patient and admission.waiting >= admission.queue:
                await asyncio.sleep(min(0.05, max(0.0, left_s)))
                left_s = wanted.until - time.monotonic()
                if left_s <= 0:
                    raise Refusal(504, "deadline", "The deadline passed while the request waited for its turn.")
            await admission.wait(left_s)
        if not self.journal.has_room(self._asking):
            admission.leave(0.0)
            raise Refusal(
                503,
                "no_room",
                "There is no room on the disk for what would be answered; nothing was asked.",
                retry_after_s=5.0,
            )
        self._asking += 1

    def _whose(self, call: Call, wanted: Wanted) -> tuple[Opened, Arm, Opened | None]:
        """Who answers now: while a request waited for its turn another release may have come into force."""
        line = self.fleet.lines.get(wanted.line.task)
        if line is None or (wanted.pinned is not None and wanted.pinned not in line.units):
            model = model_name(wanted.line.task, wanted.pinned)
            raise Refusal(404, "model_not_found", f"The model {model!r} is served no more.", param="model")
        opened, arm, silent = line.arms(wanted.request, wanted.user, wanted.pinned)
        if call.holder is not None:
            call.holder.must_bound(opened.model, opened.billed_in)
            call.holder.must_afford(call.at)  # each input of a batch, and who waited
        return opened, arm, silent

    def _leave(self, start: float) -> None:
        self._asking -= 1
        self.admission.leave(time.monotonic() - start)

    async def _answered(self, opened: Opened, wanted: Wanted) -> Reply:
        left_s = wanted.until - time.monotonic()
        if left_s <= 0:
            return _overdue(opened)
        try:
            return await self.overdue.wait(
                wanted.until + _GRACE_S, opened.unit.answer(wanted.asked.input, deadline_s=left_s)
            )
        except TimeoutError:
            return _overdue(opened)

    def _write(
        self,
        call: Call,
        wanted: Wanted,
        opened: Opened,
        arm: Arm,
        reply: Reply,
        *,
        since: float | None = None,
        aside: Aside = "",
    ) -> None:
        holder = call.holder
        if not aside and since is None:
            aside = self._aside(call, wanted, reply)
        served = record(
            request=wanted.request,
            opened=opened,
            arm=arm,
            at=call.at,
            asked=wanted.asked,
            reply=reply,
            seconds=time.monotonic() - (call.arrived if since is None else since),
            user=wanted.user,
            key=holder.key.id if holder is not None and arm != "shadow" else "",
            aside=aside,
        )
        self._append(served)
        if arm != "shadow":
            if holder is not None:
                holder.charge(served.request, reply.cost, opened.promised_cost)
            call.task, call.release, call.arm, call.cost = served.task, served.release, arm, reply.cost
            failure = reply.answer.failure
            if failure is not None:
                call.failure = failure.kind
            if len(self.pending) < _PENDING:
                self.pending[served.request] = served
        self.metrics.served(served)
        if self.tracer is not None:
            self.tracer.served(served, opened.release, call)

    def _aside(self, call: Call, wanted: Wanted, reply: Reply) -> Aside:
        failure = reply.answer.failure
        if failure is not None and failure.kind == "timeout" and wanted.until < call.arrived + self.settings.deadline_s:
            return "deadline"
        return "" if wanted.pinned is None else "release"

    async def _synced(self) -> None:
        try:
            await self.shipper.synced()
        except OSError:
            raise Refusal(
                503, "no_room", "The disk refused to keep what was answered; it may be lost.", retry_after_s=5.0
            ) from None

    def _append(self, entry: Entry) -> None:
        try:
            self.journal.append(entry, (lambda: least_of(entry)) if isinstance(entry, Served) else None)
        except (JournalFull, OSError) as problem:
            self.log.event("journal", redact(str(problem)), "error")
            raise Refusal(
                503, "no_room", "There is no room on the disk to keep this; it was not kept.", retry_after_s=5.0
            ) from None
        except (OverflowError, ValueError, TypeError):
            raise Refusal(400, "invalid_value", "A number in it has more than 64 bits.") from None

    def _begin_shadow(self, call: Call, wanted: Wanted, silent: Opened) -> None:
        if silent.retired or len(self._shadows) >= self.settings.shadows or not self.has_room():
            self.metrics.shadow_left_out()
            return
        silent.users += 1
        self._asking += 1
        if wanted.files is not None:
            wanted.files.hold()
        task = asyncio.ensure_future(self._shadow(call, wanted, silent))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _shadow(self, call: Call, wanted: Wanted, silent: Opened) -> None:
        begun = time.monotonic()
        try:
            late = replace(wanted, until=begun + self.settings.deadline_s)
            reply = await self._answered(silent, late)
            with suppress(Refusal):
                self._write(call, late, silent, "shadow", reply, since=begun)
        finally:
            if wanted.files is not None:
                wanted.files.close()
            self._asking -= 1
            self.fleet.leave(silent)


async def _waited(found: asyncio.Future[T]) -> T:
    return await found


async def _next(pieces: AsyncIterator[str | Reply]) -> str | Reply:
    return await anext(pieces)


def _overdue(opened: Opened) -> Reply:
    return _unanswered(opened, Failure("timeout", "no answer within the deadline of the request"))


def _unanswered(opened: Opened, failure: Failure) -> Reply:
    """Whatever was asked may be on the bill."""
    return Reply(Answer(failure=failure, usage=Usage(unmetered=1)), None, opened.release.needs.currency)
