"""The provider that `calls` asks, in a process of its own: the fake provider, or one that only pushes bytes.

Ends when its standard input is closed, and then prints when the first request came and how many came.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from merits.testing.provider import FakeProvider

ANSWER = "positive"


@dataclass
class Arrivals:
    """When the first request came (`time.time()`, 0 for none) and how many came."""

    first: float = 0.0
    count: int = 0
    address: str = ""

    def note(self) -> None:
        """One more."""
        if not self.count:
            self.first = time.time()
        self.count += 1


@contextlib.contextmanager
def provider(latency_s: float, *, lean: bool) -> Iterator[Arrivals]:
    """A provider in its own process; what it counted is in the arrivals once it has ended."""
    command = [sys.executable, "-m", "benchmarks._provider", "--latency", str(latency_s), *(["--lean"] if lean else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        arrivals = Arrivals(address=process.stdout.readline().strip())
        try:
            yield arrivals
        finally:
            process.stdin.close()
            told = msgspec.json.decode(process.stdout.readline())
            arrivals.first, arrivals.count = told["first"], told["count"]


def main(argv: Sequence[str]) -> None:
    """Serves until standard input is closed."""
    parser = argparse.ArgumentParser("provider", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--lean", action="store_true")
    options = parser.parse_args(argv)
    arrivals = Arrivals()
    if options.lean:
        asyncio.run(_lean(arrivals, options.latency))
    else:
        _fake(arrivals, options.latency)
    print(msgspec.json.encode({"first": arrivals.first, "count": arrivals.count}).decode())


def _fake(arrivals: Arrivals, latency_s: float) -> None:
    def reply(messages: Sequence[Mapping[str, object]]) -> str:
        arrivals.note()
        if arrivals.count % 1000 == 0:
            fake.requests.clear()  # its ledger would fill the memory
        return ANSWER

    with FakeProvider(reply, latency_s=latency_s) as fake:
        print(fake.base_url, flush=True)
        sys.stdin.read()


_BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1764051181,"model":"fake","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"positive"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens"'
    b':1,"total_tokens":13}}'
)
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


@dataclass
class _Lean(asyncio.Protocol):
    """Answers whatever comes with the same bytes."""

    arrivals: Arrivals
    latency_s: float
    loop: asyncio.AbstractEventLoop
    read: bytes = b""
    transport: asyncio.Transport | None = field(default=None, init=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, found, rest = self.read.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0) if found else 0
        if not found or len(rest) < length:
            return
        self.read = rest[length:]
        self.arrivals.note()
        if self.latency_s:
            self.loop.call_later(self.latency_s, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        assert self.transport is not None
        self.transport.write(_REPLY)


async def _lean(arrivals: Arrivals, latency_s: float) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: _Lean(arrivals, latency_s, loop), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()
    server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
