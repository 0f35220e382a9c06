"""Serves what was released: finds the live store, the releases and the journal of a task, and runs the workers.

Where: everything is in `.merits/` beside the task file unless it is named. How a request is answered is in
`merits.serving`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from merits.core.doors import LiveStore
from merits.core.errors import MissingExtra, TaskError, UsageError
from merits.core.live import ApiKey
from merits.core.serving import ServeSettings
from merits.core.validate import did_you_mean
from merits.opening import place_of_live

__all__ = ["Where", "keys_of", "new_key", "open_keys", "opener_of", "revoke", "rotate", "serve", "where"]

_SECRET = "MERITS_USER_SECRET"
_TASK_FILES = (".yaml", ".yml", ".toml", ".json", ".py")
_LEAST_LIFE_S = 1.0
_DEFAULTS = ServeSettings()


@dataclass(frozen=True)
class Where:
    """What is served from where. `task` is "" for all tasks of the live store."""

    task: str
    folder: Path
    live: str
    settings: ServeSettings = _DEFAULTS
    version: str = ""  # of Merits, as it describes itself

    @property
    def releases(self) -> Path:
        """The folder of all releases."""
        return self.folder / ".merits" / "releases"

    @property
    def journal(self) -> Path:
        """The folder of the journals that go to this live store, and to no other."""
        place = str(Path(self.live).resolve())
        if "://" in self.live:  # without user and password: these may change while something waits
            parts = urlsplit(self.live)
            place = f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"
        return self.folder / ".merits" / "journal" / hashlib.blake2b(place.encode(), digest_size=4).hexdigest()


def where(target: str, live: str | None = None) -> Where:
    """What a task file, or the name of a task, means. Reads no data.

    A name that is no file is that of a task in the live store, and everything lies in `.merits/` of this folder.
    """
    from merits.tasks.file import how_served

    path = Path(target)
    task, settings, folder = target, ServeSettings(), Path()
    if path.suffix and (path.is_file() or path.suffix.lower() in _TASK_FILES):
        task, settings = how_served(path)
        folder = path.parent
    place = str(place_of_live(live, folder))
    return Where(task, folder, place, settings)


def serve(place: Where, *, ready: Callable[[str], object] = lambda address: None) -> int:
    """Serves until the process is told to stop; the exit code.

    Raises StoreError when the live store cannot be reached, TaskError when there is nothing to serve, UsageError when
    the address cannot be had.
    """
    _must_serve(place)
    sock = _socket(place.settings)
    ready(_address(sock))
    if place.settings.workers == 1:
        _run(_worker(place, sock, None))
        return 0
    with tempfile.TemporaryDirectory(prefix="merits-workers-") as shared:
        return _Workers(place, sock, Path(shared)).run()


def _must_serve(place: Where) -> None:
    """Fails before anything listens where nothing could be answered."""
    try:
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra("merits serve needs uvicorn.", "pip install 'merits[serve]'") from None
    if "://" not in place.live and not Path(place.live).is_file():  # which is not made for a name that was mistyped
        raise _nothing_serves(place, None)
    with _opened(place.live) as store:
        if not any(store.rollouts(task) for task in ([place.task] if place.task else store.tasks())):
            raise _nothing_serves(place, store)
        if place.settings.keys and all(key.revoked_at is not None for key in keys_of(store)):
            raise UsageError(
                "no API key lets anybody in.",
                "Make one: merits keys create --name ME. Or set `serve: {keys: false}` where everybody may ask.",
            )


def _nothing_serves(place: Where, store: LiveStore | None) -> TaskError:
    """With the next step: a release is there and waits, another task was meant, or none was released yet."""
    known = [] if store is None else list(store.tasks())
    waiting = [] if store is None or not place.task else store.releases(place.task)
    step = "Make one: merits release"
    files = [file for file in (f"{place.task}{suffix}" for suffix in _TASK_FILES) if Path(file).is_file()]
    if files and not waiting:
        step = f"A task file is named with its ending: merits serve {files[0]}"
    elif waiting:
        step = f"Let one serve: merits release --activate {waiting[-1].version}"
    elif place.task and known:
        step = did_you_mean(place.task, known)
    return TaskError(f"the live store has no release of {place.task or 'any task'!r} that serves.", step)


@contextmanager
def _opened(live: str, *, write: bool = True) -> Iterator[LiveStore]:
    from merits.store import open_live

    store = open_live(live, write=write)
    try:
        yield store
    finally:
        store.close()


async def _worker(place: Where, sock: socket.socket, shared: Path | None, parent: int | None = None) -> None:
    from merits.serving.worker import Place, serve_worker
    from merits.store import open_live

    served = Place(
        place.releases,
        place.journal,
        (place.task,) if place.task else (),
        shared / "rates" if shared is not None else None,
        _user_secret(place.folder),
    )
    store = open_live(place.live)
    try:
        await serve_worker(place.settings, served, store, opener_of(place), sock, version=place.version, parent=parent)
    finally:
        await asyncio.to_thread(store.close)


def opener_of(place: Where) -> Any:
    """What opens releases here: an async function of a release and its folder. It warms them up."""
    from merits.candidates.environment import environment
    from merits.candidates.registry import LoadContext
    from merits.core.release import Release
    from merits.serving.telemetry import Log
    from merits.serving.unit import Unit, open_unit

    env, log = dict(environment(LoadContext(folder=place.folder))), Log()
    changed = place.settings.allow_changed

    async def opened(release: Release, folder: Path) -> Unit:
        unit = await open_unit(
            release, folder, env=env, allow_changed=changed, note=lambda text: log.event("changed", text, "warning")
        )
        try:
            await unit.warm()  # so that no first request waits for weights, and what cannot be read does not serve
        except BaseException:
            await unit.close()
            raise
        return unit

    return opened


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ModuleNotFoundError:  # Windows
        asyncio.run(main)
    else:
        uvloop.run(main)


def _socket(settings: ServeSettings) -> socket.socket:
    """The one socket that all workers accept from."""
    sock: socket.socket | None = None
    try:
        info = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(info[0], info[1])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(info[4])
        sock.listen(2048)
    except OSError as problem:
        if sock is not None:
            sock.close()
        raise UsageError(
            f"{settings.host}:{settings.port} cannot be listened at: {problem.strerror or problem}.",
            "Give another: --port N (0 takes a free one).",
        ) from None
    return sock


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Workers:
    """Several processes that accept from one socket. One that ends by itself is begun anew.

    One socket, not one for each: what is queued at the socket of a process that died waits until another is up, which
    may take longer than clients wait. So the living take it.
    """

    def __init__(self, place: Where, sock: socket.socket, shared: Path) -> None:
        from merits.serving.rates import SharedRates

        self._place, self._sock, self._shared = place, sock, shared
        self._running: dict[int, float] = {}  # process: since when
        self._stopping = False
        self._alive, self._here = os.pipe()  # workers read the one end: when it ends, this process is gone
        SharedRates.create(shared / "rates")
        (shared / "metrics").mkdir()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared / "metrics")

    def run(self) -> int:
        """Runs until it is told to stop; 0, or 4 where workers cannot be kept alive."""
        from merits.serving.worker import STOPS

        for name in STOPS:
            signal.signal(name, self._stop)
        for _ in range(self._place.settings.workers):
            self._begin()
        quick = 0
        while self._running:
            try:
                pid, _ = os.wait()
            except ChildProcessError:
                break
            since = self._running.pop(pid, 0.0)
            self._forget(pid)
            if self._stopping:
                continue
            quick = quick + 1 if time.monotonic() - since < _LEAST_LIFE_S else 0
            if quick > 3 * self._place.settings.workers:
                self._stop(signal.SIGTERM, None)
                print("the workers end as soon as they begin; their last lines say why.", file=sys.stderr)  # noqa: T201
                return 4
            self._begin()
        return 0

    def _begin(self) -> None:
        pid = os.fork()
        if pid:
            self._running[pid] = time.monotonic()
            return
        code = 1
        try:
            from merits.serving.worker import STOPS

            for name in STOPS:
                signal.signal(name, signal.SIG_DFL)
            os.close(self._here)
            _run(_worker(self._place, self._sock, self._shared, self._alive))
            code = 0
        except BaseException as problem:  # noqa: BLE001 (the process ends here, and must not go on as its parent)
            from merits.core.secrets import redact

            print(redact(f"{type(problem).__name__}: {problem}"), file=sys.stderr, flush=True)  # noqa: T201
        finally:
            os._exit(code)

    def _forget(self, pid: int) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
        self._sock.close()  # nobody is to queue there once the workers accept no more
        for pid in self._running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _user_secret(folder: Path) -> bytes:
    """What users' names are hashed with: MERITS_USER_SECRET, else a random one that is kept beside the store."""
    given = os.environ.get(_SECRET)
    if given:
        return hashlib.blake2b(given.encode(), digest_size=32).digest()
    path = folder / ".merits" / "user-secret"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.stat().st_size < 32:  # the second: of a process that was killed half way
        fresh = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(fd)
        with suppress(FileNotFoundError):
            if path.stat().st_size < 32:
                path.unlink()
        with suppress(FileExistsError):  # another process was faster: all take the same
            os.link(fresh, path)
        fresh.unlink()
    return path.read_bytes()[:32]


