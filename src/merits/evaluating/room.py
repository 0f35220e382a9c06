"""Which models have their weights in memory: no more together than the largest one takes.

Knows nothing about what is asked of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from merits.candidates.batcher import in_thread
from merits.candidates.memory import Weights, give_back
from merits.core.secrets import redact

__all__ = ["Room"]

_ALWAYS = 64 * 2**20  # bytes: small models together are no burden, and use all cores


class Room:
    """Has place for the largest of the given weights, and for 64 MB at least; first come, first served.

    `place` waits until there is room, has the weights read, and counts them until it is left. With `keep` they may stay
    for the next time, as shared ones do; they are freed when somebody needs their place, those of longest ago first.
    `at_least` is how many bytes of weights are needed at once (by a candidate that asks several).
    A weight that takes longer than `timeout_s` to be read or freed is left to itself; `note` is told what could not be
    freed.

    >>> async def main():
    ...     weights = Weights(1000, lambda: print("read"), lambda: print("freed"))
    ...     room = Room([weights])
    ...     async with room.place(weights, keep=True):
    ...         print("asked")
    ...     await room.close()
    >>> asyncio.run(main())
    read
    asked
    freed
    """

    def __init__(
        self,
        expected: Iterable[Weights],
        *,
        at_least: int = 0,
        timeout_s: float = 60.0,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._most = max([_ALWAYS, at_least, *(weights.n_bytes for weights in expected)])
        self._timeout_s = timeout_s
        self._note = note
        self._there: dict[Weights, int] = {}  # how many use them now, in the order of their last use
        self._door = asyncio.Lock()  # who waits for room keeps those behind waiting too, or large ones would starve
        self._left = asyncio.Event()

    @asynccontextmanager
    async def place(self, weights: Weights | None, *, keep: bool) -> AsyncIterator[None]:
        """A place for the weights; for None there always is."""
        if weights is None:
            yield
            return
        await self._enter(weights)
        try:
            yield
        finally:
            self._there[weights] -= 1
            self._left.set()
            if not keep and not weights.shared and not self._there[weights]:
                await self._free(weights)

    async def close(self) -> None:
        """Frees what is still there and not in use."""
        for weights in [one for one, n_users in self._there.items() if not n_users]:
            await self._free(weights)

    async def _enter(self, weights: Weights) -> None:
        async with self._door:
            while weights not in self._there and not self._fits(weights):
                idle = next((one for one, n_users in self._there.items() if not n_users), None)
                if idle is not None:
                    await self._free(idle)
                    continue
                self._left.clear()
                await self._left.wait()
            self._there[weights] = self._there.pop(weights, 0) + 1
            try:
                with suppress(Exception):  # what is wrong with them is said by the first question, and counts there
                    await asyncio.wait_for(in_thread(weights.read), self._timeout_s)
            except BaseException:
                self._there[weights] -= 1
                raise

    def _fits(self, weights: Weights) -> bool:
        return sum(one.n_bytes for one in self._there) + weights.n_bytes <= self._most

    async def _free(self, weights: Weights) -> None:
        del self._there[weights]

        def free() -> None:
            weights.free()
            give_back()

        try:
            await asyncio.wait_for(in_thread(free), self._timeout_s)
        except Exception as problem:  # noqa: BLE001 (it has nothing to do with the answers)
            self._note(redact(f"the memory of a model could not be freed: {type(problem).__name__}: {problem}"))
