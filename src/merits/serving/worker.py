"""One worker process: puts the gateway together, serves it, follows the live store, and loses nothing at its end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merits.core.doors import LiveStore
from merits.core.errors import MeritsError, MissingExtra
from merits.core.live import ApiKey, Rollout
from merits.core.release import Release
from merits.core.serving import ServeSettings
from merits.serving.app import Gateway
from merits.serving.clock import SteadyClock
from merits.serving.desk import Desk
from merits.serving.fleet import Fleet, Opener
from merits.serving.forgetting import forget_in_turn
from merits.serving.journal import RESERVE, Entry, Journal
from merits.serving.keys import Keyring, month_began
from merits.serving.rates import LocalRates, SharedRates
from merits.serving.refusals import Refusal
from merits.serving.shipping import Shipper
from merits.serving.telemetry import Log, Metrics
from merits.serving.tracing import tracer_to

if TYPE_CHECKING:
    from uvicorn import Server

__all__ = ["STOPS", "Place", "quicken", "running", "serve_worker", "serving"]

STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
_EVERY_S = 1.0
_SEGMENT = 8 * 2**20


@dataclass(frozen=True)
class Place:
    """Where a server keeps what: releases, journals, and what its workers share; which tasks it serves (() is all)."""

    releases: Path
    journal: Path
    tasks: tuple[str, ...] = ()
    shared: Path | None = None  # of several workers
    user_secret: bytes = b""


@asynccontextmanager
async def running(
    settings: ServeSettings,
    place: Place,
    store: LiveStore,
    opener: Opener,
    *,
    log: Log | None = None,
    version: str = "",
) -> AsyncIterator[Gateway]:
    """The gateway with everything behind it at work; on leaving, what was answered is shipped.

    Raises StoreError where the store cannot be reached at the start, DiskFull where there is no room for the journal.
    """
    log = log or Log()
    shared, clock = place.shared, SteadyClock()
    keyring = Keyring(SharedRates(shared) if shared is not None else LocalRates(), clock=clock)
    fleet = Fleet(place.releases, opener, note=log.event)
    needed = 2 * RESERVE * (settings.concurrency + settings.shadows + 4)
    journal = _opened_journal(place, max(_SEGMENT, needed), settings)
    shipper = Shipper(journal, store, sync=settings.sync, note=log.event)
    desk = Desk(
        settings,
        fleet,
        journal,
        shipper,
        metrics=Metrics(),
        log=log,
        tracer=tracer_to(settings.traces),
        user_secret=place.user_secret,
    )

    def shipped(entries: list[Entry]) -> None:
        desk.shipped(entries)
        keyring.shipped(entries)

    shipper.told(shipped)
    shipper.start()
    gateway = Gateway(desk, keyring, store, version=version, clock=clock)
    await _open(gateway, *await _looked(gateway, store, place.tasks), log)
    at_work = (
        _follow(gateway, store, place.tasks, log),
        _flush(log, desk.metrics),
        desk.overdue.watch(),
        forget_in_turn(store, place.tasks, log.event, folder=place.journal),
    )
    following = [asyncio.ensure_future(each) for each in at_work]
    try:
        yield gateway
    finally:
        for task in following:
            task.cancel()
        await desk.close()
        await fleet.close()
        await asyncio.to_thread(shipper.stop)
        journal.close()
        if desk.tracer is not None:
            await asyncio.to_thread(desk.tracer.close)
        log.close()


def _opened_journal(place: Place, segment_bytes: int, settings: ServeSettings) -> Journal:
    from merits.core.errors import DiskFull

    try:
        return Journal(place.journal, segment_bytes=segment_bytes, most_bytes=settings.journal_bytes)
    except OSError as problem:
        raise DiskFull(
            f"the journal cannot be made in {place.journal}: {problem.strerror or problem}.",
            f"It takes {2 * segment_bytes // 2**20} MiB for each worker.",
        ) from None


async def _follow(gateway: Gateway, store: LiveStore, tasks: Sequence[str], log: Log) -> None:
    """Looks at the store every second for as long as the server runs. Keys do not wait for a release that opens."""
    opening: asyncio.Task[None] | None = None
    told = ""
    try:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                changed = await _looked(gateway, store, tasks)
                if changed[0] and (opening is None or opening.done()):
                    opening = asyncio.ensure_future(_open(gateway, *changed, log))
                told = ""
            except MeritsError:  # the shipper says that the store is away; what was known goes on to count
                pass
            except Exception as problem:  # noqa: BLE001 (a server that follows nobody would let revoked keys in)
                said = f"what serves and who may ask could not be renewed: {type(problem).__name__}: {problem}"
                if said != told:
                    log.event("following", said, "error")
                    told = said
    finally:
        if opening is not None:
            opening.cancel()


async def _flush(log: Log, metrics: Metrics) -> None:
    while True:
        await asyncio.sleep(0.25)
        with suppress(OSError, ValueError):  # metrics of several workers are files
            log.flush()
            metrics.flush()


async def _looked(
    gateway: Gateway, store: LiveStore, tasks: Sequence[str]
) -> tuple[dict[str, Rollout], dict[str, Sequence[Release]]]:
    """The rollouts that are not in force yet, and their releases; who may ask is renewed."""
    keyring = gateway.keyring
    known = {task: line.rollout for task, line in gateway.desk.fleet.lines.items()}
    arrived = keyring.arrived()
    opened = [one for line in gateway.desk.fleet.lines.values() for one in line.units.values()]
    promised = max((one.promised_cost for one in opened), default=0.0)
    keys, spent, rollouts, releases = await asyncio.to_thread(
        _read, store, tasks, known, budgeted=keyring.budgeted, now=gateway.clock(), promised=promised
    )
    keyring.renew(keys, spent, arrived)
    return rollouts, releases


async def _open(
    gateway: Gateway, rollouts: Mapping[str, Rollout], releases: Mapping[str, Sequence[Release]], log: Log
) -> None:
    if rollouts:
        await gateway.desk.fleet.renew(rollouts, releases)
        _tell_unbounded(gateway.keyring, gateway.desk.fleet, rollouts, log)


def _tell_unbounded(keyring: Keyring, fleet: Fleet, changed: Collection[str], log: Log) -> None:
    """Says which keys are refused by what serves now, because their budget would not bound what it costs."""
    for task in changed:
        line = fleet.lines.get(task)
        for holder in keyring.holders if line is not None else ():
            if holder.tasks and task not in holder.tasks:
                continue
            for opened in line.units.values() if line is not None else ():
                try:
                    holder.must_bound(opened.model, opened.billed_in)
                except Refusal as refusal:
                    log.event("budget", f"{holder.key.name or holder.key.id}: {refusal}", "warning")


def _read(
    store: LiveStore,
    tasks: Collection[str],
    known: Mapping[str, Rollout],
    *,
    budgeted: Mapping[str, str],
    now: float,
    promised: float,
) -> tuple[Sequence[ApiKey], dict[str, float], dict[str, Rollout], dict[str, Sequence[Release]]]:
    """What the store says now: keys, what they spent this month, and rollouts that are not in force yet."""
    keys = store.keys()
    since = month_began(now)
    limited = {key.id: key.currency for key in keys if key.budget is not None and key.revoked_at is None}
    limited = {**budgeted, **limited}
    spent = {key: store.spent(key, since, currency, promised) for key, currency in limited.items()}
    changed: dict[str, Rollout] = {}
    for task in tasks or store.tasks():
        rollouts = store.rollouts(task)
        if rollouts and known.get(task) != rollouts[-1]:
            changed[task] = rollouts[-1]
    return keys, spent, changed, {task: store.releases(task) for task in changed}


async def serve_worker(
    settings: ServeSettings,
    place: Place,
    store: LiveStore,
    opener: Opener,
    sock: socket.socket,
    *,
    version: str = "",
    log: Log | None = None,
    parent: int | None = None,
) -> None:
    """Serves on a socket until the process is told to stop (SIGTERM, SIGINT, SIGHUP), and then ends what is in flight.

    `parent` is a file descriptor that ends when the process is gone that began this one.
    """
    quicken()
    log = log or Log()
    async with running(settings, place, store, opener, log=log, version=version) as gateway:
        server = _server(settings, gateway)
        sock.listen(2048)
        address = sock.getsockname()
        log.event("listening", f"http://{address[0]}:{address[1]} (process {os.getpid()})")
        with _told_to_stop(server, parent):
            await server._serve(sockets=[sock])
        log.event("stopped", f"process {os.getpid()}")
    log.close()


@contextmanager
def _told_to_stop(server: Server, parent: int | None) -> Iterator[None]:
    """Signals end the server in order. uvicorn's own handlers raise them again at its end, before ours."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for name in STOPS:
        loop.add_signal_handler(name, stop)
    if parent is not None:
        loop.add_reader(parent, _parent_gone, loop, parent, stop)
    try:
        yield
    finally:
        for name in STOPS:
            loop.remove_signal_handler(name)
            signal.signal(name, signal.SIG_IGN)  # what is left is short: a second one must not cut it


