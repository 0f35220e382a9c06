"""Ends what takes too long, at the price of a dictionary: one look at all of it four times a second, no timer for each.

`asyncio.timeout` costs some microseconds each time; a gateway would use two for every request and hardly ever need one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["Overdue"]

_EVERY_S = 0.25
T = TypeVar("T")


class Overdue:
    """What is waited for, and until when (monotonic clock). `watch` runs as long as the server does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[asyncio.Task[Any], float] = {}
        self._ended: set[asyncio.Task[Any]] = set()

    async def wait(self, until: float, waited: Coroutine[Any, Any, T], task: asyncio.Task[Any] | None = None) -> T:
        """What is waited for; TimeoutError when it has not come a quarter of a second after `until`.

        `task` is the one that waits, for whoever knows it.

        >>> async def slow() -> None: await asyncio.sleep(60)
        >>> async def main() -> None:
        ...     overdue = Overdue()
        ...     watching = asyncio.ensure_future(overdue.watch())
        ...     await overdue.wait(time.monotonic() + 0.01, slow())
        >>> asyncio.run(main())
        Traceback (most recent call last):
        ...
        TimeoutError
        """
        task = task or asyncio.current_task()
        assert task is not None
        self._until[task] = until
        try:
            return await waited
        except asyncio.CancelledError:
            if task in self._ended and task.uncancel() <= 0:
                raise TimeoutError from None
            raise
        finally:
            self._until.pop(task, None)
            self._ended.discard(task)

    async def watch(self) -> None:
        """Looks at everything that is waited for, again and again."""
        while True:
            await asyncio.sleep(_EVERY_S)
            now = self._clock()
            for task, until in list(self._until.items()):
                if until < now and task not in self._ended:
                    self._ended.add(task)
                    task.cancel()
