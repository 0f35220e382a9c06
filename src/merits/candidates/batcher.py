"""Turns blocking code into a `Model`: gathers concurrent calls into batches and computes them in a thread of its own.

The same batcher serves an evaluation of a million examples and live traffic: it never waits for a batch to fill, it
takes what has gathered while the batch before was computed. Knows nothing about what is computed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeAlias, TypeVar

from msgspec.structs import replace

from merits.candidates import remembered
from merits.candidates.insides import Insides
from merits.candidates.memory import Resident, Weights
from merits.candidates.turns import ANSWERING, FITTING, Turn
from merits.core.answer import NO_USAGE, Answer, Usage
from merits.core.doors import Model
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["Batcher", "in_thread"]

T = TypeVar("T")
AnswerBatch: TypeAlias = Callable[[Sequence[JSON]], Sequence[Answer | Exception]]
AnswerOne: TypeAlias = Callable[[JSON], Answer]
Fit: TypeAlias = Callable[[Sequence[Example]], None]
Shares: TypeAlias = Sequence[Mapping[str, float]]
Waiting: TypeAlias = tuple[JSON, "asyncio.Future[Answer]"]

_DELIVER_EVERY_S = 0.02  # how long a finished answer may wait for the rest of its batch
_TURN_S = 0.1  # how long one candidate computes while others wait
_LEND_AFTER_S = 1.0  # a step that takes longer no longer keeps the others waiting
_EACH_BATCH = (
    64  # a hand-over between threads costs some 50 us; larger batches mean more tasks at once, and were slower
)
_mine = threading.local()  # whether this thread has a turn to fit


class Keeping(Protocol):
    """What keeps in a folder what was learned, and takes it from there: see `Portable`."""

    def keep(self, folder: Path) -> None: ...

    def restore(self, folder: Path) -> None: ...


class GoingOn(Protocol):
    """What goes on from what was kept: see `Continuing`."""

    def cannot_go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example]) -> str: ...

    def go_on(self, folder: Path, known: Sequence[Example], new: Sequence[Example], share: float) -> None: ...


class FitSoft(Protocol):
    """See `SoftTrainable.fit_soft`."""

    def __call__(self, examples: Sequence[Example], shares: Shares, temperature: float = 1.0) -> None: ...


class Batcher(Model):
    """A model around a blocking `answer_batch`, which gives one Answer or Exception for each input, in their order.

    `latency_s` is what a caller waits for its batch once it is computed and `usage.machine_s` its share of it; waiting
    for a turn on the machine is in neither. What was computed before counts with what it took (`remembered`). When a
    batch takes longer than `timeout_s`, its thread is abandoned (it cannot be stopped, but it does not keep the process
    alive), the inputs fail with TimeoutError, and a new thread goes on. When `answer_batch` raises, the inputs are
    tried one by one, so that one bad input fails alone.

    With `fit` the batcher is `Trainable`, with `fit_soft` also `SoftTrainable`, with `keeping` `Portable`, and with
    `going_on` `Continuing`. `weights` are what it must have in memory to answer, if that is worth counting; `insides`
    is what others may see of it, `size_bytes` what it takes on disk, and `memory` what was measured of it in memory.
    All batchers of a process share as many turns as there are cores; a step longer than a second lends its turn, so
    that no slow candidate starves the others.

    Not guaranteed: that a thread abandoned in the middle of a step no longer touches what it shares with the next.

    >>> def double(inputs):
    ...     return [Answer(2 * value) for value in inputs]
    >>> async def ask():
    ...     model = Batcher(double, batch_size=32, fingerprint="double", timeout_s=10)
    ...     answers = await asyncio.gather(*(model.answer(n) for n in range(4)))
    ...     await model.close()
    ...     return [answer.output for answer in answers]
    >>> asyncio.run(ask())
    [0, 2, 4, 6]
    """

    timed = True  # keeps its own deadline and measures its own latency: see `Meter`
    fit: Fit  # there only when it was given, because having it makes a model Trainable
    fit_soft: FitSoft  # likewise
    keep: Callable[[Path], None]  # likewise, and makes it Portable
    restore: Callable[[Path], None]
    cannot_go_on: Callable[[Path, Sequence[Example], Sequence[Example]], str]  # likewise, and makes it Continuing
    go_on: Callable[[Path, Sequence[Example], Sequence[Example], float], None]

    def __init__(
        self,
        answer_batch: AnswerBatch,
        *,
        batch_size: int,
        fingerprint: str,
        timeout_s: float,
        fit: Fit | None = None,
        close: Callable[[], None] | None = None,
        weights: Weights | None = None,
        insides: Insides | None = None,
        size_bytes: Callable[[], int | None] = lambda: None,
        memory: Callable[[], Resident | None] = lambda: None,
        fit_soft: FitSoft | None = None,
        keeping: Keeping | None = None,
        going_on: GoingOn | None = None,
    ) -> None:
        self._answer_batch: AnswerBatch | None = answer_batch
        self._answer_one: AnswerOne = lambda input: _only(answer_batch([input]))
        self._batch_size = batch_size
        self._fingerprint = fingerprint
        self._timeout_s = timeout_s
        self._close = close
        self.weights = weights
        self.insides = insides
        self._size_bytes = size_bytes
        self._memory = memory
        if fit is not None:
            self.fit = lambda examples: _in_turn(lambda: fit(examples))
        if fit_soft is not None:
            self.fit_soft = lambda examples, shares, temperature=1.0: _in_turn(
                lambda: fit_soft(examples, shares, temperature)
            )
        if keeping is not None:
            self.keep, self.restore = keeping.keep, keeping.restore
        if going_on is not None:
            self.cannot_go_on = going_on.cannot_go_on
            self.go_on = lambda folder, known, new, share: _in_turn(lambda: going_on.go_on(folder, known, new, share))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Waiting] = []
        self._run: _Run | None = None
        self._runs: SimpleQueue[_Run | None] | None = None

    @classmethod
    def each(
        cls,
        function: AnswerOne,
        *,
        fingerprint: str,
        timeout_s: float,
        batch_size: int = _EACH_BATCH,
        fit: Fit | None = None,
        close: Callable[[], None] | None = None,
        weights: Weights | None = None,
        size_bytes: Callable[[], int | None] = lambda: None,
        keeping: Keeping | None = None,
    ) -> Batcher:
        """A batcher around a blocking function of one input: one after the other, each timed by itself.

        An input that takes longer than `timeout_s` fails alone, and so does one that raises.
        """

        def batch(inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
            return [function(input) for input in inputs]

        batcher = cls(
            batch,
            batch_size=batch_size,
            fingerprint=fingerprint,
            timeout_s=timeout_s,
            fit=fit,
            close=close,
            weights=weights,
            size_bytes=size_bytes,
            keeping=keeping,
        )
        batcher._answer_batch = None
        batcher._answer_one = function
        return batcher

    @property
    def fingerprint(self) -> str:
        """The given one."""
        return self._fingerprint

    @property
    def size_bytes(self) -> int | None:
        """What the model takes on disk; None where that is not known, or not before it has learned."""
        return self._size_bytes()

    @property
    def memory(self) -> Resident | None:
        """What it takes in memory to answer, where that was measured."""
        return self._memory()

    @property
    def concurrency(self) -> int:
        """Two batches: one is computed while the next one gathers."""
        return 2 * self._batch_size

    async def answer(self, input: JSON) -> Answer:
        """The answer to one input; raises what the blocking code raised for it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        future: asyncio.Future[Answer] = loop.create_future()
        if self._run is None and not self._waiting:
            loop.call_soon(self._start)  # after all that are about to ask
        self._waiting.append((input, future))
        return await future

    async def close(self) -> None:
        """Ends the thread and releases what the model holds. May be called twice."""
        runs, self._runs = self._runs, None
        if runs is not None:
            runs.put(None)
        release, self._close = self._close, None
        if release is not None:
            await asyncio.wait_for(in_thread(release), self._timeout_s)

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forgets the callers of a loop that is gone (an evaluation that was interrupted)."""
        if self._run is not None:
            self._run.abandon()
            self._runs = None
        self._loop, self._waiting, self._run = loop, [], None

    def _start(self) -> None:
        """Hands the gathered calls to the thread, if it is free."""
        if self._run is not None or self._loop is None:
            return
        batch: list[Waiting] = []
        while self._waiting and not batch:  # whoever no longer waits is left out
            batch = [call for call in self._waiting[: self._batch_size] if not call[1].done()]
            del self._waiting[: self._batch_size]
        if batch:
            self._begin(batch, self._loop)

    def _begin(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        run = self._run = _Run(batch, self._answer_batch, self._answer_one, loop, self._delivered)
        if self._runs is None:
            self._runs = SimpleQueue()
            threading.Thread(target=_work, args=(self._runs,), name="merits-batcher", daemon=True).start()
        self._runs.put(run)
        self._watch_later(run, 0.0)

    def _delivered(self, run: _Run) -> None:
        """On the loop: hands out what is ready, and starts the next batch when this one is done."""
        run.deliver()
        if run.finished and run is self._run:
            if run.timer is not None:
                run.timer.cancel()
            self._run = None
            self._start()

    def _watch_later(self, run: _Run, running_s: float) -> None:
        wait_s = max(0.001, min(_LEND_AFTER_S, self._timeout_s - running_s))
        run.timer = run.loop.call_later(wait_s, self._watch, run)

    def _watch(self, run: _Run) -> None:
        if run is not self._run or run.finished:
            return
        running_s = run.running_s()
        if running_s >= self._timeout_s:
            self._give_up_on(run)
            return
        if running_s >= _LEND_AFTER_S:
            run.lend()
        self._watch_later(run, running_s)

    def _give_up_on(self, run: _Run) -> None:
        late, rest = run.abandon()
        run.deliver()
        what = f"a batch of {len(late)} was" if len(late) > 1 else "no answer"
        message = f"{what} {'not done ' if len(late) > 1 else ''}within {self._timeout_s:g} s"
        for _, future in late:
            if not future.done():
                future.set_exception(TimeoutError(message))
        self._runs = self._run = None
        if rest:
            self._begin(rest, run.loop)
        else:
            self._start()


class _Run:
    """One batch on its way through the thread. `lock` guards which step is running and whether it still counts."""

    def __init__(
        self,
        batch: list[Waiting],
        answer_batch: AnswerBatch | None,
        answer_one: AnswerOne,
        loop: asyncio.AbstractEventLoop,
        delivered: Callable[[_Run], None],
    ) -> None:
        self.batch = batch
        self.answer_batch = answer_batch
        self.answer_one = answer_one
        self.loop = loop
        self.delivered = delivered
        self.lock = threading.Lock()
        self.ready: deque[tuple[asyncio.Future[Answer], Answer | Exception]] = deque()
        self.timer: asyncio.TimerHandle | None = None
        self.turn: Turn | None = None
        self.step = (0, 0)  # the positions in the batch that are being computed
        self.started = 0.0  # 0 while none is
        self.abandoned = self.finished = False

    # in the thread

    def compute(self) -> bool:
        """Whether the batch was computed to its end; False when it was abandoned on the way."""
        self.turn = ANSWERING.take()
        done = self._compute_each() if self.answer_batch is None else self._compute_whole(self.answer_batch)
        self.turn.give_back()
        if self.abandoned or not done:
            return False
        self.finished = True
        self._tell()
        return True

    def _compute_whole(self, answer_batch: AnswerBatch) -> bool:
        batch = self.batch
        start = self._begin(0, len(batch))
        if start is None:
            return False
        try:
            answers = answer_batch([input for input, _ in batch])
        except BaseException as problem:  # noqa: BLE001 (the meter records it)
            self.started = 0.0
            if len(batch) > 1:
                return self._compute_each()
            self.ready.append((batch[0][1], _plain(problem)))
            return True
        seconds = max(time.perf_counter() - start + remembered.taken(), 0.0)
        if len(answers) != len(batch):
            answers = [TypeError(f"gave {len(answers)} answers to {len(batch)} inputs")] * len(batch)
        share_s = seconds / len(batch)
        self.ready.extend(
            (future, _measured(answer, share_s, seconds)) for (_, future), answer in zip(batch, answers, strict=True)
        )
        return True

    def _compute_each(self) -> bool:
        function, ready, clock = self.answer_one, self.ready, time.perf_counter
        told = since = clock()
        for position, (input, future) in enumerate(self.batch):
            if future.done():  # cancelled
                continue
            start = self._begin(position, position + 1)
            if start is None:
                return False
            result: Answer | Exception
            try:
                answer = function(input)
                end = clock()
                took = max(end - start + remembered.taken(), 0.0)
                result = _measured(answer, took, took)
            except BaseException as problem:  # noqa: BLE001 (the meter records it)
                end = clock()
                result = _plain(problem)
            ready.append((future, result))
            if end - told > _DELIVER_EVERY_S:
                self._tell()
                told = end
            if end - since > _TURN_S and self._next_please():
                since = clock()
        return True

    def _begin(self, first: int, end: int) -> float | None:
        """When the step began; None when the batch was abandoned."""
        turn = self.turn
        if turn is not None and not turn.held and not self.abandoned:  # it was lent during the last step
            self.started = 0.0
            self.turn = ANSWERING.take()
        with self.lock:
            if self.abandoned:
                return None
            self.step = (first, end)
            remembered.taken()  # of a step that raised
            self.started = now = time.perf_counter()
            return now

    def _next_please(self) -> bool:
        """Whether the turn went round because others wait for it."""
        if not ANSWERING.wanted or self.turn is None:
            return False
        self.started = 0.0
        self.turn.give_back()
        self.turn = ANSWERING.take()
        return True

    def _tell(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self.delivered, self)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self.abandoned = True

    # on the loop

    def running_s(self) -> float:
        """For how long the present step has been computed; 0 between steps."""
        started = self.started
        return time.perf_counter() - started if started else 0.0

    def lend(self) -> None:
        """Lets others compute while this step takes so long."""
        if self.turn is not None:
            self.turn.give_back()

    def abandon(self) -> tuple[list[Waiting], list[Waiting]]:
        """The calls that were being computed, and those that had not begun."""
        with self.lock:
            self.abandoned = True
            first, end = self.step
        self.lend()
        return self.batch[first:end], self.batch[end:]

    def deliver(self) -> None:
        """Hands out what is ready."""
        ready = self.ready
        while ready:
            future, result = ready.popleft()
            if future.done():  # cancelled, or too late
                continue
            if isinstance(result, Answer):
                future.set_result(result)
            else:
                future.set_exception(result)


def _work(runs: SimpleQueue[_Run | None]) -> None:
    """The thread: computes batches until there are no more, or until one of them was abandoned."""
    while (run := runs.get()) is not None:
        if not run.compute():
            return


def _measured(answer: Answer | Exception, machine_s: float, latency_s: float) -> Answer | Exception:
    """The answer with what it took. Built anew, because a model may give the same Answer twice."""
    if not isinstance(answer, Answer):
        return answer if isinstance(answer, Exception) else TypeError(f"gave a {type(answer).__name__}, not an Answer")
    usage = answer.usage
    usage = Usage(machine_s=machine_s) if usage is NO_USAGE else replace(usage, machine_s=machine_s)
    return replace(answer, usage=usage, latency_s=latency_s)


def _plain(problem: BaseException) -> Exception:
    """The exception as one that a future can carry: asyncio refuses StopIteration, and SystemExit would end the run."""
    if isinstance(problem, Exception) and not isinstance(problem, StopIteration):
        return problem
    return RuntimeError(f"raised {type(problem).__name__}{f': {problem}' if str(problem) else ''}")


def _only(answers: Sequence[Answer | Exception]) -> Answer:
    if len(answers) != 1:
        raise TypeError(f"gave {len(answers)} answers to one input")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _in_turn(fit: Callable[[], None]) -> None:
    """Fits take turns among themselves: a long one must not keep the other candidates from answering.

    A model that has another one learn while it learns itself does that in its own turn: would each wait for a second
    one, none would ever be free.
    """
    if getattr(_mine, "fits", False):
        fit()
        return
    turn = FITTING.take()
    _mine.fits = True
    try:
        fit()
    finally:
        _mine.fits = False
        turn.give_back()


async def in_thread(function: Callable[[], T]) -> T:
    """What a blocking function returns, called in a thread of its own that does not keep the process alive.

    `asyncio.to_thread` would: its pool is joined at exit, and a fit that hangs would then hang Ctrl-C too.

    >>> asyncio.run(in_thread(lambda: 6 * 7))
    42
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: Exception | None) -> None:
        if future.done():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, problem = None, None
        try:
            result = function()
        except BaseException as caught:  # noqa: BLE001 (raised again by the caller)
            problem = _plain(caught)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=work, name="merits-blocking", daemon=True).start()
    return await future
