"""Half an hour of traffic in a minute, with a kill -9 in the middle: answers given and lost, and memory that grew.

36,000 requests (20 a second for 30 minutes) by 16 connections through the gateway, which asks the fake provider, checks
a key, and has every answer in its journal and then in the store. Half way it is killed and begun anew on what it left.
`lost` are answers that a client was given and the store does not have; `growth_mb` is the process's own memory at the
end (without the files that it maps) less that when a quarter was left: by then caches are full.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from benchmarks._gateway_servers import KEY_LINE
from benchmarks._markdown import markdown
from benchmarks._provider import provider


def main(argv: Sequence[str]) -> dict[str, object]:
    """The figures; AssertionError where an answer was lost."""
    parser = argparse.ArgumentParser("soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=36_000)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args(argv)
    given: list[str] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, provider(0.0, lean=True) as upstream:
        server, url, key = _begun(Path(folder), upstream.address)
        asyncio.run(_load(url, key, given, options.requests // 2, connections=options.connections, sizes=[]))
        server.kill()
        server.communicate()
        again = time.monotonic()
        server, url, key = _begun(Path(folder), upstream.address)
        back_s = time.monotonic() - again
        sizes: list[float] = []
        load = _load(url, key, given, options.requests, connections=options.connections, sizes=sizes, pid=server.pid)
        asyncio.run(load)
        server.communicate()  # closes its input: it ends in order
        lost = set(given) - _stored(Path(folder))
    figures: dict[str, object] = {
        "requests": len(given),
        "seconds": round(time.monotonic() - begun, 1),
        "lost": len(lost),
        "back_s": round(back_s, 2),
        "peak_mb": round(max(sizes), 1),
        "growth_mb": round(sizes[-1] - sizes[len(sizes) // 2], 1),
    }
    print("own memory, MB:", [round(size) for size in sizes[:: max(1, len(sizes) // 12)]], file=sys.stderr)
    if lost:
        raise AssertionError(f"{len(lost)} answers were lost: {sorted(lost)[:3]}")
    return {"gateway": figures}


def _begun(folder: Path, upstream: str) -> tuple[subprocess.Popen[str], str, str]:
    command = [sys.executable, "-m", "benchmarks._gateway_servers", "merits", upstream, "--folder", str(folder)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    key = server.stdout.readline().strip().removeprefix(KEY_LINE)
    return server, server.stdout.readline().strip(), key


async def _load(
    url: str, key: str, given: list[str], upto: int, *, connections: int, sizes: list[float], pid: int = 0
) -> None:
    where = urlsplit(url)
    message = {"role": "user", "content": "Is this review positive? The film was a delight."}
    body = msgspec.json.encode({"model": "merits/calls", "messages": [message]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {key}\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def client() -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while len(given) < upto:
            writer.write(request)
            came = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            headers = dict(line.split(": ", 1) for line in came.split("\r\n")[1:] if ": " in line)
            await reader.readexactly(int(headers["content-length"]))
            if " 200 " not in came[:20]:
                raise AssertionError(came)
            given.append(headers["x-request-id"])
        writer.close()

    async def watch() -> None:
        while True:
            with suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                sizes.append(int(status.partition("RssAnon:")[2].split()[0]) / 1024)
            await asyncio.sleep(0.25)

    watching = asyncio.ensure_future(watch()) if pid else None
    await asyncio.gather(*(client() for _ in range(connections)))
    if watching is not None:
        watching.cancel()


def _stored(folder: Path) -> set[str]:
    from merits.store import open_live

    store, found, after = open_live(folder / "live.sqlite", write=False), set[str](), 0
    while some := store.served("calls", after=after):
        found.update(numbered.record.request for numbered in some)
        after = some[-1].number
    store.close()
    return found


def table(figures: Mapping[str, Mapping[str, object]]) -> str:
    """The figures as Markdown."""
    columns = {
        "requests": "requests",
        "seconds": "seconds",
        "lost": "answers lost",
        "back_s": "s to be back",
        "peak_mb": "peak MB",
        "growth_mb": "MB grown",
    }
    return markdown(columns, figures)
