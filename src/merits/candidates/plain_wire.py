"""HTTP/1.1 on the event loop itself, for short questions over plain connections: a server on one's own network.

The client of `wire` works in threads of its own, and each reply takes two changes of thread to come back: in a gateway
that is busy answering, 0.2 ms of CPU a call (of 0.7). This one has none, and nothing else either: no TLS, no proxies,
no redirects, no cookies, no compression. One call at a time on each connection. Knows nothing about what is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple, cast
from urllib.parse import urlsplit

__all__ = ["LostReply", "NoConnection", "PlainClient", "Reply"]

_IDLE_S = 30.0
_MOST_HEAD = 64 * 2**10
_NO_BODY = (204, 304)


class Reply(NamedTuple):
    """What came back, whatever the status; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoConnection(Exception):
    """There was no connection, so nothing was sent; `late` where nobody said so."""

    def __init__(self, text: str, *, late: bool = False) -> None:
        super().__init__(text)
        self.late = late


class LostReply(Exception):
    """It was sent, and no reply came that can be read; `late` where it did not come in time."""

    def __init__(self, text: str, *, late: bool = False) -> None:
        super().__init__(text)
        self.late = late


class PlainClient:
    """Asks one address. May be used by many tasks at once, and from one event loop after the other.

    `headers` go with every request. A caller that is cancelled closes the connection, and so does `timeout_s`.
    """

    def __init__(
        self, base_url: str, headers: Mapping[str, str], *, connect_s: float, timeout_s: float | None = None
    ) -> None:
        parts = urlsplit(base_url)
        assert parts.hostname is not None
        self._host, self._port, self._path = parts.hostname, parts.port or 80, parts.path
        lines = {"Host": parts.netloc, "Accept": "*/*", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("ascii")
        self._connect_s, self._timeout_s = connect_s, timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[_Link] = []
        self._ending: AsyncGenerator[None, None] | None = None
        self._starts: dict[str, bytes] = {}

    @staticmethod
    def can_ask(base_url: str) -> bool:
        """Whether an address is one for this client: without TLS, and spelled plainly."""
        return base_url.startswith("http://") and base_url.isascii() and base_url.isprintable() and " " not in base_url

    async def post(self, path: str, data: bytes) -> Reply:
        """The reply to a POST of JSON. Raises NoConnection or LostReply."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # connections of another one are of no use here
            self._loop, self._idle = loop, []
            self._ending = self._closed_with_the_loop()
            await anext(self._ending)
        link = self._take() or await self._connected(loop)
        start = self._starts.get(path)
        if start is None:
            start = f"POST {self._path}{path} HTTP/1.1\r\n".encode("ascii") + self._head
            start = self._starts[path] = start + b"Content-Type: application/json\r\nContent-Length: "
        waiting = link.ask(b"%b%d\r\n\r\n%b" % (start, len(data), data))
        timer = None if self._timeout_s is None else loop.call_later(self._timeout_s, link.late)
        try:
            reply = await waiting
        except BaseException:
            link.end()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if link.is_open:
            link.since = time.monotonic()
            self._idle.append(link)
        return reply

    async def close(self) -> None:
        """Closes the connections that nobody uses. May be called twice."""
        if self._loop is asyncio.get_running_loop():
            while self._idle:
                self._idle.pop().end()

    async def _closed_with_the_loop(self) -> AsyncGenerator[None, None]:
        """What an event loop does last is to close what is still being generated."""
        idle = self._idle
        try:
            yield
        finally:
            while idle:
                idle.pop().end()

    def _take(self) -> _Link | None:
        idle = self._idle
        while idle:
            link = idle.pop()
            if link.is_open and time.monotonic() - link.since < _IDLE_S:
                return link
            link.end()
        return None

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> _Link:
        try:
            async with asyncio.timeout(self._connect_s):
                _, link = await loop.create_connection(lambda: _Link(loop), self._host, self._port)
        except TimeoutError:
            raise NoConnection("no connection: it took too long", late=True) from None
        except OSError as problem:
            raise NoConnection(problem.strerror or str(problem)) from None
        return link


class _Link(asyncio.Protocol):
    """One connection: writes a question, reads its reply. `is_open` until it can be used no more."""

    _until_eof: bool

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_open, self.since = True, 0.0
        self._loop = loop
        self._waiting: asyncio.Future[Reply] | None = None
        self._read = bytearray()
        self._reset()

    def ask(self, request: bytes) -> asyncio.Future[Reply]:
        """Sends a request; the future of its reply."""
        self._waiting = self._loop.create_future()
        self._transport.write(request)
        return self._waiting

    def late(self) -> None:
        """The reply is no longer waited for."""
        self._fail(LostReply("the reply did not come in time", late=True))

    def end(self) -> None:
        """Closes the connection."""
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():  # it speaks without being asked
            self.end()
            return
        self._read += data
        try:
            while self._status or self._has_head():
                if not self._has_body():
                    return
                if self._status >= 200:
                    self._give()
                    return
                self._reset()  # 100: go on
        except ValueError:
            self._fail(LostReply("the reply is no HTTP"))

    def eof_received(self) -> None:
        if self._status and self._until_eof:
            self._length = len(self._read)
            self._give()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(LostReply("the connection was closed before the whole reply was there"))

    def _reset(self) -> None:
        self._status, self._headers = 0, dict[str, str]()
        self._length, self._is_chunked, self._until_eof = 0, False, False
        self._body, self._at = bytearray(), 0

    def _has_head(self) -> bool:
        """Whether the head is there; then it is read. ValueError where it is none."""
        read = self._read
        end = read.find(b"\r\n\r\n")
        if end < 0:
            if len(read) > _MOST_HEAD:
                raise ValueError
            return False
        first, *lines = read[:end].decode("latin-1").split("\r\n")
        if not first.startswith("HTTP/1.") or not 100 <= int(first[9:12]) < 600:
            raise ValueError
        del read[: end + 4]
        headers = self._headers
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError
            headers[name.lower()] = value.strip(" \t")
        self._status = int(first[9:12])
        self._is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length")
        if self._status < 200 or self._status in _NO_BODY or self._is_chunked:
            pass
        elif length is None:
            self._until_eof = True
        elif length.isascii() and length.isdigit():
            self._length = int(length)
        else:
            raise ValueError
        if first[7] == "0" or "close" in headers.get("connection", "").lower():
            self.is_open = False
        return True

    def _has_body(self) -> bool:
        if self._is_chunked:
            return self._has_chunks()
        return not self._until_eof and len(self._read) >= self._length

    def _has_chunks(self) -> bool:
        """Whether the last chunk is there; takes what has come of them. ValueError where it is none."""
        read = self._read
        while True:
            end = read.find(b"\r\n", self._at)
            if end < 0:
                if len(read) - self._at > _MOST_HEAD:
                    raise ValueError
                return False
            size = int(read[self._at : end].partition(b";")[0], 16)
            if size == 0:
                last = read.find(b"\r\n\r\n", end)
                if last >= 0:
                    del read[: last + 4]
                    self._length = -1
                return last >= 0
            if size < 0:
                raise ValueError
            if len(read) < end + 2 + size + 2:
                return False
            self._body += read[end + 2 : end + 2 + size]
            self._at = end + 2 + size + 2

    def _give(self) -> None:
        """The reply is whole."""
        read, status, headers = self._read, self._status, self._headers
        if self._length < 0:
            body = bytes(self._body)
        else:
            body = bytes(read) if len(read) == self._length else bytes(read[: self._length])
            del read[: self._length]
        if read or self._until_eof:
            self.is_open = False  # more than was asked for
        self._reset()
        if not self.is_open:
            self._transport.abort()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Reply(status, headers, body))

    def _fail(self, problem: LostReply) -> None:
        self.end()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(problem)
