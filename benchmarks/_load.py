"""A cheap generator of load: so many connections, each with one request at a time, for some seconds.

A bare asyncio protocol on uvloop, in a process of its own, so that what is measured is the server.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import msgspec

__all__ = ["Load"]


class Load(msgspec.Struct):
    """What came of it. Latencies are seconds; `errors` are replies of another status than 200."""

    requests: int
    seconds: float
    p50_s: float
    p99_s: float
    errors: int


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, times: list[float], errors: list[bytes]) -> None:
        self.request, self.times, self.errors = request, times, errors
        self.read = b""
        self.start = 0.0
        self.stopped = asyncio.get_running_loop().create_future()
        self.stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.read = self.read + data if self.read else data
        end = self.read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.read[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self.read) < end + 4 + length:
            return
        self.times.append(time.perf_counter() - self.start)
        if head[9:12] != b"200":
            self.errors.append(self.read[:500])
        self.read = b""
        if self.stopping:
            self.transport.close()
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stopped.done():
            self.stopped.set_result(None)
        if not self.stopping:
            self.errors.append(b"connection lost")

    def _ask(self) -> None:
        self.start = time.perf_counter()
        self.transport.write(self.request)


async def load(url: str, body: bytes, key: str, connections: int, seconds: float) -> Load:
    """Asks for so long and says what came of it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    host, port = parts.hostname, parts.port
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {key}\r\n" if key else ""
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    loop, times, errors = asyncio.get_running_loop(), list[float](), list[bytes]()
    made = [
        await loop.create_connection(lambda: _Connection(request, times, errors), host, port)
        for _ in range(connections)
    ]
    begun, n = time.perf_counter(), len(times)
    await asyncio.sleep(seconds)
    took, asked = time.perf_counter() - begun, times[n:]
    for _, connection in made:
        connection.stopping = True
    await asyncio.wait([connection.stopped for _, connection in made], timeout=5.0)
    if errors:
        print(errors[0].decode(errors="replace"), file=sys.stderr)
    asked.sort()
    count = len(asked)
    return Load(count, took, asked[count // 2], asked[count * 99 // 100], len(errors))


def main(argv: Sequence[str]) -> None:
    """Prints what came of it as JSON."""
    import uvloop

    parser = argparse.ArgumentParser("load", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--key", default="")
    parser.add_argument("--model", default="fake")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args(argv)
    message = {"role": "user", "content": "Is this review positive? The film was a delight from start to finish."}
    body = msgspec.json.encode({"model": options.model, "messages": [message]})
    came = uvloop.run(load(options.url, body, options.key, options.connections, options.seconds))
    print(msgspec.json.encode(came).decode())


if __name__ == "__main__":
    main(sys.argv[1:])
