"""Leaves alone what evidently is down, so that nobody waits for it: a circuit breaker (Nygard 2007, "Release It!").

Closed: everything is asked. Open: nothing is, for a while that doubles with each time. Half-open: one question is
asked, and its answer decides. Knows nothing about what is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from merits.core.answer import Answer, Failure, FailureKind, Usage

__all__ = ["Breaker", "State"]

State: TypeAlias = Literal["closed", "open", "half-open"]

_DOWN: frozenset[FailureKind] = frozenset(
    {"timeout", "connection", "server_error", "rate_limited", "unauthorised", "out_of_memory"}
)
_IN_A_ROW = 5
_FIRST_S, _LONGEST_S = 2.0, 60.0
_NOT_ASKED = Usage(attempts=0)


class Breaker:
    """What of a part is known lately. `refusal` before it is asked, then `note` with what came.

    Five failures in a row open it, of the kinds that say something about the part and not about the question; so does
    one that names a time to wait (Retry-After) once it is as long as the breaker would stay open. It stays open for 2
    seconds, twice as long after each trial that fails, up to a minute.

    >>> now = [0.0]
    >>> breaker = Breaker(clock=lambda: now[0])
    >>> down = Answer(failure=Failure("connection", "refused"))
    >>> for _ in range(5):
    ...     breaker.note(down)
    >>> breaker.state, breaker.refusal().failure.message
    ('open', 'not asked: 5 failures in a row, the last one with: refused')
    >>> now[0] = 2.5
    >>> breaker.state, breaker.refusal(), breaker.refusal() is None  # one may try
    ('half-open', None, False)
    >>> breaker.note(Answer("yes")); breaker.state
    'closed'
    """

    __slots__ = ("_clock", "_last", "_open_s", "_until", "in_a_row", "n_answered", "n_failed", "n_refused", "trying")

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: float | None = None  # open, or half-open past that; None where it is closed
        self._open_s = _FIRST_S
        self._last: Failure | None = None
        self.trying = False
        self.in_a_row = self.n_answered = self.n_failed = self.n_refused = 0

    @property
    def state(self) -> State:
        """Closed, open or half-open."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    def refusal(self) -> Answer | None:
        """None where it may be asked; else the answer that there is instead."""
        if self._until is None:
            return None
        left = self._until - self._clock()
        if left <= 0.0 and not self.trying:
            self.trying = True
            return None
        self.n_refused += 1
        assert self._last is not None
        message = self._last.message
        if not message.startswith("not asked"):
            message = f"not asked: {self.in_a_row} failures in a row, the last one with: {message}"
        return Answer(failure=Failure(self._last.kind, message, max(left, 0.1)), usage=_NOT_ASKED)

    def note(self, answer: Answer) -> None:
        """Takes an answer into account."""
        failure = answer.failure
        if failure is None:  # the way of almost all
            self.n_answered += 1
            if self.in_a_row or self._until is not None:
                self._close()
            return
        self.n_failed += 1
        if failure.kind not in _DOWN:
            self.trying = False
            return
        self.in_a_row += 1
        self._last = failure
        waits = failure.retry_after_s or 0.0
        if self._until is not None and self.trying:
            self._open_s = min(2.0 * self._open_s, _LONGEST_S)
            self._open(waits)
        elif self.in_a_row >= _IN_A_ROW or waits >= self._open_s:
            self._open(waits)

    def left(self) -> None:
        """Whoever was asking gave up: that says nothing, and another one may try."""
        self.trying = False

    def _open(self, waits: float) -> None:
        self.trying = False
        self._until = self._clock() + min(max(self._open_s, waits), _LONGEST_S)

    def _close(self) -> None:
        self.in_a_row, self._until, self._open_s, self._last, self.trying = 0, None, _FIRST_S, None, False
