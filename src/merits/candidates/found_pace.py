"""A provider's rate limit, found from its refusals where it tells nothing of it.

What was let through while calls were refused is the limit; so calls are spaced at that rate, and a little faster from
time to time to see whether more is let through. That keeps the share of refusals to a few in a hundred, where growing
by one call a round trip meets the limit again and again. Refusals that come at any rate are no limit, and few enough of
them change nothing.

Knows nothing about levels, headers and who is asked.
"""

from __future__ import annotations

__all__ = ["FoundPace"]

_N_WINDOW = 40  # replies that are looked at together: with 5 % refused at random, hardly ever one in eight is
_LEAST_S = 1.0
_FLOOD = 0.2  # the share refused that means a limit
_LIMITED = 0.125  # the same where calls are spaced already
_CLEAR = 0.03  # the share up to which a faster pace is tried
_HELD, _LEAP = 4, 1.5  # windows in which some were refused, and not many, after which a far faster pace is tried
_STEP = 0.02  # so much faster, and that much more with each window that was clear
_LARGEST_STEP = 0.5
_UNDER = 0.98  # of what was let through
_UNNEEDED = 2.0  # times what is asked: then there is no pace
_SAME = 0.85  # of the limit: less was let through than that, though calls were spaced
_OFTEN = 3  # times: a burst that was let through at first may look like a higher limit once or twice
_SLOWEST_PER_S = 1 / 60
_SLACK_S = 0.1
_TICK_S = 1e-6  # an alarm may ring a rounding error too early


class FoundPace:
    """When the next call is `due`, on the caller's clock: at once, until a limit was found.

    `let_through` and `refused` are told of every reply, `spend` of every call that begins, and `is_due` says whether
    one may begin.

    >>> pace = FoundPace()
    >>> for tenth in range(60):
    ...     (pace.let_through if tenth % 2 else pace.refused)(now=tenth / 10)
    >>> round(pace.per_s, 1), pace.is_found
    (5.0, True)
    """

    def __init__(self) -> None:
        self.per_s = float("inf")
        self.due = 0.0
        self._start: float | None = None
        self._n_through = self._n_refused = self._n_clear = self._n_held = 0
        self.was_binding = False
        self._limit_per_s, self._n_shrunk, self._n_mistaken = 0.0, 0, 0

    @property
    def is_found(self) -> bool:
        """Whether there is a limit, as far as is known."""
        return self.per_s != float("inf")

    def is_due(self, now: float) -> bool:
        """Whether a call may begin."""
        if self.due <= now + _TICK_S:
            return True
        self.was_binding = True
        return False

    def spend(self, now: float) -> None:
        """Takes note of a call that begins."""
        if self.is_found:
            self.due = max(self.due, now - _SLACK_S) + 1.0 / self.per_s

    def let_through(self, now: float) -> None:
        """Takes note of a reply that is no refusal."""
        self._n_through += 1
        if self._n_refused or self.is_found:
            self._look(now)
        elif self._n_through >= _N_WINDOW:
            self._begin(now)

    def refused(self, now: float) -> None:
        """Takes note of a refusal."""
        self._n_refused += 1
        self._look(now)

    def _begin(self, now: float) -> None:
        self._start, self._n_through, self._n_refused, self.was_binding = now, 0, 0, False

    def _look(self, now: float) -> None:
        if self._start is None:
            self._start = now
        n, seconds = self._n_through + self._n_refused, now - self._start
        if n < _N_WINDOW or seconds < _LEAST_S:
            return
        share, through_per_s = self._n_refused / n, self._n_through / seconds
        if share > (_LIMITED if self.is_found else _FLOOD * 1.5**self._n_mistaken):
            self._slow_down(through_per_s, now)
        elif not self.is_found:
            pass
        elif share > _CLEAR:
            self._n_held += self.was_binding
            if self._n_held >= _HELD:  # so few at every pace are refused by chance
                self.per_s, self._n_held = self.per_s * _LEAP, 0
        elif self.was_binding:
            self._n_clear, self._n_shrunk, self._n_held = self._n_clear + 1, 0, 0
            self._limit_per_s = through_per_s
            self.per_s *= 1 + min(_LARGEST_STEP, _STEP * self._n_clear)
        elif self.per_s > _UNNEEDED * through_per_s:
            self.per_s = float("inf")
        self._begin(now)

    def _slow_down(self, through_per_s: float, now: float) -> None:
        """Spaces calls at the rate that was let through; no more, where less was let through because less was asked."""
        self._n_clear = self._n_held = 0
        if not self.is_found:
            self._limit_per_s = through_per_s
        elif through_per_s < _SAME * self._limit_per_s:
            self._n_shrunk += 1
        if self._n_shrunk >= _OFTEN:
            self._n_mistaken, self._n_shrunk = self._n_mistaken + 1, 0
            self.per_s = float("inf")
            return
        self.per_s = max(through_per_s * _UNDER, _SLOWEST_PER_S)
        self.due = max(self.due, now)
