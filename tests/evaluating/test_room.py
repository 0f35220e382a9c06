import asyncio
import threading

import pytest

from merits.candidates.memory import Weights
from merits.evaluating.room import Room

MB = 2**20


class Held:
    """Weights that say what happens to them, and the most that was ever in memory together."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.now = self.most = 0

    def weights(self, name: str, mb: int, *, shared: bool = False) -> Weights:
        there = False

        def read() -> None:
            nonlocal there
            assert threading.current_thread() is not threading.main_thread()
            if not there:
                there = True
                self.now += mb
                self.most = max(self.most, self.now)
                self.log.append(f"+{name}")

        def free() -> None:
            nonlocal there
            if there:
                there = False
                self.now -= mb
                self.log.append(f"-{name}")

        return Weights(mb * MB, read, free, shared=shared)


async def test_large_ones_are_never_in_memory_together() -> None:
    held = Held()
    models = [held.weights(name, 100) for name in "abcd"]
    room = Room(models)

    async def use(weights: Weights) -> None:
        async with room.place(weights, keep=False):
            await asyncio.sleep(0.005)
            weights.free()  # as closing the model does

    await asyncio.gather(*map(use, models))
    assert held.log == ["+a", "-a", "+b", "-b", "+c", "-c", "+d", "-d"]
    assert held.most == 100


async def test_small_ones_go_side_by_side_and_those_without_weights_wait_for_nobody() -> None:
    held = Held()
    room = Room([])
    async with room.place(held.weights("a", 20), keep=False), room.place(held.weights("b", 30), keep=False):
        assert held.now == 50
        async with room.place(None, keep=False):
            pass


async def test_what_is_kept_stays_until_its_place_is_needed() -> None:
    held = Held()
    a, b = held.weights("a", 100), held.weights("b", 100)
    room = Room([a, b])
    for weights in (a, a, b, b, a):
        async with room.place(weights, keep=True):
            pass
    await room.close()
    assert held.log == ["+a", "-a", "+b", "-b", "+a", "-a"]


async def test_shared_weights_are_counted_once_and_outlive_who_uses_them() -> None:
    held = Held()
    shared = held.weights("s", 100, shared=True)
    room = Room([shared])
    async with room.place(shared, keep=False), room.place(shared, keep=False):
        assert held.now == 100
    assert held.log == ["+s"]
    await room.close()
    assert held.now == 0


async def test_a_large_one_is_not_starved_by_small_ones() -> None:
    held, order = Held(), []
    room = Room([held.weights("large", 100)])

    async def use(name: str, mb: int) -> None:
        weights = held.weights(name, mb)
        async with room.place(weights, keep=False):
            order.append(name)
            await asyncio.sleep(0.01)
            weights.free()

    await asyncio.gather(use("small 1", 60), use("large", 100), use("small 2", 10))
    assert order == ["small 1", "large", "small 2"]


async def test_who_waits_may_be_cancelled_and_what_cannot_be_read_or_freed_holds_nobody_up() -> None:
    notes: list[str] = []

    def fails() -> None:
        raise OSError("gone")

    bad = Weights(100 * MB, fails, fails)
    good = Held().weights("good", 100)
    room = Room([bad, good], note=notes.append)
    async with room.place(bad, keep=True):
        waiting = asyncio.ensure_future(room.place(good, keep=False).__aenter__())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with room.place(good, keep=False):
        pass
    assert notes == ["the memory of a model could not be freed: OSError: gone"]
