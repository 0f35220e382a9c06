"""Forgets content when its time is over: every server does, for the tasks that it serves, and so does the monitor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

from merits.core.doors import LiveStore
from merits.core.errors import MeritsError
from merits.serving.clock import ForgettingClock
from merits.serving.set_aside import forget_set_aside

__all__ = ["forget_in_turn", "forget_what_is_over"]

_DAY_S = 86_400.0
_EVERY_S = 600.0
_AGAIN_S = 60.0  # a store that is away


def forget_what_is_over(store: LiveStore, tasks: Collection[str], now: float, folder: Path | None = None) -> int:
    """Takes the content that is older than the releases in force allow (`content.days`); of how many records.

    Where a challenger answers too, the shorter time counts. A task of which nothing is in force is left as it is.
    `folder` is that of the journals: what was set aside there is forgotten too, by the shortest time.
    """
    n_forgotten, before = 0, list[float]()
    for task in tasks or store.tasks():
        rollouts = store.rollouts(task)
        if not rollouts:
            continue
        in_force = {rollouts[-1].champion, rollouts[-1].challenger}
        days = [release.content.days for release in store.releases(task) if release.version in in_force]
        if days:
            before.append(now - min(days) * _DAY_S)
            n_forgotten += store.forget(task, before[-1])
    if folder is not None and before:
        n_forgotten += forget_set_aside(folder, max(before))
    return n_forgotten


async def forget_in_turn(
    store: LiveStore,
    tasks: Collection[str],
    note: Callable[[str, str], object],
    *,
    folder: Path | None = None,
    every_s: float = _EVERY_S,
) -> None:
    """Forgets now and every ten minutes, for as long as the server runs. `note` is told what was forgotten."""
    clock = ForgettingClock(store)
    while True:
        wait_s = _AGAIN_S
        try:
            n_forgotten = await asyncio.to_thread(lambda: forget_what_is_over(store, tasks, clock(), folder))
            if n_forgotten:
                note("forgotten", f"the content of {n_forgotten} records, whose time was over")
            wait_s = every_s
        except MeritsError:  # the shipper says that the store is away
            pass
        except Exception as problem:  # noqa: BLE001 (what is to be forgotten must not stay because of one failure)
            note("forgetting", f"content whose time is over is still there: {type(problem).__name__}: {problem}")
        await asyncio.sleep(wait_s)
