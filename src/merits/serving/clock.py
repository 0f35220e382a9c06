"""What time it is for a server, on a machine whose clock may be set: by itself, by a person, by mistake.

What is measured (deadlines, rates, waits) is of the monotonic clock, which nobody sets. What must be a time of day is
from here: when a request came, whether a key has expired, which month a budget is of, what may be forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from merits.core.doors import LiveStore
from merits.core.live import Checkpoint

__all__ = ["ForgettingClock", "SteadyClock", "plausible_now"]

_FOLLOW_S = 600.0
_STEP_S = 1.0  # what a clock is corrected by at once, when it is slewed or was read a little apart
_SLACK_S = 900.0
_DAY_S = 86_400.0
_CLAIMS_EVERY_S = 1_800.0
_LAST = 1_000
_TASK, _NAME = "", "clock"


class SteadyClock:
    """UNIX seconds that go on evenly. Where the wall clock jumps, they follow once it has stood so for `follow_s`.

    So a jump that is corrected within ten minutes leaves no trace, and a machine that was asleep has the right time ten
    minutes after it woke.

    >>> wall, passed = [1_000.0], [0.0]
    >>> clock = SteadyClock(lambda: wall[0], lambda: passed[0])
    >>> wall[0] += 86_401.0; passed[0] += 1.0
    >>> clock()
    1001.0
    >>> wall[0] += 700.0; passed[0] += 700.0
    >>> clock()
    88101.0
    """

    __slots__ = ("_follow_s", "_monotonic", "_offset", "_other", "_since", "_wall")

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        follow_s: float = _FOLLOW_S,
    ) -> None:
        self._wall, self._monotonic, self._follow_s = wall, monotonic, follow_s
        self._offset = self._other = wall() - monotonic()
        self._since = 0.0  # when the wall clock began to say something else (`_other`), by the monotonic one

    def __call__(self) -> float:
        """The time now."""
        passed = self._monotonic()
        offset = self._wall() - passed
        if -_STEP_S < offset - self._offset < _STEP_S:
            self._offset = self._other = offset
        elif not -_STEP_S < offset - self._other < _STEP_S:
            self._other, self._since = offset, passed
        elif passed - self._since >= self._follow_s:
            self._offset = self._other = offset
        return passed + self._offset


class _Claim(msgspec.Struct, array_like=True):
    """What the wall clock said when, and what that time is by now."""

    said: float
    now: float


class _Known(msgspec.Struct):
    """`at` is the time that is certain to have come; `claims` are later ones that the wall clock made, oldest first."""

    at: float
    claims: list[_Claim] = []


class ForgettingClock:
    """The time by which content is forgotten: never ahead of what has passed, unless the machine's clock insists.

    What is forgotten cannot be had again, so a clock that jumped ahead must not age it. Time that passed while somebody
    looked counts at once. A wall clock that is ahead of it by more than a quarter of an hour (it jumped, or nobody
    looked for a while) is believed of what it said a day ago. So content is forgotten about a day late after a pause,
    and where it is looked after now and then only. What is known is kept in the live store, for the next start and for
    others.
    """

    def __init__(
        self,
        store: LiveStore,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._wall, self._monotonic = store, wall, monotonic
        self._known: _Known | None = None
        self._looked = monotonic()

    def __call__(self) -> float:
        """The time now, noted in the store. StoreError where that is away."""
        passed, wall = self._monotonic(), self._wall()
        known = self._known = self._known or _kept(self._store) or _Known(_newest(self._store, wall))
        self._know(known, wall, passed - self._looked)
        self._looked = passed
        state = msgspec.msgpack.encode(known)
        self._store.add([Checkpoint(task=_TASK, name=_NAME, at=known.at, state=state)])
        return known.at

    @staticmethod
    def _know(known: _Known, wall: float, passed: float) -> None:
        known.at += passed
        for claim in known.claims:
            claim.now += passed
        claims = [claim for claim in known.claims if claim.now <= wall + _SLACK_S]  # the others were taken back
        while claims and wall - claims[0].said >= _DAY_S:
            known.at = min(claims.pop(0).now, wall)
        if wall - known.at <= _SLACK_S:
            known.at, claims = wall, []
        elif not claims or wall - claims[-1].said >= _CLAIMS_EVERY_S:
            claims.append(_Claim(wall, wall))
        known.claims = claims


def _kept(store: LiveStore) -> _Known | None:
    found = store.checkpoint(_TASK, _NAME)
    return None if found is None else msgspec.msgpack.decode(found.state, type=_Known)


def _newest(store: LiveStore, wall: float) -> float:
    """When the newest request came, of a store in which no time was noted yet; now where there is none.

    Of the last thousand of each task: some may have come late.
    """
    ends = [(task, store.last_number(task)) for task in store.tasks()]
    found = [one.record.at for task, last in ends for one in store.served(task, after=max(0, last - _LAST), most=_LAST)]
    return min(max(found, default=wall), wall)


def plausible_now(store: LiveStore, wall: Callable[[], float] = time.time) -> float:
    """The time now for what is written by hand (a rollout), no later than servers and monitors know that it can be.

    Where none of them has run lately that is when they last did; without any it is what the wall clock says.

    >>> from merits.store import open_live
    >>> store = open_live(":memory:")
    >>> ForgettingClock(store, lambda: 1_000.0)()
    1000.0
    >>> plausible_now(store, lambda: 1_600.0), plausible_now(store, lambda: 88_000.0)
    (1600.0, 1900.0)
    """
    known, now = _kept(store), wall()
    return now if known is None else min(now, known.at + _SLACK_S)
