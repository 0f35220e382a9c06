"""Cheap deadlines end what they are around as asyncio's own do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from merits.candidates.deadlines import Deadlines


def test_what_is_in_time_is_left_alone_and_the_timer_ends() -> None:
    async def run() -> None:
        deadlines = Deadlines()
        for _ in range(3):
            async with deadlines.timeout(0.03):
                await asyncio.sleep(0)
        await asyncio.sleep(0.06)
        assert not deadlines._watched
        assert deadlines._timer is None

    asyncio.run(run())


def test_many_end_each_at_its_own_time_a_tick_late_at_most() -> None:
    async def one(deadlines: Deadlines, seconds: float) -> float:
        start = time.perf_counter()
        with pytest.raises(TimeoutError):
            async with deadlines.timeout(seconds):
                await asyncio.sleep(10)
        return time.perf_counter() - start

    async def run() -> list[float]:
        deadlines = Deadlines()
        return list(await asyncio.gather(*(one(deadlines, n / 50) for n in range(1, 11))))

    for n, took in enumerate(asyncio.run(run()), start=1):
        assert n / 50 - 0.005 <= took < n / 50 + 0.2


def test_a_task_that_is_cancelled_from_outside_is_cancelled() -> None:
    """Not told that its time was over."""

    async def run() -> None:
        deadlines = Deadlines()

        async def wait() -> None:
            async with deadlines.timeout(5):
                await asyncio.sleep(10)

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


@pytest.mark.parametrize(("inner_s", "outer_s"), [(0.03, 5.0), (5.0, 0.03)])
def test_one_inside_another(inner_s: float, outer_s: float) -> None:
    """The one whose time is over says so, the other one does not."""

    async def run() -> tuple[bool, bool]:
        deadlines = Deadlines()
        inner, outer = deadlines.timeout(inner_s), deadlines.timeout(outer_s)
        with pytest.raises(TimeoutError):
            async with outer, inner:
                await asyncio.sleep(10)
        return inner.expired(), outer.expired()

    assert asyncio.run(run()) == (inner_s < outer_s, outer_s < inner_s)


def test_the_task_goes_on_and_can_be_ended_again() -> None:
    """No cancellation is left over."""

    async def run() -> int:
        deadlines, ended = Deadlines(), 0
        for _ in range(3):
            try:
                async with deadlines.timeout(0.02):
                    await asyncio.sleep(10)
            except TimeoutError:
                ended += 1
            await asyncio.sleep(0.001)
        return ended

    assert asyncio.run(run()) == 3


def test_what_has_ended_is_never_ended_again() -> None:
    """A limiter brings deadlines forward, and may still know one that is over: its task does something else by now."""

    async def run() -> None:
        deadlines = Deadlines()
        async with deadlines.timeout(5) as deadline:
            deadline.reschedule(deadlines.now() + 1)
        with pytest.raises(RuntimeError):
            deadline.reschedule(deadlines.now())
        await asyncio.sleep(0.05)
        assert not deadline.expired()

    asyncio.run(run())


def test_in_one_loop_after_the_other() -> None:
    """A unit is opened in one loop and may be asked in another."""
    deadlines = Deadlines()

    async def run(wait: Callable[[], Awaitable[object]]) -> None:
        async with deadlines.timeout(0.03):
            await wait()

    for _ in range(2):
        with pytest.raises(TimeoutError):
            asyncio.run(run(lambda: asyncio.sleep(10)))
