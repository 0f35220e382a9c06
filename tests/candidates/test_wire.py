"""The connection to a provider, against servers that behave and misbehave on the level of bytes."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest

from merits.candidates.meter import AskFailed
from merits.candidates.plain_wire import Reply
from merits.candidates.wire import Connection, Part
from merits.core.errors import CandidateError
from merits.core.secrets import redact
from merits.testing.provider import FakeProvider

T = TypeVar("T")
AUTHORITY = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=us -keyout authority.key -out authority.pem",
    "openssl req -newkey rsa:2048 -nodes -subj /CN=here -addext subjectAltName=IP:127.0.0.1"
    " -keyout server.key -out server.csr",
    "openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2"
    " -copy_extensions copy -out server.pem",
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Limit: 7\r\n\r\n{}"


@asynccontextmanager
async def server(
    reply: bytes, *, context: ssl.SSLContext | None = None, hang: bool = False
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The address of a server that says `reply` to whoever sends a request, and the requests it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        got.append(await reader.read(1_000_000))
        while hang and (more := await reader.read(1_000_000)):
            got.append(more)
        if hang:
            got.append(b"closed")
        writer.write(reply)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    writers: list[asyncio.StreamWriter] = []
    opened = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with opened:
        scheme = "https" if context else "http"
        yield f"{scheme}://127.0.0.1:{opened.sockets[0].getsockname()[1]}/v1", got
        for writer in writers:  # one that the test left open would be complained of by a later test
            writer.transport.abort()
        await asyncio.sleep(0)


async def closing(connection: Connection, ask: Callable[[Connection], Awaitable[T]]) -> T:
    try:
        return await ask(connection)
    finally:
        await connection.close()


async def post(connection: Connection) -> Reply:
    return await closing(connection, lambda opened: opened.post("/chat", {"a": "é"}))


def test_a_body_goes_as_json_with_the_headers() -> None:
    """And comes back as status, headers in lower case, and bytes."""

    async def once() -> tuple[Reply, list[bytes]]:
        async with server(OK) as (url, got):
            return await post(Connection(url, {"Authorization": "Bearer sk"})), got

    reply, got = asyncio.run(once())
    assert (reply.status, reply.headers["x-limit"], reply.body) == (200, "7", b"{}")
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat HTTP/1.1\r\n")
    assert b"authorization: bearer sk" in head.lower()
    assert b"content-type: application/json" in head.lower()
    assert body == '{"a":"é"}'.encode()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "a reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "a truncated body"),
        (b"ha ha\r\n", "no HTTP"),
    ],
)
def test_what_breaks_on_the_way_is_a_connection_failure_that_may_be_billed(reply: bytes, why: str) -> None:
    """The provider may have answered: its tokens are not known."""

    async def once() -> None:
        async with server(reply) as (url, _):
            await post(Connection(url, {}))

    with pytest.raises(AskFailed) as caught:
        asyncio.run(once())
    assert caught.value.failure.kind == "connection", why
    assert caught.value.usage.unmetered == 1, why


def test_a_port_where_nobody_listens_costs_nothing() -> None:
    """The address is in the message, and nothing was sent."""
    with pytest.raises(AskFailed, match=r"http://127\.0\.0\.1:1/v1") as caught:
        asyncio.run(post(Connection("http://127.0.0.1:1/v1", {})))
    assert caught.value.failure.kind == "connection"
    assert caught.value.usage.unmetered == 0


def test_a_host_that_does_not_even_connect_is_given_up_soon_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A packet that is dropped on its way (a wrong address, a firewall) is not an answer that takes long."""
    monkeypatch.setattr("merits.candidates.wire._CONNECT_S", 0.2)
    full, waiting = socket.socket(), [socket.socket() for _ in range(3)]
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    for each in waiting:  # the queue is full, so the next one's packets are dropped
        each.setblocking(False)
        each.connect_ex(full.getsockname())
    try:
        with pytest.raises(AskFailed, match="no connection") as caught:
            asyncio.run(post(Connection(f"http://127.0.0.1:{full.getsockname()[1]}/v1", {}, timeout_s=30)))
    finally:
        for each in (full, *waiting):
            each.close()
    assert caught.value.failure.kind == "timeout"
    assert caught.value.usage.unmetered == 0


