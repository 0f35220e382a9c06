"""A provider's rate limit, found from its refusals where it tells nothing of it.

What is let through while calls are refused is the limit. When refusals become too dense to be chance (a cumulative sum
of log likelihood ratios, Page 1954, doi 10.1093/biomet/41.1-2.100), calls are spaced at the rate that was let through
since, as the mean of a gamma posterior that starts at the rate that was asked: it falls to the limit in a few dozen
calls, and stays a little above, so that refusals go on to tell. Then the pace is steered to a small share of refusals:
each answer adds a little, each refusal cuts more (the weighted up-down method, Kaernbach 1991, doi 10.3758/bf03214307),
faster up when none was refused for long. Calls that were begun and not refused count as let through at once, so that
long latencies delay nothing.

Refusals that come as often at a pace well below what was let through are no limit, and the pace is dropped.

Knows nothing about levels, headers and who is asked.
"""

from __future__ import annotations

from collections import deque

__all__ = ["FoundPace"]

_INF = float("inf")

_REFUSED, _THROUGH = 1.6, 0.24  # log likelihood ratios of a share of 25 % to one of 5 %
_ALARM = 6.0  # with 5 % refused at random, once in some thousand calls
_DENSE = 0.15  # the share refused that is no chance either
_PRIOR = 3.0  # calls: as many are refused in each e-fold of the time that the limit is learned
_LEARNED = 24  # calls let through, after which their rate is the limit
_CUT = 0.03  # with each refusal
_SHARE = 0.03  # of refusals that the pace is steered to
_CLEAR, _FASTER = 40, 4  # answers without a refusal from which growth speeds up, by one step each so many
_N_WINDOW = 40  # replies that are looked at together
_FLOOD = 0.25  # the share refused that means a lower limit
_LEAP, _LEAP_REFUSED = 2.0, 10  # times the pace, tried for one window: a limit refuses more than so many
_FIRST_LEAP = 8  # windows, doubled each time that the limit was there
_UNNEEDED = 2.0  # times what is asked: then there is no pace
_SLOWEST_PER_S, _SLOWEST_LEARNED_PER_S = 1 / 60, 1 / 5  # who refuses everything for a while may recover
_RECOVERED, _RECOVERY = 4, 1.25  # answers without a refusal while it is learned, and how much faster each makes it
_OUTAGE_S = 20.0  # without an answer, and with refusals: that is no limit
_SLACK_S = 0.1
_TICK_S = 1e-6  # an alarm may ring a rounding error too early