@contextmanager
def open_keys(place: Where) -> Iterator[LiveStore]:
    """The live store of a task, in which its keys are."""
    with _opened(place.live) as store:
        yield store


def keys_of(store: LiveStore) -> Sequence[ApiKey]:
    """The keys, the newest last."""
    known: Sequence[ApiKey] = store.keys()
    return sorted(known, key=lambda key: key.at)


def new_key(store: LiveStore, record: tuple[str, ApiKey]) -> str:
    """The key, once its record is in the store.

    Raises UsageError where it has a budget and what serves now could not be counted against it.
    """
    key, kept = record
    if kept.budget is not None:
        _must_count(store, kept)
    store.add([kept])
    return key


def _must_count(store: LiveStore, key: ApiKey) -> None:
    for task in key.tasks or store.tasks():
        rollouts = store.rollouts(task)
        serving = {rollouts[-1].champion, rollouts[-1].challenger} if rollouts else set()
        for release in store.releases(task):
            if release.version in serving and release.billed_in != key.currency:
                in_what = f"is billed in {release.billed_in}" if release.billed_in else "has no price"
                raise UsageError(
                    f"{release.model} serves and {in_what}: a budget in {key.currency} would not bound what it costs.",
                    "Release it with a price in that currency (`prices:`, `machine_per_hour:`), or name the tasks that"
                    " the key is for: --only-task NAME",
                )


