"""How many calls a provider's model is asked at once, and how fast: found while asking, shared by all who ask it.

The level starts small and doubles with every round trip, as TCP's does (slow start). What is refused (429, 503, 529) is
read by what it depends on. Refused past what was ever borne at once: one more is tried seldom from then on
(`FoundAtOnce`). Refused below that, and too often for chance: calls are spaced (`FoundPace`). Refused now and then at
any level and any pace: that changes nothing. Where many are refused, or calls run out of time, all wait, and the level
is cut at most once in a round trip and grows by one call a round trip from then on: additive increase, multiplicative
decrease (Chiu and Jain 1989, doi 10.1016/0169-7552(89)90019-6). The cut is by half the share of calls that lately
failed, as in DCTCP (RFC 8257): a provider that refuses everything is asked half as much.

Knows nothing about what is asked, of purses and of retries: those are the meter's.
"""

from __future__ import annotations

import asyncio
import random
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from merits.candidates.deadlines import Deadline
from merits.candidates.found_at_once import FoundAtOnce
from merits.candidates.found_pace import FoundPace
from merits.candidates.rate_headers import KINDS, Kind, left, remaining, retry_after_s
from merits.core.answer import NO_USAGE, TOKEN_KINDS, Usage
from merits.core.limits import Limits

__all__ = ["LONGEST_PAUSE_S", "Limiter", "limiter_for"]

LONGEST_PAUSE_S = 300.0  # past that it is cheaper to resume the run later
CEILING = 256  # calls in flight where the user gives no number: what one process keeps up with
_START = 4.0  # a wrong key is found out before it is used often
_REFUSED = (429, 503, 529)
_GAIN = 1 / 16  # DCTCP's: the share refused is that of the last dozens of calls
_LEAST_CUT = 0.05
_FIRST_PAUSE_S = 0.5  # doubled with every refusal in a row
_LONGEST_OWN_PAUSE_S = 30.0
_STORM = 0.3  # the share refused from which all wait, not only the refused
_BEGUN = 1 - 1e-9  # of a call that the level must have left for one to begin
_TICK_S = 1e-6  # an alarm may ring a rounding error too early
_FEW = 32  # calls at once up to which one more is tried apart from others
_FASTER = 1.25  # times the rate: what a doubled level brings where there is room, as in BBR's startup
_ROOM = 1.5  # times the calls that are worked on at once: a few may wait at the provider, so that it never idles
_FULL = 2.0  # times the least mean latency: so many wait there that no more are sent
_CROWDED = 3.0  # times the least mean latency: fewer are sent
_N_FIRST = 16  # answers before the level grows, to learn the latency without a queue
_N_WINDOW = 64  # a mean of fewer long-tailed latencies says little
_SLOWER_BY_S = 0.05
_LEAST_PATIENCE_S = 10.0
_PATIENCE = 10.0  # times the slowest of the last 128 calls, which is about their 99th percentile
_N_KNOWN = 20
_SILENT = 8  # twice each of the first four: a server may load a model first, longer than one attempt is waited for
_LOOKS = 16  # replies without a word on limits, after which only refusals are read for it
_SLACK_S = 1.0  # a minute's limit is spread over the minute, but for what may come in one second


class _Pace:
    """A limit as a rate: the time at which the next is due (the generic cell rate algorithm, ITU-T I.371)."""

    __slots__ = ("due", "per_s")

    def __init__(self, per_minute: float) -> None:
        self.per_s = per_minute / 60
        self.due = 0.0

    def spend(self, n: float, now: float) -> None:
        self.due = max(self.due, now - _SLACK_S) + n / self.per_s