class FoundPace:
    """When the next call is `due`, on the caller's clock: at once, until a limit was found.

    `spend` is told of every call that begins, `let_through` and `refused` of every reply, and `is_due` says whether a
    call may begin.

    >>> pace = FoundPace()
    >>> for tenth in range(60):
    ...     pace.spend(now=tenth / 10)
    ...     (pace.let_through if tenth % 2 else pace.refused)(now=tenth / 10)
    >>> 4 < pace.per_s < 6, pace.is_found
    (True, True)
    """

    def __init__(self) -> None:
        self.per_s = float("inf")
        self.due = 0.0
        self._begun: deque[float] = deque(maxlen=16)
        self._n_through = 0  # begun and not refused, since `_start`
        self._start, self._prior_s, self._learns = 0.0, 0.0, False
        self._suspicion, self._alarm = 0.0, _ALARM
        self._n_windows, self._next_leap, self._before_leap_per_s = 0, _FIRST_LEAP, 0.0
        self._chance = 0.0
        self._through_at, self._is_out = 0.0, False
        self._n_clear = 0
        self._n, self._n_refused, self._window_at, self._bound = 0, 0, 0.0, False

    @property
    def is_found(self) -> bool:
        """Whether there is a limit, as far as is known."""
        return self.per_s != float("inf")

    def is_due(self, now: float) -> bool:
        """Whether a call may begin."""
        if self.due <= now + _TICK_S:
            return True
        self._bound = True
        return False

    def spend(self, now: float) -> None:
        """Takes note of a call that begins."""
        self._begun.append(now)
        self._n_through += 1
        if self.per_s != _INF:
            self.due = max(self.due, now - _SLACK_S) + 1.0 / self.per_s
            if self._learns and self._n_through >= _LEARNED:
                self._learn(now)

    def let_through(self, now: float) -> None:
        """Takes note of a reply that is no refusal."""
        self._is_out = False
        if self._suspicion > 0.0:
            self._suspicion = max(0.0, self._suspicion - _THROUGH)
        if self.per_s == _INF:
            return
        self._n_clear += 1
        self._through_at = now
        if self._learns:
            if self._n_clear > _RECOVERED:
                self.per_s *= _RECOVERY
        elif self._bound:
            share = _SHARE + self._chance
            faster = max(1.0, (self._n_clear - _CLEAR) / _FASTER)
            self.per_s *= 1.0 + _CUT * share / (1.0 - share) * faster
        self._look(now)

    def refused(self, now: float, in_flight: int = 0) -> None:
        """Takes note of a refusal. Refusals come sooner than answers: those in flight count as let through."""
        if self.is_found and now - self._through_at > _OUTAGE_S:
            self._is_out = True
            self._drop()
        if self._is_out:
            return
        if self._suspicion == 0.0 and not self.is_found:
            self._start, self._n_through, self._n_refused = now, 0, 0
        else:
            self._n_through = max(0, self._n_through - 1)
        self._suspicion = min(self._suspicion + _REFUSED, self._alarm)
        self._n_clear = 0
        self._n_refused += 1
        if not self.is_found:
            if self._suspicion >= self._alarm and self._n_refused >= _DENSE * (in_flight + self._n_refused):
                self._find(now)
        elif self._learns:
            self._learn(now)
        else:
            self.per_s = max(self.per_s * (1.0 - _CUT), _SLOWEST_PER_S)
        if self.is_found:
            self._look(now)

    def _find(self, now: float) -> None:
        """Begins to space calls."""
        asked_per_s = len(self._begun) / max(1e-3, now - (self._begun[0] if self._begun else now))
        self._prior_s = _PRIOR / max(asked_per_s, _SLOWEST_PER_S)
        self._learns, self._before_leap_per_s = True, 0.0
        self._window(now)
        self._learn(now)
        self.due = self._through_at = now

    def _learn(self, now: float) -> None:
        n, seconds = self._n_through, now - self._start
        if n >= _LEARNED and seconds > 0:
            if self._bound or not self.is_found:  # else nobody asked as fast as that
                self.per_s = n / seconds
            self._learns = False
            self._window(now)
        else:
            slower = self.per_s
            self.per_s = max((n + _PRIOR) / (seconds + self._prior_s), _SLOWEST_LEARNED_PER_S)
            if self.per_s < slower < float("inf"):
                self.due = min(max(self.due, now - _SLACK_S) + 1.0 / self.per_s - 1.0 / slower, now + 1.0 / self.per_s)

    def _window(self, now: float) -> None:
        self._n, self._n_refused, self._window_at, self._bound = 0, 0, now, False

    def _look(self, now: float) -> None:
        """Looks back on the last replies: whether there is a limit still."""
        self._n += 1
        if self._before_leap_per_s and self._n_refused >= _LEAP_REFUSED:
            self.per_s, self._before_leap_per_s = self._before_leap_per_s, 0.0
            self._n_windows, self._next_leap = 0, self._next_leap * 2
            self._window(now)
        if self._n < _N_WINDOW or self._learns:
            return
        share, seconds = self._n_refused / self._n, max(1e-3, now - self._window_at)
        if self._before_leap_per_s:
            self._alarm, self._chance = self._alarm * 1.5, share
            self._drop()
        elif share > _FLOOD:
            self._start, self._n_through = now, 0
            self._find(now)
            return
        elif not self._bound and self.per_s > _UNNEEDED * self._n / seconds:
            self._drop()
        self._n_windows += 1
        if share > 0.0 and self._n_windows >= self._next_leap and self.is_found:
            self._before_leap_per_s = self.per_s
            self.per_s *= _LEAP
            self.due = now
        self._window(now)

    def _drop(self) -> None:
        self.per_s, self._suspicion, self._before_leap_per_s = float("inf"), 0.0, 0.0
        self._n_windows = 0
