"""The one place that speaks HTTP: JSON, forms and streams to a provider, as fast as the wire.

Why pyreqwest (bindings to Rust's reqwest and hyper). Measured in November 2026, 10,000 short chat calls, 64 at a time,
Python 3.11, two shared cores, CPU in ms per call of our process; import in ms of CPU:

    client                                       CPU/call    import
    aiohttp 3.14, as it comes, proxies honoured     1.02       350
    aiohttp 3.14 with uvloop                        0.89       360
    aiohttp 3.14, proxies and cookies off           0.32       350
    rnet 2.4, primp 2.0 (both imitate browsers)     0.27        40
    pyreqwest 0.15                                  0.16         6
    a bare asyncio protocol without any safety      0.10         -

With aiohttp no run can send its first request within half a second of its start. Maintenance: pyreqwest is young (0.15
of October 2026, one main author) and typed, with wheels for Linux, macOS and Windows; what is hard about HTTP is done
by reqwest, hyper and rustls, which are as well kept as anything. Nothing outside this module knows the client, so that
another one is a change of this file. httpx and the vendors' SDKs take 3 to 5 ms a call.

HTTP/1.1 only: one connection for each call in flight, so that what a broken connection costs is one call, and no queue
hides inside the client. Redirects are not followed: they would carry the key elsewhere. pyreqwest 0.15 does not end a
request whose caller was cancelled: `timeout_s`, the meter's deadline, ends it in the client half a second later. rustls
takes no certificate of a server that is its own authority. Short questions to an address without TLS, a server of one's
own, go without a thread by `plain_wire`. Knows nothing about retries (the meter's), nor what a reply
means (the providers').
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NoReturn, TypeAlias
from urllib.parse import urlsplit

import msgspec

from merits.candidates.meter import AskFailed
from merits.candidates.plain_wire import LostReply, NoConnection, PlainClient, Reply
from merits.candidates.secret_paths import hide_user
from merits.core.answer import NO_USAGE, Failure, Usage
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyreqwest.client import Client, ClientBuilder
    from pyreqwest.exceptions import DetailedPyreqwestError
    from pyreqwest.multipart import FormBuilder
    from pyreqwest.request import RequestBuilder
    from pyreqwest.response import Response

__all__ = ["Body", "Connection", "Part", "Reply", "Stream"]

Body: TypeAlias = "Mapping[str, JSON] | msgspec.Struct | bytes"

_IDLE = timedelta(seconds=30)
_GRACE_S = 0.5
_LAST_WORDS_S = 0.05
_CONNECT_S = 10.0  # a host that is there says so in milliseconds, or after up to three lost packets (1 + 2 + 4 s)
_PEM_END = b"-----END CERTIFICATE-----"
_NOT_CONNECTED = "client error (Connect)"  # hyper's word; pyreqwest's ConnectError is also raised for later resets
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Part:
    """A file in a form."""

    filename: str
    data: bytes
    content_type: str = "application/octet-stream"


class Stream:
    """A reply that is read while it comes. `lines` raises AskFailed when it breaks off."""

    def __init__(self, connection: Connection, response: Response) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._connection = connection
        self._response = response

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines as they come, without their ends (LF or CRLF); the last one may lack its end."""
        rest = b""
        while True:
            with self._connection.told():
                chunk = await self._response.body_reader.read_chunk()
            if chunk is None:
                break
            *whole, rest = (rest + bytes(chunk)).split(b"\n")
            for line in whole:
                yield line.removesuffix(b"\r")
        if rest:
            yield rest

    async def read(self) -> bytes:
        """All that has not been read yet."""
        with self._connection.told():
            return bytes(await self._response.bytes())