class Limiter:
    """Who may ask when. `take` asks for a turn without waiting, `turn` waits for it; then one of `answered`,
    `failed` or `left` ends it. `heard` is told every reply's status and headers.

    `level` is the number of calls that may be in flight, from 1 to the ceiling. A Retry-After holds everybody back, up
    to five minutes; where a provider's headers say that nothing is left, calls are spaced as fast as its limit is
    refilled. Where no ceiling is given and more calls are not answered faster, but only wait longer, the level is taken
    back: a small server of one's own is not asked faster than it answers, and its measured latency stays its own.

    `patience_s` is how long an attempt is worth waiting for: ten times the slowest of the last 128 answers, at least
    10 seconds; endless until 20 were seen.

    Not thread-safe; used from one event loop. Costs a few microseconds a call.

    >>> limiter = Limiter()
    >>> limiter.use(ceiling=100)
    >>> [limiter.take() for _ in range(5)]
    [True, True, True, True, False]
    >>> limiter.answered(0.5)
    >>> limiter.take(), limiter.take(), limiter.level
    (True, True, 5.0)
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.level = _START
        self.in_flight = 0
        self.n_refused = 0
        self.refused_in_a_row = 0
        self.n_answered = 0
        self.patience_s = float("inf")
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self._ceiling, self._given = float(CEILING), False
        self._requests: _Pace | None = None
        self._tokens: _Pace | None = None
        self._told: _Pace | None = None
        self._told_by: str = ""
        self._untold = 0
        self._tokens_per_call = 0.0
        self._open_at = 0.0  # nobody asks before
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._alarm: asyncio.Future[None] | None = None
        self._slow_start, self._hears = True, False
        self._share = 0.0
        self._found = FoundPace()
        self._n_hung = 0
        self._at_once = FoundAtOnce()
        self._held = False  # the level did not double in this window, because of refusals
        self.begun_at = 0
        self._last_at = 0.0
        self._cut_at = float("-inf")
        self._round_trip_s = 0.0
        self._early: list[tuple[Deadline | asyncio.Timeout, float]] = []
        self._latencies: deque[float] = deque(maxlen=128)
        self._window_n, self._window_s, self._window_size = 0, 0.0, float(_N_FIRST)
        self._window_at = float("nan")
        self._best_per_s, self._least_s = 0.0, float("inf")
        self._queues, self._full = False, True

    @property
    def is_silent(self) -> bool:
        """Whether eight attempts ran out of time, and not one was ever replied to, not even by a refusal."""
        return self._n_hung >= _SILENT and not self._hears and not self.n_answered

    @property
    def ceiling(self) -> int:
        """The most calls that will ever be in flight."""
        return int(self._ceiling)

    def use(self, *, ceiling: int | None = None, limits: Limits | None = None) -> None:
        """Sets the user's ceiling and limits; of several candidates that ask the same model, the last one's hold."""
        self._given = ceiling is not None
        self._full = self._full and not self._given
        self._ceiling = float(ceiling or CEILING)
        self.level = min(self.level, self._ceiling)
        if limits is not None:
            self._requests = _Pace(limits.requests_per_minute) if limits.requests_per_minute else None
            self._tokens = _Pace(limits.tokens_per_minute) if limits.tokens_per_minute else None

    def take(self) -> bool:
        """Whether a call may begin now; then it counts as begun."""
        if self._waiting or self.in_flight + _BEGUN > self.level:
            return False
        return self._begin()

    async def turn(self, *, first: bool = False) -> None:
        """Waits until a call may begin. `first` goes before the others: for who has waited once already."""
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(waiting)
        else:
            self._waiting.append(waiting)
        self._wake()
        try:
            self.begun_at = await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.left()  # it was its turn, and nobody takes it
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            raise

    def answered(self, latency_s: float, usage: Usage = NO_USAGE, *, begun_at: int = 0) -> None:
        """Ends a call that was answered; `begun_at` as it was when the call began."""
        if self.in_flight + 1 >= self.level and not self._full:
            self.level = min(self.level + self._step(), self._ceiling)
        self.n_answered += 1
        self._found.let_through(self._clock())
        at_once = self._at_once
        if begun_at >= at_once.borne or at_once.doubted:
            at_once.let_through(begun_at)
        self.refused_in_a_row = 0
        if self._share > 0.0:
            self._share -= self._share * min(_GAIN, 1.0 / self.level)
        self._time(latency_s)
        if self._tokens is not None or self._untold <= _LOOKS:
            self._count(_tokens(usage))
        self.left()

    def failed(self, *, timed_out: bool = False, refused: bool = False, retry_after_s: float | None = None) -> None:
        """Ends a call that was not answered. What `heard` was told already is not counted again.

        Before anything was answered, the next call is made alone.
        """
        self._n_hung += timed_out
        if timed_out and not self._hears and not self.n_answered:
            pass  # nothing was ever heard: the first four find out together whether anything will be
        elif timed_out or (refused and not self._hears):
            self._refused(retry_after_s, timed_out=timed_out)
        elif not self.n_answered and not refused:
            self.level = 1.0  # a wrong key or name: no need to learn it from many calls
        self.left()

    def left(self) -> None:
        """Ends a call that says nothing about the provider: it was cancelled, or was wrong in itself."""
        self.in_flight -= 1
        if self._waiting:
            self._wake()

    def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """Takes note of a reply: a refusal, how long to wait, how much is left. Header names are in lower case."""
        self._hears = True
        if status in _REFUSED:
            self._refused(retry_after_s(headers))
        if self._untold > _LOOKS and status == 200:
            return
        for kind in KINDS:
            n = remaining(headers, kind)
            if n is not None:
                self._untold = 0
                self._pace(kind, n, headers)
        self._untold += 1

    def watch(self, deadline: Deadline | asyncio.Timeout) -> None:
        """Brings a deadline forward once `patience_s` is known: an attempt that was begun before may hang too."""
        self._early.append((deadline, asyncio.get_running_loop().time()))

    def _begin(self) -> bool:
        now = self._clock()
        if now < self._open_at:
            return False
        paces = self._requests, self._told, self._tokens
        if any(pace is not None and pace.due > now for pace in paces):
            return False
        if self._found.is_found:
            if not self._found.is_due(now):
                return False
        elif self._at_once.answers_per_step > 1.0 and now + _TICK_S < self._probe_at():
            return False
        self._found.spend(now)
        if self._requests is not None:
            self._requests.spend(1, now)
        if self._told is not None:
            self._told.spend(1, now)
        if self._tokens is not None:
            self._tokens.spend(self._tokens_per_call, now)
        self._last_at = now
        self.in_flight += 1
        self.begun_at = self.in_flight
        return True

    def _wake(self) -> None:
        """Gives turns to who waits, as far as there are any; else sets an alarm for the next."""
        while self._waiting and self.in_flight + _BEGUN <= self.level:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            if not self._begin():
                self._set_alarm()
                return
            self._waiting.popleft().set_result(self.in_flight)

    def _probe_at(self) -> float:
        """When a call more than is borne at once may begin: apart from others, so that no rate explains a refusal."""
        if self.in_flight < self._at_once.borne or self._at_once.answers_per_step == 1.0 or self.in_flight >= _FEW:
            return 0.0
        return self._last_at + self._round_trip_s / (self.in_flight + 1)

    def _set_alarm(self) -> None:
        if self._alarm is not None and not self._alarm.done():
            return
        paces = self._requests, self._told, self._tokens
        at = max([self._open_at, self._found.due, self._probe_at(), *(pace.due for pace in paces if pace is not None)])
        self._alarm = asyncio.ensure_future(self._ring(at - self._clock()))

    async def _ring(self, seconds: float) -> None:
        await self._sleep(max(0.0, seconds))
        self._alarm = None
        self._wake()

    def _refused(self, after_s: float | None, *, timed_out: bool = False) -> None:
        """Cuts the level, at most once in a round trip, and holds everybody back where that is called for."""
        now = self._clock()
        self.n_refused += 1
        self._share += (1 - self._share) * min(_GAIN, 1.0 / self.level)
        storm = self._share > _STORM and not self._found.is_found
        if timed_out or storm or after_s is not None:
            self._cut(now, timed_out=timed_out)
        if after_s is not None:
            self._open_at = max(self._open_at, now + min(after_s, LONGEST_PAUSE_S))
            return
        if timed_out:
            return
        at = self.in_flight
        if not self._found.is_found and self._at_once.refused(at):
            self.level = max(1.0, float(self._at_once.borne), min(self.level, at - 1.0))
            self._held = True
        elif self._told is None:
            self._found.refused(now, at)
            if self._found.is_found:
                self._at_once.answers_per_step = 1.0  # what was refused was not their number
        if storm:
            longest = min(_LONGEST_OWN_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self.refused_in_a_row, 10))
            self._open_at = max(self._open_at, now + longest * (0.5 + self._jitter() / 2))

    def _step(self) -> float:
        """How much one answer adds to the level."""
        return 1.0 / max(self._at_once.answers_per_step, 1.0 if self._slow_start else self.level)

    def _cut(self, now: float, *, timed_out: bool) -> None:
        if now - self._cut_at < self._round_trip_s:
            return
        self._cut_at = now
        self._slow_start = False
        self.refused_in_a_row += not timed_out
        self.level = max(1.0, self.level * (1 - max(_LEAST_CUT, self._share / 2)))
        self._at_once.forget(self.level)

    def _pace(self, kind: Kind, n: float, headers: Mapping[str, str]) -> None:
        """Spaces calls by what the provider says where hardly anything is left, until it says that there is more."""
        calls = 1.0 if kind == "requests" else max(1.0, self._tokens_per_call)
        if n > (self.in_flight + 1) * calls:
            if self._told_by == kind:
                self._told, self._told_by = None, ""
            return
        told = left(headers, kind)
        if told is None or (self._told_by and self._told_by != kind):
            return
        per_minute_s = min(told.reset_s, 60 / max(told.limit, 1e-9) * calls)
        per_call_s = min(LONGEST_PAUSE_S, max(per_minute_s, told.reset_s * calls / max(1.0, told.limit - n)))
        if per_call_s > 0:
            due = self._told.due if self._told is not None else self._clock() + per_call_s
            self._told, self._told_by = _Pace(60 / per_call_s), kind
            self._told.due = due

    def _count(self, tokens: float) -> None:
        """Learns how many tokens a call takes, and settles what was reckoned at its beginning."""
        if self._tokens is not None:
            self._tokens.due += (tokens - self._tokens_per_call) / self._tokens.per_s
        weight = 1.0 if not self._tokens_per_call else _GAIN
        self._tokens_per_call += (tokens - self._tokens_per_call) * weight

    def _time(self, latency_s: float) -> None:
        if self._window_at != self._window_at:  # nothing was answered yet
            self._window_at = self._clock() - latency_s
        self._round_trip_s += (latency_s - self._round_trip_s) * (_GAIN if self._round_trip_s else 1.0)
        self._latencies.append(latency_s)
        self._window_n += 1
        self._window_s += latency_s
        if self._window_n >= self._window_size:
            self._judge_window()

    def _judge_window(self) -> None:
        """Looks back on as many answers as calls are in flight: about one round trip."""
        now = self._clock()
        mean_s, per_s = self._window_s / self._window_n, self._window_n / max(1e-6, now - self._window_at)
        if len(self._latencies) >= _N_KNOWN:
            self.patience_s = max(_LEAST_PATIENCE_S, _PATIENCE * max(self._latencies))
            self._bring_forward()
        # The least is forgotten slowly: later questions may simply be longer.
        self._least_s = min(self._least_s * 1.01, mean_s)
        if not self._given:
            self._look_for_a_queue(mean_s, per_s)
        self._best_per_s = max(self._best_per_s, per_s)
        self._window_n, self._window_s, self._window_at = 0, 0.0, now
        self._window_size = max(float(_N_FIRST if self._slow_start else _N_WINDOW), self.level)

    def _bring_forward(self) -> None:
        early, self._early = self._early, []
        for deadline, start in early:
            when = deadline.when()
            if when is not None and start + self.patience_s < when:
                with suppress(RuntimeError):  # it is over
                    deadline.reschedule(start + self.patience_s)

    def _look_for_a_queue(self, mean_s: float, per_s: float) -> None:
        """Asks less where calls wait at the provider: the rate times the latency without waiting is what it bears.

        There is a queue where a level that has doubled brought no higher rate. A latency alone says nothing: some
        questions take longer than others.
        """
        if self._held:
            self._held, self._best_per_s = self._at_once.answers_per_step > 1.0, 0.0
        elif self._slow_start and per_s < _FASTER * self._best_per_s:
            self._slow_start, self._queues = False, True
            bears = max(per_s, self._best_per_s) * self._least_s
            self.level = min(self.level, max(_START, _ROOM * bears))
        elif self._queues and mean_s > _CROWDED * self._least_s + _SLOWER_BY_S:
            self.level = max(1.0, self.level * 0.9)
        self._full = self._queues and mean_s > _FULL * self._least_s + _SLOWER_BY_S


def _tokens(usage: Usage) -> int:
    return sum(getattr(usage, f"{kind}_tokens") for kind in TOKEN_KINDS)


_shared: weakref.WeakValueDictionary[tuple[str, str], Limiter] = weakref.WeakValueDictionary()


def limiter_for(base_url: str, model: str) -> Limiter:
    """The limiter of this model at this address: the same for all who ask it, as long as somebody holds it.

    >>> one = limiter_for("https://host/v1", "m")
    >>> one is limiter_for("https://host/v1", "m"), one is limiter_for("https://host/v1", "other")
    (True, False)
    """
    found = _shared.get((base_url, model))
    if found is None:
        found = _shared[base_url, model] = Limiter()
    return found
