"""The servers that `gateway` compares, each in a process of its own: ours, a bare pass-through, and peers.

Prints its address, and ends when its standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.live import Rollout
from merits.core.price import Price
from merits.core.release import Release
from merits.core.serving import ServeSettings

__all__ = ["KEY_LINE", "NEEDS", "kept_in", "missing", "serve_app"]

NEEDS: dict[str, tuple[str, ...]] = {
    "bare": (),
    "merits": (),
    "starlette-aiohttp": ("starlette", "aiohttp"),
    "fastapi-httpx": ("fastapi", "httpx"),
    "litellm": ("litellm", "fastapi"),
}
"""What each needs beyond Merits' own packages."""
KEY_LINE = "key "
Main: TypeAlias = Callable[[str, socket.socket], Coroutine[Any, Any, None]]


def missing(name: str) -> list[str]:
    """The packages that a server needs and that are not installed."""
    return [package for package in NEEDS[name] if importlib.util.find_spec(package) is None]


async def _merits(upstream: str, sock: socket.socket) -> None:
    """Our gateway: keys are checked, and every answer is in the journal before it is given and goes to the store."""
    with tempfile.TemporaryDirectory() as folder:
        await kept_in(Path(folder), upstream, sock)


async def kept_in(folder: Path, upstream: str, sock: socket.socket) -> None:
    """Our gateway with everything in a folder, which may hold what an earlier one left."""
    from merits.serving.keys import new_key
    from merits.serving.telemetry import Log
    from merits.serving.unit import open_unit
    from merits.serving.worker import Place, quicken, running, serving
    from merits.store import open_live

    place = Place(folder / "releases", folder / "journal")
    with open("/dev/null", "w") as nothing:
        store = open_live(folder / "live.sqlite")
        key, record = new_key(now=time.time(), name="bench")
        if not store.releases("calls"):
            released = _release(upstream, place.releases / "calls" / "1")
            store.add([released, Rollout(task="calls", at=time.time(), champion=1)])
        store.add([record])
        settings = ServeSettings(concurrency=64)
        async with (
            running(settings, place, store, open_unit, log=Log(nothing)) as gateway,
            serving(settings, gateway, sock),
        ):
            quicken()
            print(KEY_LINE + key, flush=True)
            await _until_closed(sock)
            await asyncio.to_thread(gateway.desk.shipper.ship)
            print(f"stored {store.last_number('calls')}", flush=True)


def _release(upstream: str, folder: Path) -> Release:
    """A release of a chat candidate that asks upstream, in its folder."""
    from merits.candidates.registry import LoadContext, load
    from merits.evaluating.taught import Taught
    from merits.serving.packing import packed
    from merits.testing.serving import a_release

    price = Price(input_per_million=1.0, output_per_million=1.0)
    recipe = Candidate(name="fake", kind="chat", params={"model": "fake", "base_url": upstream}, price=price)
    context = LoadContext(task_kind="generation")
    folder.mkdir(parents=True)
    artefacts = packed(folder, [Taught(recipe, "v", load(recipe, context))], context)
    return replace(a_release("calls", kind="generation", candidate=recipe), artefacts=artefacts)


async def _bare(upstream: str, sock: socket.socket) -> None:
    """An ASGI application that does nothing but hand on, by the client that ours uses for addresses with TLS."""
    from pyreqwest.client import ClientBuilder

    client = ClientBuilder().http1_only().build()
    url = f"{upstream}/chat/completions"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        asked = client.post(url).header("Content-Type", "application/json").body_bytes(body)
        reply = await asked.build().send()
        said = bytes(await reply.bytes())
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    await serve_app(app, sock)


_SERVERS: dict[str, Main] = {"merits": _merits, "bare": _bare}


def _main_of(name: str) -> Main:
    """Ours, the bare one, or a peer's, which is imported only where its packages are."""
    if name in _SERVERS:
        return _SERVERS[name]
    peers: dict[str, Main] = importlib.import_module("benchmarks._peers.scripts.gateways").SERVERS
    return peers[name]


async def serve_app(app: Any, sock: socket.socket) -> None:
    """Serves an ASGI application until standard input is closed."""
    import uvicorn

    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, timeout_keep_alive=75
    )
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server._serve(sockets=[sock]))
    await _until_closed(sock)
    server.should_exit = True
    await task


async def _until_closed(sock: socket.socket) -> None:
    print(f"http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=wait, daemon=True).start()
    await closed.wait()


def main(argv: Sequence[str]) -> None:
    """Serves until standard input is closed."""
    import uvloop

    parser = argparse.ArgumentParser("server", description=__doc__)
    parser.add_argument("name", choices=sorted(NEEDS))
    parser.add_argument("upstream")
    parser.add_argument("--profile", metavar="FILE")
    parser.add_argument("--folder", type=Path, help="keep everything there (ours only)")
    options = parser.parse_args(argv)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    if options.folder:
        uvloop.run(kept_in(options.folder, options.upstream, sock))
        return
    if options.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.runcall(uvloop.run, _main_of(options.name)(options.upstream, sock))
        profile.dump_stats(options.profile)
        return
    uvloop.run(_main_of(options.name)(options.upstream, sock))


if __name__ == "__main__":
    main(sys.argv[1:])
