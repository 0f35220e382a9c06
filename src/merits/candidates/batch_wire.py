"""The HTTP requests that batches need: small JSON, one large upload, and results that are read line by line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from merits.candidates.meter import AskFailed
from merits.core.answer import Failure
from merits.core.identity import JSON
from merits.core.secrets import redact

if TYPE_CHECKING:
    import aiohttp

__all__ = ["SessionWire"]

_SILENCE_S = 120.0  # a connection that says nothing for so long is dead
_encode = msgspec.json.Encoder().encode


class SessionWire:
    """A `Wire` over an open session. `failure` says what a status, a text and a Retry-After mean."""

    def __init__(
        self,
        base_url: str,
        session: Callable[[], aiohttp.ClientSession],
        failure: Callable[[int, str, str | None], Failure],
    ) -> None:
        self._base_url = base_url
        self._session = session
        self._failure = failure

    async def get(self, path: str) -> Mapping[str, JSON]:
        """The JSON object at a path."""
        async with self._asked("GET", path) as reply:
            return _object(await reply.read())

    async def post(self, path: str, body: Mapping[str, JSON] | bytes) -> Mapping[str, JSON]:
        """The JSON object that comes back."""
        data = body if isinstance(body, bytes) else _encode(body)
        async with self._asked("POST", path, data=data, headers={"Content-Type": "application/json"}) as reply:
            return _object(await reply.read())

    async def upload(self, path: str, fields: Mapping[str, str], name: str, content: bytes) -> Mapping[str, JSON]:
        """The JSON object that comes back for a form with a file."""
        import aiohttp

        form = aiohttp.FormData(dict(fields))
        form.add_field("file", content, filename=name, content_type="application/jsonl")
        async with self._asked("POST", path, data=form) as reply:
            return _object(await reply.read())

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        """The lines at a path as they come, without empty ones; AskFailed when the connection is cut before the end."""
        async with self._asked("GET", path) as reply:
            rest = b""
            async for chunk in reply.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield line
            if rest.strip():
                yield rest

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, *, data: object = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        import aiohttp

        limits = aiohttp.ClientTimeout(total=None, sock_read=_SILENCE_S)
        try:
            async with self._session().request(
                method, f"{self._base_url}{path}", data=data, headers=headers, timeout=limits
            ) as reply:
                if reply.status >= 400:
                    text = await reply.text(errors="replace")
                    raise AskFailed(self._failure(reply.status, text, reply.headers.get("Retry-After")))
                yield reply
        except (aiohttp.ClientError, OSError) as problem:
            if isinstance(problem, TimeoutError):
                raise
            raise AskFailed(Failure("connection", redact(f"{self._base_url}{path}: {problem}"))) from problem


def _object(text: bytes) -> Mapping[str, JSON]:
    try:
        reply = msgspec.json.decode(text)
    except msgspec.DecodeError:
        reply = None
    if not isinstance(reply, dict):
        said = redact(text[:200].decode("utf-8", "replace"))
        raise AskFailed(Failure("server_error", f"the reply is no JSON object: {said!r}"))
    return reply
