"""Forgets content when its time is over: every server does, for the tasks that it serves, and so does the monitor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from merits.core.doors import LiveStore
from merits.core.errors import MeritsError

__all__ = ["forget_in_turn", "forget_what_is_over"]

_DAY_S = 86_400.0
_EVERY_S = 3_600.0
_AGAIN_S = 60.0  # a store that is away


def forget_what_is_over(store: LiveStore, tasks: Collection[str], now: float) -> int:
    """Takes the content that is older than the releases in force allow (`content.days`); of how many requests.

    Where a challenger answers too, the shorter time counts. A task of which nothing is in force is left as it is.
    """
    n_forgotten = 0
    for task in tasks or store.tasks():
        rollouts = store.rollouts(task)
        if not rollouts:
            continue
        in_force = {rollouts[-1].champion, rollouts[-1].challenger}
        days = [release.content.days for release in store.releases(task) if release.version in in_force]
        if days:
            n_forgotten += store.forget(task, now - min(days) * _DAY_S)
    return n_forgotten


async def forget_in_turn(
    store: LiveStore, tasks: Collection[str], note: Callable[[str, str], object], *, every_s: float = _EVERY_S
) -> None:
    """Forgets now and about hourly, for as long as the server runs. `note` is told what was forgotten."""
    while True:
        wait_s = _AGAIN_S
        with suppress(MeritsError):  # the shipper says that the store is away
            n_forgotten = await asyncio.to_thread(forget_what_is_over, store, tasks, time.time())
            if n_forgotten:
                note("forgotten", f"the content of {n_forgotten} requests, whose time was over")
            wait_s = every_s
        await asyncio.sleep(wait_s)
