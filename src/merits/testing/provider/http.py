"""The smallest HTTP/1.1 server that can also misbehave: it cuts connections, stalls in the headers, lies about length.

A framework's server is kept from doing that, and costs more than the clients that it is there to measure: with
aiohttp's a request took nearly twice the CPU (0.33 instead of 0.18 ms). Knows nothing about models, limits or money.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import unquote

__all__ = ["Call", "Connection", "Handler", "Reply"]

_LONGEST_HEAD = 64 * 1024


@dataclass(slots=True)
class Call:
    """One request as it came; header names are in lower case, `path` is without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """What is sent back: a body, or `parts` that are streamed one by one, `pause_s` apart.

    `cut` ends the connection after half of it, as if it were lost.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[bytes] = ()
    pause_s: float = 0.0
    cut: bool = False


Handler: TypeAlias = Callable[[Call, "Connection"], None]


class Connection(asyncio.Protocol):
    """One client's connection: requests are handled one after the other, each by `handle(call, connection)`.

    The handler answers at once or later, by one of `send`, `abort`, `stall`, or never. `on_lost` is called when the
    client goes away before it was answered.
    """

    def __init__(self, handle: Handler, opened: set[Connection]) -> None:
        self._handle = handle
        self._opened = opened
        self._buffer = bytearray()
        self._busy = self._parsing = False
        self._close_after = False
        self.on_lost: Callable[[], None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opened.add(self)

    def connection_lost(self, problem: Exception | None) -> None:
        self._opened.discard(self)
        self._answered_by_silence()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._parse()

    @property
    def closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport.is_closing()

    def send(self, reply: Reply) -> None:
        """Answers the request that is being handled."""
        if self._transport.is_closing():
            self._answered_by_silence()
            return
        self.on_lost = None
        if reply.parts:
            self._stream(reply, 0)
            return
        whole = _head(reply, f"Content-Length: {len(reply.body)}") + reply.body
        if reply.cut:
            self._transport.write(whole[: len(whole) - (len(reply.body) + 1) // 2])
            self._transport.close()
            return
        self._transport.write(whole)
        self._done()

    def stall(self, reply: Reply, seconds: float) -> None:
        """Answers with the first line only, and with the rest after `seconds`."""
        whole = _head(reply, f"Content-Length: {len(reply.body)}") + reply.body
        first = whole.index(b"\r\n") + 2
        self.on_lost = None
        self._transport.write(whole[:first])
        asyncio.get_running_loop().call_later(seconds, self._rest, whole[first:])

    def abort(self) -> None:
        """Cuts the connection at once: the client sees a reset."""
        self.on_lost = None
        self._transport.abort()

    def close(self) -> None:
        """Ends the connection."""
        self._transport.abort()

    def _rest(self, rest: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(rest)
            self._done()

    def _stream(self, reply: Reply, n: int) -> None:
        if self._transport.is_closing():
            return
        last = len(reply.parts) // 2 if reply.cut else len(reply.parts)
        sent = [] if n else [_head(reply, "Transfer-Encoding: chunked")]
        upto = min(n + 1, last) if reply.pause_s else last
        sent += [b"%x\r\n%b\r\n" % (len(part), part) for part in reply.parts[n:upto]]
        if upto < last:
            self._transport.write(b"".join(sent))
            asyncio.get_running_loop().call_later(reply.pause_s, self._stream, reply, upto)
            return
        self._transport.write(b"".join(sent) if reply.cut else b"".join([*sent, b"0\r\n\r\n"]))
        if reply.cut:
            self._transport.close()
        else:
            self._done()

    def _done(self) -> None:
        self._busy = False
        if self._close_after:
            self._transport.close()
        elif self._buffer and not self._parsing:
            self._parse()

    def _answered_by_silence(self) -> None:
        lost, self.on_lost = self.on_lost, None
        if lost is not None:
            lost()

    def _parse(self) -> None:
        self._parsing = True
        while self._buffer and not self._busy and not self._transport.is_closing():
            call = self._next_call()
            if call is None:
                break
            self._busy = True
            self._handle(call, self)
        self._parsing = False

    def _next_call(self) -> Call | None:
        """The next whole request in the buffer, taken out of it; None while it is not complete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                self._transport.abort()
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        found = self._body(headers, end + 4)
        if found is None:
            return None
        body, used = found
        del self._buffer[:used]
        method, _, rest = first.partition(" ")
        path, _, query = rest.partition(" ")[0].partition("?")
        self._close_after = headers.get("connection", "").lower() == "close" or rest.endswith("HTTP/1.0")
        return Call(method, unquote(path), query, headers, body)

    def _body(self, headers: Mapping[str, str], start: int) -> tuple[bytes, int] | None:
        """The body and where it ends; None while it is not complete."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = _unchunked(self._buffer, start)
        else:
            length = int(headers.get("content-length") or 0)
            whole = len(self._buffer) >= start + length
            body = (bytes(self._buffer[start : start + length]), start + length) if whole else None
        if body is None and headers.get("expect", "").lower() == "100-continue" and len(self._buffer) == start:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return body


def _unchunked(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """The body in chunks (RFC 9112, section 7.1) and where it ends; None while it is not complete.

    >>> _unchunked(bytearray(b"2\\r\\nab\\r\\n1\\r\\nc\\r\\n0\\r\\n\\r\\n"), 0)
    (b'abc', 18)
    """
    chunks: list[bytes] = []
    while (end := buffer.find(b"\r\n", start)) >= 0:
        size = int(buffer[start:end].partition(b";")[0], 16)
        after = end + 2 + size + 2
        if len(buffer) < after:
            return None
        if size == 0:
            return b"".join(chunks), after
        chunks.append(bytes(buffer[end + 2 : after - 2]))
        start = after
    return None


_REASON = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


def _head(reply: Reply, length: str) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    status = f"HTTP/1.1 {reply.status} {_REASON.get(reply.status, 'Unknown')}"
    return f"{status}\r\nContent-Type: {reply.content_type}\r\n{more}{length}\r\n\r\n".encode("latin-1")
