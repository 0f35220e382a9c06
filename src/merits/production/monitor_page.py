"""The monitor over HTTP: a page that draws itself anew, the same as JSON, and marks on alerts.

Raw ASGI, for it is six addresses. What is shown is made by whoever starts it; nothing is decided here.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

import msgspec

from merits.core.errors import MeritsError
from merits.core.secrets import redact
from merits.report.live import AlertLine, LiveView

__all__ = ["MonitorPage", "Watched"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ALERT = re.compile(r"^/alerts/([0-9a-f]{1,32})$")
_MARK = re.compile(r"^/api/alerts/([0-9a-f]{1,32})$")
_HERE = re.compile(rb"^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$")  # else a page elsewhere may be made to read this
_MOST_BYTES = 4_096
_JSON, _HTML = "application/json", "text/html; charset=utf-8"


class Watched(Protocol):
    """What the page shows, and whom it tells of marks. Called in threads."""

    def view(self) -> LiveView: ...

    def mark(self, alert: str, mark: Marking) -> bool:
        """Whether there is such an alert; it is marked then."""
        ...


class Marking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done about an alert: acknowledged, resolved, or silenced for so many hours."""

    mark: str
    hours: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.mark not in ("acknowledged", "resolved", "silenced"):
            raise ValueError(f"mark is {self.mark!r}: give acknowledged, resolved or silenced")
        if self.hours is not None and not 0 < self.hours < 100_000:
            raise ValueError(f"hours is {self.hours:g}: give more than 0 and fewer than 100,000")


class MonitorPage:
    """The ASGI application. With a `token`, nothing is shown or marked without `Authorization: Bearer TOKEN`.

    A view is made at most once in `fresh_s` seconds, however many look.
    """

    def __init__(self, watched: Watched, *, every_s: float = 5.0, token: str = "", fresh_s: float = 1.0) -> None:
        self._watched, self._every_s, self._fresh_s = watched, every_s, fresh_s
        self._token = _digest(token) if token else None
        self._lock, self._made = threading.Lock(), -float("inf")
        self._view: LiveView | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            status, kind, body = await self._reply(scope, receive)
            await _send(send, status, kind, body)

    async def _reply(self, scope: Scope, receive: Receive) -> tuple[int, str, bytes]:
        path, method = scope["path"], scope["method"]
        if path == "/healthz":
            return 200, _JSON, b'{"status":"ok"}'
        headers = {name.lower(): value for name, value in scope["headers"]}
        kept_out = self._kept_out(headers)
        if kept_out is not None:
            return kept_out
        try:
            if method in ("GET", "HEAD"):
                return await asyncio.to_thread(self._shown, path)
            marked = _MARK.match(path)
            if method == "POST" and marked:
                return await self._marked(marked[1], headers, receive)
        except MeritsError as problem:
            return 503, _JSON, _error(redact(str(problem)))
        return 405, _JSON, _error(f"{method} is not for {path[:80]}")

    def _kept_out(self, headers: MutableMapping[bytes, bytes]) -> tuple[int, str, bytes] | None:
        if self._token is None:
            if _HERE.match(headers.get(b"host", b"")):
                return None
            return 421, _JSON, _error("without a token only this machine is answered, under its own name")
        given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if hmac.compare_digest(_digest(given.decode("latin-1")), self._token):
            return None
        return 401, _JSON, _error("a token is needed: Authorization: Bearer TOKEN")

    def _shown(self, path: str) -> tuple[int, str, bytes]:
        from merits.report import live_page

        view, alert = self._fresh(), _ALERT.match(path)
        if path == "/":
            return 200, _HTML, live_page.page(view, every_s=self._every_s).encode()
        if path == "/fragment":
            return 200, _HTML, live_page.fragment(view).encode()
        if path == "/api/view":
            return 200, _JSON, _json("merits.live/1", view)
        if path == "/api/alerts":
            return 200, _JSON, _json("merits.alerts/1", {"alerts": view.alerts})
        if alert:
            line = _line(view, alert[1])
            if line is not None:
                return 200, _HTML, live_page.evidence_page(line.alert, line.state).encode()
        return 404, _JSON, _error(f"there is nothing at {path[:80]}")

    async def _marked(
        self, alert: str, headers: MutableMapping[bytes, bytes], receive: Receive
    ) -> tuple[int, str, bytes]:
        """Another site's page cannot do this unasked: JSON from elsewhere needs a permission that is never given."""
        if headers.get(b"content-type", b"").split(b";")[0].strip() != b"application/json":
            return 415, _JSON, _error("send JSON, with Content-Type: application/json")
        body = await _body(receive)
        if body is None:
            return 413, _JSON, _error(f"that is more than {_MOST_BYTES} bytes")
        try:
            marking = msgspec.json.decode(body, type=Marking)
        except msgspec.MsgspecError as problem:
            return 400, _JSON, _error(str(problem))
        if not await asyncio.to_thread(self._watched.mark, alert, marking):
            return 404, _JSON, _error(f"there is no alert {alert}")
        self._made = -float("inf")
        return 200, _JSON, b'{"marked":true}'

    def _fresh(self) -> LiveView:
        import time

        with self._lock:
            if self._view is None or time.monotonic() - self._made > self._fresh_s:
                self._view, self._made = self._watched.view(), time.monotonic()
            return self._view


def _line(view: LiveView, alert: str) -> AlertLine | None:
    return next((line for line in view.alerts if line.alert.id == alert), None)


def _digest(token: str) -> bytes:
    return blake2b(token.encode()).digest()


def _json(schema: str, value: object) -> bytes:
    return msgspec.json.encode({"schema": schema, **msgspec.to_builtins(value, str_keys=True)})


def _error(message: str) -> bytes:
    return msgspec.json.encode({"error": {"message": message}})


async def _body(receive: Receive) -> bytes | None:
    parts, n_bytes = [], 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        parts.append(event.get("body", b""))
        n_bytes += len(parts[-1])
        if n_bytes > _MOST_BYTES:
            return None
        if not event.get("more_body"):
            return b"".join(parts)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


async def _send(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