def rotate(store: LiveStore, id: str) -> str:
    """A new key in the place of an old one, with the same rights; the old one ends within about a second."""
    from merits.serving.keys import new_key as made

    old = _found(store, id)
    if old.revoked_at is not None:
        raise UsageError(f"the key {id!r} was revoked.", "Make a new one: merits keys create")
    key, fresh = made(now=time.time(), id=old.id)
    store.add([replace(old, hash=fresh.hash, at=fresh.at)])
    return key


def revoke(store: LiveStore, id: str) -> None:
    """Ends a key, within about a second."""
    now = time.time()
    store.add([replace(_found(store, id), at=now, revoked_at=now)])


def _found(store: LiveStore, id: str) -> ApiKey:
    keys = {key.id: key for key in keys_of(store)}
    if id in keys:
        return keys[id]
    named = [key for key in keys.values() if key.name and key.revoked_at is None]
    found = [key for key in named if key.name == id]
    if len(found) > 1:
        ids = ", ".join(key.id for key in found)
        raise UsageError(f"{len(found)} keys are called {id!r}.", f"Say which by its id: {ids} (the newest last).")
    if not found:
        known = [*keys, *(key.name for key in named)]
        raise UsageError(f"there is no key {id!r}.", did_you_mean(id, known) if known else "There is none yet.")
    return found[0]
