"""HTTP on the wire: uvicorn's protocol, with bounds on what a few clients could tie up a server with.

uvicorn waits for ever for a head that never ends, and keeps all of it; it takes fields behind a body (trailers) for
headers; and it leaves a connection open whose body never ends, though it was answered.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from merits.serving.refusals import error_body

__all__ = ["Exchange", "bounded", "most_connections"]

_MOST_HEAD = 32 * 1024
_KEPT_FILES = 256  # file descriptors that are not for clients: journals, stores, models, calls to providers


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

    def abort(self) -> None:
        """Ends the connection at once, whatever is still on the way to the client."""
        self._cycle.transport.abort()

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


def most_connections() -> int:
    """How many clients may be connected to one worker, by the file descriptors that it may have."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 2048
    may = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 65_536 if may == resource.RLIM_INFINITY else max(16, may - _KEPT_FILES, may // 2)


def bounded(head_s: float, most: int | None = None) -> type[HttpToolsProtocol]:
    """The protocol with so many seconds for a head, and for what is left of a body once its request is answered.

    Of more than `most` clients at once the last are turned away.
    """
    most_open = most or most_connections()

    class Bounded(HttpToolsProtocol):
        _head_bytes = 0
        _beside_bytes = 0  # that came since the last of the body, and are none of it
        _in_head = True
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > most_open:
                transport.abort()
                return
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
            self._beside_bytes += len(data)
            super().data_received(data)
            if not self._in_head and self._beside_bytes > _MOST_HEAD:
                self._end(431, "head_too_long", f"Behind the body are more than {_MOST_HEAD} bytes.")

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._in_head:  # what comes behind a body decides nothing: proxies did not look at it
                super().on_header(name, value)

        def on_body(self, body: bytes) -> None:
            self._beside_bytes = 0
            super().on_body(body)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.cycle.response_complete and self.cycle.more_body and self._timer is None:
                self._timer = self.loop.call_later(head_s, self._late)

        def on_message_begin(self) -> None:
            self._in_head = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head, self._head_bytes, self._beside_bytes = False, 0, 0
            self._stop_timer()
            super().on_headers_complete()
            self.scope["merits.exchange"] = Exchange(self.cycle)  # type: ignore[typeddict-unknown-key]

        def on_message_complete(self) -> None:
            self._in_head, self._head_bytes = True, 0
            self._stop_timer()
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