def _parent_gone(loop: asyncio.AbstractEventLoop, parent: int, stop: Callable[[], object]) -> None:
    loop.remove_reader(parent)
    stop()


def quicken() -> None:
    """Sets this process up for many short requests.

    What was imported is no garbage, and looking for some took 1 ms in 100 requests; and a thread that ships may hold
    the interpreter for 0.2 ms at a time, not for the usual 5, in which an answer would wait.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(2e-4)


@asynccontextmanager
async def serving(settings: ServeSettings, gateway: Gateway, sock: socket.socket) -> AsyncIterator[None]:
    """Serves on a socket while the block lasts, without minding signals: for a program of somebody else's."""
    server = _server(settings, gateway)
    task = asyncio.ensure_future(server._serve(sockets=[sock]))
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _server(settings: ServeSettings, gateway: Gateway) -> Server:
    try:
        import uvicorn
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
    except ModuleNotFoundError:
        raise MissingExtra("merits serve needs uvicorn.", "pip install 'merits[serve]'") from None
    from merits.serving.protocol import bounded

    app = ProxyHeadersMiddleware(gateway, list(settings.proxies)) if settings.proxies else gateway  # type: ignore[arg-type]
    config = uvicorn.Config(
        app,
        http=bounded(settings.head_s),
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(settings.drain_s)),
        backlog=2048,
    )

    class Draining(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            gateway.closing = True
            await super().shutdown(sockets)

    return Draining(config)
