"""HTTP on the wire: uvicorn's protocol, with bounds on how long and how large the head of a request may be.

uvicorn waits for ever for a head that never ends, and keeps all of it; both are how a few clients tie up a server.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from merits.serving.refusals import error_body

__all__ = ["Exchange", "bounded"]

_MOST_HEAD = 32 * 1024


class Exchange:
    """The short ways of a request that came whole and is answered whole, beside those that ASGI has."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def body(self) -> bytes | None:
        """The body of a request that has come whole; None where it must be waited for."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or cycle.response_complete or cycle.waiting_for_100_continue:
            return None
        cycle.flow.resume_reading()
        body, cycle.body = bytes(cycle.body), bytearray()
        cycle.message_event.clear()
        return body

    def reply(self, status: int, head: bytes, body: bytes) -> bool:
        """Sends a whole answer by one write; False where the usual way must be taken. `head` is lines of our headers.

        The usual way looks at each header with two regular expressions, and writes twice: a tenth of a request.
        """
        return _reply(self._cycle, status, head, body)


def _reply(cycle: RequestResponseCycle, status: int, head: bytes, body: bytes) -> bool:
    if cycle.response_started or cycle.flow.write_paused:
        return False
    if cycle.disconnected:
        return True
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    if b"connection: close" in head:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        head += b"connection: close\r\n"
    dated = b"".join([b"%b: %b\r\n" % header for header in cycle.default_headers])
    shown = b"" if cycle.scope["method"] == "HEAD" else body
    cycle.transport.write(b"".join((STATUS_LINE[status], dated, head, b"\r\n", shown)))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def bounded(head_s: float) -> type[HttpToolsProtocol]:
    """The protocol with so many seconds for a head."""

    class Bounded(HttpToolsProtocol):
        _head_bytes = 0
        _in_head = True
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._timer = self.loop.call_later(head_s, self._late)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._in_head:
                self._head_bytes += len(data)
                super().data_received(data)
                if self._in_head and self._head_bytes:
                    if self._head_bytes > _MOST_HEAD:
                        self._end(431, "head_too_long", f"The head is longer than {_MOST_HEAD} bytes.")
                    elif self._timer is None:
                        self._timer = self.loop.call_later(head_s, self._late)
                return
            super().data_received(data)

        def on_message_begin(self) -> None:
            self._in_head = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head, self._head_bytes = False, 0
            self._stop_timer()
            super().on_headers_complete()
            self.scope["merits.exchange"] = Exchange(self.cycle)  # type: ignore[typeddict-unknown-key]

        def on_message_complete(self) -> None:
            self._in_head, self._head_bytes = True, 0
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            self._end(400, "invalid_http", msg)

        def _late(self) -> None:
            self._timer = None
            if self.transport is not None and not self.transport.is_closing():
                if self._head_bytes:
                    self._end(408, "slow_head", f"The head did not arrive within {head_s:g} s.")
                else:
                    self.transport.close()

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _end(self, status: int, code: str, text: str) -> None:
            if self.transport.is_closing():
                return
            if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
                self.transport.abort()  # an answer is on its way: nothing may be written into it
                return
            body = error_body(status, code, text)
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
            self.transport.close()

    return Bounded