class Connection:
    """One address with the headers that go with every request. Opened by the first of them; may be reopened.

    `path` begins with a slash and is added to `base_url`. Proxies are taken from `env` (HTTPS_PROXY, HTTP_PROXY,
    ALL_PROXY, NO_PROXY, in either case); `certificates` is a PEM file that is trusted beside the system's
    (SSL_CERT_FILE of `env` when it is None). Whatever keeps a reply from coming raises AskFailed("connection"), or
    "timeout" soon after `timeout_s`, and after 10 seconds without a connection; its usage is unmetered unless no
    connection was made, because what was sent may be on the bill. May be used by many tasks at once, and from one event
    loop after the other.

        connection = Connection("https://host/v1", {"Authorization": "Bearer ..."}, env=os.environ)
        status, headers, body = await connection.post("/chat/completions", {"model": "small", "messages": [...]})
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        certificates: str | None = None,
        env: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        env = env or {}
        self.base_url = base_url
        self._headers = {"User-Agent": "merits", **headers}
        self._roots = _roots(certificates or env.get("SSL_CERT_FILE") or "") if base_url.startswith("https") else []
        self._proxy = _proxy(base_url, env)
        self._no_proxy = env.get("no_proxy") or env.get("NO_PROXY")
        self._timeout = None if timeout_s is None else timedelta(seconds=timeout_s + _GRACE_S)
        self._client: Client | None = None
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise CandidateError(
                    f"the header {name!r} holds a character that cannot be sent.", "Copy the key again, without breaks."
                )
        self._plain = self._plain_client()

    async def get(self, path: str) -> Reply:
        """The reply to a GET."""
        return await self._sent(self._opened().get(self.base_url + path))

    async def post(self, path: str, body: Body) -> Reply:
        """The reply to a POST of JSON: a mapping, a struct, or bytes that are JSON already."""
        plain = self._plain
        if plain is None:
            return await self._sent(self._json(path, body))
        try:
            return await plain.post(path, body if isinstance(body, bytes) else _encode(body))
        except (NoConnection, LostReply) as problem:
            failure = Failure("timeout" if problem.late else "connection", redact(f"{self.base_url}: {problem}"))
            used = NO_USAGE if isinstance(problem, NoConnection) else Usage(unmetered=1)
            raise AskFailed(failure, used) from None

    async def post_form(self, path: str, fields: Mapping[str, str], files: Mapping[str, Part]) -> Reply:
        """The reply to a POST of a multipart form."""
        return await self._sent(self._opened().post(self.base_url + path).multipart(_form(fields, files)))

    @asynccontextmanager
    async def stream(self, path: str, body: Body | None = None) -> AsyncIterator[Stream]:
        """The reply to a POST of JSON, or without a body to a GET, as soon as its headers are there.

        async with connection.stream("/chat/completions", {..., "stream": True}) as reply:
            async for line in reply.lines():
        """
        if body is None:
            asked = self._opened().get(self.base_url + path)
        else:  # by itself the client waits for 64 kB, or the end, before it gives anything
            asked = self._json(path, body).streamed_read_buffer_limit(0)
        request = asked.build_streamed()
        with self.told():
            response = await request.__aenter__()
        try:
            yield Stream(self, response)
        finally:
            await request.__aexit__(None, None, None)

    def patient(self, timeout_s: float) -> Connection:
        """The same address with another deadline, and connections of its own."""
        other = copy(self)
        other._timeout, other._client = timedelta(seconds=timeout_s), None
        other._plain = other._plain_client()
        return other

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        if self._plain is not None:
            await self._plain.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turns what the client raises into AskFailed."""
        from pyreqwest.exceptions import DetailedPyreqwestError

        try:
            yield
        except DetailedPyreqwestError as problem:
            self._raise(problem)

    def _json(self, path: str, body: Body) -> RequestBuilder:
        data = body if isinstance(body, bytes) else _encode(body)
        return self._opened().post(self.base_url + path).header("Content-Type", "application/json").body_bytes(data)

    async def _sent(self, request: RequestBuilder) -> Reply:
        from pyreqwest.exceptions import DetailedPyreqwestError

        try:
            response = await request.build().send()
            return Reply(response.status, response.headers, bytes(await response.bytes()))
        except DetailedPyreqwestError as problem:
            self._raise(problem)

    def _raise(self, problem: DetailedPyreqwestError) -> NoReturn:
        from pyreqwest.exceptions import BuilderError, ConnectTimeoutError, RequestTimeoutError

        causes = [cause["message"] for cause in problem.details.get("causes") or ()] or [problem.message]
        said = f"no connection: {causes[-1]}" if isinstance(problem, ConnectTimeoutError) else causes[-1]
        failure = Failure(
            "timeout" if isinstance(problem, RequestTimeoutError) else "connection", redact(f"{self.base_url}: {said}")
        )
        sent = not isinstance(problem, BuilderError | ConnectTimeoutError) and _NOT_CONNECTED not in causes
        raise AskFailed(failure, Usage(unmetered=1) if sent else NO_USAGE) from None

    def _opened(self) -> Client:
        if self._client is None:
            self._client = self._builder().build()
        return self._client

    def _plain_client(self) -> PlainClient | None:
        """What asks without a thread, where there is neither TLS nor a proxy on the way."""
        if self._proxy or not PlainClient.can_ask(self.base_url):
            return None
        seconds = None if self._timeout is None else self._timeout.total_seconds()
        return PlainClient(self.base_url, self._headers, connect_s=_CONNECT_S, timeout_s=seconds)

    def _builder(self) -> ClientBuilder:
        _imported()
        from pyreqwest.client import ClientBuilder
        from pyreqwest.proxy import ProxyBuilder

        builder = ClientBuilder().default_headers(self._headers).http1_only().follow_redirects(False).no_proxy()
        builder = builder.pool_idle_timeout(_IDLE).connect_timeout(timedelta(seconds=_CONNECT_S))
        if self._timeout is not None:
            builder = builder.timeout(self._timeout)
        for root in self._roots:
            builder = builder.add_root_certificate_pem(root)
        if self._proxy:
            builder = builder.proxy(ProxyBuilder.all(self._proxy).no_proxy(self._no_proxy))
        return builder