def test_a_deadline_closes_the_connection() -> None:
    """A call that is given up must not go on inside the client."""

    async def once() -> list[bytes]:
        async with server(OK, hang=True) as (url, got):
            connection = Connection(url, {}, timeout_s=0.1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await connection.post("/chat", {})
            for _ in range(100):
                if got[-1] == b"closed":
                    break
                await asyncio.sleep(0.02)
            await connection.close()
            return got

    assert asyncio.run(once())[-1] == b"closed"


def test_a_redirect_is_not_followed() -> None:
    """It would carry the key elsewhere."""

    async def once() -> tuple[int, int]:
        async with server(OK) as (elsewhere, got):
            moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
            async with server(moved) as (url, _):
                return (await post(Connection(url, {}))).status, len(got)

    assert asyncio.run(once()) == (307, 0)


def test_a_stream_gives_lines_as_they_come() -> None:
    """Lines may be cut anywhere between chunks, and the last one may lack its end."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nda\r\n\r\n3\r\nta\n\r\n2\r\n\nx\r\n0\r\n\r\n"

    async def once() -> tuple[int, list[bytes]]:
        async with server(reply) as (url, _):
            connection = Connection(url, {})
            async with connection.stream("/chat", {}) as stream:
                return stream.status, [line async for line in stream.lines()]

    assert asyncio.run(once()) == (200, [b"da", b"ta", b"", b"x"])


def test_a_stream_that_breaks_off_is_a_connection_failure() -> None:
    """Half an answer is no answer."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nda\n\r\n9\r\n"
    lines: list[bytes] = []

    async def once() -> None:
        async with server(reply) as (url, _), Connection(url, {}).stream("/chat", {}) as stream:
            lines.extend([line async for line in stream.lines()])

    with pytest.raises(AskFailed) as caught:
        asyncio.run(once())
    assert caught.value.failure.kind == "connection"


def test_a_form_carries_fields_and_files() -> None:
    """As transcriptions ask for."""

    async def once() -> bytes:
        async with server(OK) as (url, got):
            files = {"file": Part("a.wav", b"RIFF", "audio/wav")}
            await closing(Connection(url, {}), lambda opened: opened.post_form("/audio", {"model": "m"}, files))
            return b"".join(got)

    sent = asyncio.run(once())
    assert b"multipart/form-data" in sent
    assert b'name="model"\r\n\r\nm\r\n' in sent
    assert b'filename="a.wav"' in sent
    assert b"RIFF" in sent


def test_a_proxy_is_asked_unless_the_host_is_excepted() -> None:
    """Its password is a secret from then on."""

    async def once(**env: str) -> list[bytes]:
        async with server(OK) as (address, got), server(OK) as (url, _):
            proxy = address.removesuffix("/v1").replace("//", "//someone:pass-word-1@")
            await post(Connection(url, {}, env={"HTTP_PROXY": proxy, **env}))
            return got

    (through,) = asyncio.run(once())
    assert through.startswith(b"POST http://127.0.0.1")
    assert b"proxy-authorization: basic" in through.lower()
    assert asyncio.run(once(NO_PROXY="localhost, 127.0.0.1")) == []
    assert redact("pass-word-1") == "***"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_private_certificate_is_trusted_where_it_is_named(tmp_path: Path) -> None:
    """And is not where it is not."""
    for line in AUTHORITY:
        subprocess.run(line.split(), check=True, capture_output=True, cwd=tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    async def once(**env: str) -> int:
        async with server(OK, context=context) as (url, _):
            return (await post(Connection(url, {}, env=env))).status

    assert asyncio.run(once(SSL_CERT_FILE=str(tmp_path / "authority.pem"))) == 200
    with pytest.raises(AskFailed, match="certificate"):
        asyncio.run(once())


def test_certificates_that_cannot_be_read_are_the_users_to_mend(tmp_path: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(CandidateError, match="SSL_CERT_FILE"):
        Connection("https://host/v1", {}, env={"SSL_CERT_FILE": str(tmp_path / "none.pem")})
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(CandidateError, match="no certificate"):
        Connection("https://host/v1", {}, str(empty))


def test_a_key_with_a_line_break_is_not_shown() -> None:
    """It cannot be sent; the message names the header only."""
    with pytest.raises(CandidateError, match="Authorization") as caught:
        Connection("http://host/v1", {"Authorization": "Bearer sk-\n123"})
    assert "sk-" not in str(caught.value)


IN_THREADS = """
import asyncio, sys, threading
from merits.candidates.wire import Connection

def ask():
    async def once():
        connection = Connection(sys.argv[1], {}, env={})
        print((await connection.post("/chat/completions", {"messages": []})).status)
        await connection.close()
    asyncio.run(once())

for _ in range(3):
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
"""


def test_it_may_be_used_in_threads_that_end() -> None:
    """One after the other, as trainings of remote embeddings are: the process used to end with the second."""
    with FakeProvider() as provider:
        done = subprocess.run(
            [sys.executable, "-c", IN_THREADS, provider.base_url], capture_output=True, text=True, check=False
        )
    assert done.stdout.split() == ["200"] * 3, done.stderr
    assert done.returncode == 0
