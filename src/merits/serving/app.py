"""The gateway as an ASGI application: which endpoint a request is for, who asks, and what goes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import msgspec

from merits.core.doors import LiveStore
from merits.core.release import model_name
from merits.core.secrets import redact
from merits.serving.chat import chat
from merits.serving.desk import Desk
from merits.serving.docs_page import page
from merits.serving.embeddings import embeddings
from merits.serving.feedback import feedback
from merits.serving.fleet import Line
from merits.serving.http import Call, Headers, Receive, Response, Scope, Send, respond
from merits.serving.keys import Keyring
from merits.serving.openapi import openapi
from merits.serving.predict import predict, predict_batch
from merits.serving.refusals import Refusal, error_body
from merits.serving.transcriptions import transcriptions

__all__ = ["Gateway"]

Handler: TypeAlias = Callable[[Call], Awaitable[Response | None]]
_encode = msgspec.json.Encoder().encode
_MODEL = "/v1/models/"
_HTML = [(b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")]


class _Endpoint(NamedTuple):
    method: str
    handler: Handler
    scope: str | None  # what a key must allow; None: needs none


class Gateway:
    """The application of one worker. `ready` says why nothing can be answered, "" when it can."""

    def __init__(
        self,
        desk: Desk,
        keyring: Keyring,
        store: LiveStore,
        *,
        version: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.desk, self.keyring, self._store, self._version = desk, keyring, store, version
        self.clock = clock
        self._keys = desk.settings.keys
        self._origins = frozenset(origin.encode() for origin in desk.settings.origins)
        self.closing = False
        self._last: _Described | None = None
        self._endpoints: dict[str, _Endpoint] = {
            "/v1/chat/completions": _Endpoint("POST", lambda call: chat(desk, call), "predict"),
            "/predict": _Endpoint("POST", lambda call: predict(desk, call), "predict"),
            "/predict/batch": _Endpoint("POST", lambda call: predict_batch(desk, call), "predict"),
            "/feedback": _Endpoint("POST", lambda call: feedback(desk, store, call), "feedback"),
            "/v1/embeddings": _Endpoint("POST", lambda call: embeddings(desk, call), "predict"),
            "/v1/audio/transcriptions": _Endpoint("POST", lambda call: transcriptions(desk, call), "predict"),
            "/v1/models": _Endpoint("GET", self._models, ""),
            "/healthz": _Endpoint("GET", self._healthz, None),
            "/readyz": _Endpoint("GET", self._readyz, None),
            "/metrics": _Endpoint("GET", self._metrics, None),
            "/openapi.json": _Endpoint("GET", self._openapi, None),
            "/docs": _Endpoint("GET", self._docs, None),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from its head to its end."""
        if scope["type"] != "http":
            return
        call: Call | None = None
        try:
            call = Call(scope, receive, send, at=self.clock())
            response = await self._answered(call)
            if response is not None:
                await respond(call, response, self._cross(call))
        except Refusal as refusal:
            if call is None:
                await _bare(send, refusal)
                return
            call.failure = call.failure or refusal.code
            if call.status:
                return  # a stream that had begun: it ends here
            await respond(call, Response(refusal.body, refusal.status, refusal.headers), self._cross(call))
        except ConnectionResetError:
            if call is not None:
                call.failure = "client_gone"
        except Exception as problem:
            self.desk.log.event("defect", redact(f"{type(problem).__name__}: {problem}"), "error")
            if call is None or call.status:
                raise
            body = error_body(500, "internal", "Something went wrong here; the log of the server says what.")
            await respond(call, Response(body, 500), self._cross(call))
        finally:
            if call is not None:
                self._note(call)

    async def _answered(self, call: Call) -> Response | None:
        endpoint = self._endpoints.get(call.path)
        if endpoint is None and call.path.startswith(_MODEL):
            endpoint = self._endpoints["/v1/models"]
        if endpoint is None:
            raise Refusal(404, "not_found", f"There is no {call.path[:120]!r} here; see /docs.")
        if call.method != endpoint.method:
            if call.method == "OPTIONS" and self._origins:
                return Response(b"", 204)
            if not (call.method == "HEAD" and endpoint.method == "GET"):
                raise _NotAllowed(endpoint.method)
        if endpoint.scope is not None and self._keys:
            holder = call.holder = self.keyring.holder(call.headers.get(b"authorization"), call.client)
            if endpoint.scope:
                self.keyring.admit(holder, endpoint.scope)
        elif endpoint.scope:
            self._must_be_no_strange_page(call)
        return await endpoint.handler(call)

    def _must_be_no_strange_page(self, call: Call) -> None:
        """Without keys any web page that somebody looks at could ask, and spend. Browsers say where a page is from."""
        origin = call.headers.get(b"origin")
        if origin is None or origin in self._origins:
            return
        at = urlsplit(origin.decode("latin-1"))
        ours = at.netloc.encode("latin-1") == call.headers.get(b"host") and _is_an_address(at.hostname or "")
        if not ours:  # a name would be whatever its owner says that it is
            text = "Web pages may ask only where keys are asked for, or their origin is named: serve: {origins: [...]}."
            raise Refusal(403, "origin", text)

    def _note(self, call: Call) -> None:
        path = call.path if call.path in self._endpoints else "other"
        path = "/v1/models" if call.path.startswith(_MODEL) else path
        self.desk.metrics.request(path, call.status)
        if call.path not in ("/healthz", "/readyz", "/metrics"):
            self.desk.log.request(call, path, time.monotonic() - call.arrived)

    def _cross(self, call: Call) -> Headers:
        """What lets a web page of a named origin read the answer (CORS)."""
        origin = call.headers.get(b"origin") if self._origins else None
        if origin is None or origin not in self._origins:
            return ()
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-headers", b"authorization, content-type, x-request-id, x-merits-deadline-s"),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-expose-headers", b"x-request-id, x-merits-release, x-merits-cost, x-merits-confidence"),
            (b"vary", b"origin"),
        ]

    async def _models(self, call: Call) -> Response:
        tasks = call.holder.tasks if call.holder is not None else frozenset()
        fleet = self.desk.fleet
        if call.path.startswith(_MODEL):
            name = call.path.removeprefix(_MODEL)
            line, _ = fleet.find(name, tasks)
            return Response(_encode(_model(name, line)))
        lines = [line for line in fleet.lines.values() if not tasks or line.task in tasks]
        data = [
            _model(name, line)
            for line in lines
            for name in (model_name(line.task), *(opened.model for opened in line.units.values()))
        ]
        return Response(_encode({"object": "list", "data": data}))

    async def _healthz(self, call: Call) -> Response:
        return Response(b'{"status":"ok"}')

    def ready(self) -> str:
        """Why nothing can be answered now; "" when it can."""
        if self.closing:
            return "shutting down"
        if not self.desk.fleet.lines:
            return "no release is loaded"
        return "" if self.desk.has_room() else "no room on the disk"

    async def _readyz(self, call: Call) -> Response:
        why = self.ready()
        fleet = self.desk.fleet
        said = {
            "status": why or "ok",
            "serving": {task: line.rollout.champion for task, line in fleet.lines.items()},
            "store": "up" if self.desk.shipper.is_up else "away: answers wait in the journal",
            "cannot_open": sorted(fleet.problems),
        }
        return Response(_encode(said), 503 if why else 200)

    async def _metrics(self, call: Call) -> Response:
        metrics, desk = self.desk.metrics, self.desk
        metrics.in_flight.set(desk.admission.in_flight)
        metrics.waiting.set(desk.admission.waiting)
        metrics.unshipped.set(desk.journal.unshipped_bytes)
        metrics.store_up.set(desk.shipper.is_up)
        metrics.flush()
        body, kind = await asyncio.to_thread(metrics.page)
        return Response(body, content_type=kind)

    async def _openapi(self, call: Call) -> Response:
        return Response((await self._described()).body)

    async def _docs(self, call: Call) -> Response:
        host = call.headers.get(b"host", b"").decode("latin-1")
        description = (await self._described()).description
        body = await asyncio.to_thread(page, description, host, keys=self._keys)
        return Response(body, headers=_HTML, content_type=b"text/html; charset=utf-8")

    async def _described(self) -> _Described:
        """The description of what serves now; made anew when that is something else."""
        lines = self.desk.fleet.lines.values()
        served = [line.champion for line in lines]
        served += [one for line in lines for one in line.units.values() if one is not line.champion]
        key = tuple(one.release.id for one in served)
        if self._last is None or self._last.key != key:
            made = await asyncio.to_thread(openapi, served, self._version, keys=self._keys)
            self._last = _Described(key, made, _encode(made))
        return self._last


class _Described(NamedTuple):
    key: tuple[str, ...]  # the ids of the releases
    description: dict[str, Any]
    body: bytes


def _is_an_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return host == "localhost"


def _model(name: str, line: Line) -> dict[str, object]:
    return {"id": name, "object": "model", "created": int(line.champion.release.made_at), "owned_by": "merits"}


class _NotAllowed(Refusal):
    def __init__(self, method: str) -> None:
        super().__init__(405, "method_not_allowed", f"Use {method} here.")
        self._method = method

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"allow", self._method.encode())]


async def _bare(send: Send, refusal: Refusal) -> None:
    body = refusal.body
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