@cache
def _imported() -> None:
    """Imports the client in a thread that lives as long as the process: the main one, or else one that waits for ever.

    Once the thread that imported pyreqwest (0.15.1) has ended, building a client in another one ends the process with a
    segmentation fault: so would a second training of remote embeddings, which happens in threads. A thread of the
    client that is still handing over its last reply when Python ends aborts the process: it is let finish first.
    """
    atexit.register(time.sleep, _LAST_WORDS_S)

    def load() -> None:
        import pyreqwest.client  # noqa: F401

    def load_and_stay() -> None:
        try:
            load()
        finally:
            loaded.set()
        threading.Event().wait()

    if threading.current_thread() is threading.main_thread() or "pyreqwest.client" in sys.modules:
        load()
        return
    loaded = threading.Event()
    threading.Thread(target=load_and_stay, name="merits-http", daemon=True).start()
    loaded.wait()


def _proxy(base_url: str, env: Mapping[str, str]) -> str:
    """The proxy for an address, "" for none; its password is registered as a secret."""
    scheme = urlsplit(base_url).scheme
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    proxy = next((env[name] for name in names if env.get(name)), "")
    if not proxy:
        return ""
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    hide_user(proxy)
    return proxy


def _roots(certificates: str) -> list[bytes]:
    """The certificates of a PEM file, one by one."""
    if not certificates:
        return []
    try:
        with open(certificates, "rb") as file:
            pem = file.read()
    except OSError as problem:
        raise CandidateError(
            f"the certificates cannot be read from {certificates}: {problem.strerror}.", "Correct SSL_CERT_FILE."
        ) from None
    found = [part + _PEM_END + b"\n" for part in pem.split(_PEM_END)[:-1]]
    if not found:
        raise CandidateError(f"{certificates} holds no certificate.", "SSL_CERT_FILE must name a PEM file.")
    return found


def _form(fields: Mapping[str, str], files: Mapping[str, Part]) -> FormBuilder:
    from pyreqwest.multipart import FormBuilder, PartBuilder

    form = FormBuilder()
    for name, value in fields.items():
        form = form.text(name, value)
    for name, part in files.items():
        form = form.part(name, PartBuilder.from_bytes(part.data).file_name(part.filename).mime(part.content_type))
    return form
