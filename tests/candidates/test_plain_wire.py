"""The client without threads reads what HTTP/1.1 allows, however it is cut, and gives up on what is no reply."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from merits.candidates.plain_wire import LostReply, NoConnection, PlainClient, Reply

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Limit:  7 \r\n\r\n{}"


@asynccontextmanager
async def server(
    reply: bytes, *, apart: bool = False, ends: bool = False
) -> AsyncIterator[tuple[PlainClient, list[str]]]:
    """A client of a server that says always the same, byte by byte where that is asked; and what happens there."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append("opened")
        while head := await _head(reader):
            seen.append(head.split("\r\n", 1)[0])
            for piece in [reply[at : at + 1] for at in range(len(reply))] if apart else [reply]:
                writer.write(piece)
                await asyncio.sleep(0)
            if ends:
                break
        seen.append("closed")
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    client = PlainClient(f"http://127.0.0.1:{port}/v1", {"User-Agent": "merits"}, connect_s=1.0, timeout_s=5.0)
    try:
        yield client, seen
    finally:
        await client.close()
        listening.close()
        await asyncio.sleep(0.01)


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        await reader.readexactly(int(head.lower().partition("content-length: ")[2].split("\r\n")[0]))
    except asyncio.IncompleteReadError:
        return ""
    return head


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (OK, 200, b"{}"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"{}"),
        (b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n", 429, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT:\r\n\r\n",
            200,
            b"abc0123456789",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, b""),
    ],
)
def test_a_reply_is_read_and_the_connection_used_again(reply: bytes, status: int, body: bytes, apart: bool) -> None:
    async def twice() -> tuple[list[Reply], list[str]]:
        async with server(reply, apart=apart) as (client, seen):
            return [await client.post("/x", b"[1]") for _ in range(2)], list(seen)

    replies, seen = asyncio.run(twice())
    assert [(reply.status, reply.body) for reply in replies] == [(status, body)] * 2
    assert seen == ["opened", "POST /v1/x HTTP/1.1", "POST /v1/x HTTP/1.1"]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n\r\nall of it",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nall of it",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nall of it",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of itHTTP/1.1 200 OK\r\n",
    ],
)
def test_a_connection_that_ends_or_says_more_is_not_used_again(reply: bytes) -> None:
    async def twice() -> tuple[list[Reply], list[str]]:
        async with server(reply, ends=True) as (client, seen):
            return [await client.post("/x", b"") for _ in range(2)], seen

    replies, seen = asyncio.run(twice())
    assert [reply.body for reply in replies] == [b"all of it"] * 2
    assert seen.count("opened") == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"",
    ],
)
def test_what_is_no_whole_reply_is_lost(reply: bytes) -> None:
    async def once() -> None:
        async with server(reply, ends=True) as (client, _):
            await client.post("/x", b"")

    with pytest.raises(LostReply) as caught:
        asyncio.run(once())
    assert not caught.value.late


def test_a_caller_that_stops_waiting_closes_the_connection() -> None:
    async def once() -> list[str]:
        async with server(OK[:-1]) as (client, seen):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.post("/x", b"")
            await asyncio.sleep(0.05)
            return seen

    assert asyncio.run(once()) == ["opened", "POST /v1/x HTTP/1.1", "closed"]


def test_a_reply_that_does_not_come_in_time_is_late() -> None:
    async def once() -> None:
        async with server(OK[:-1]) as (client, _):
            client._timeout_s = 0.05
            await client.post("/x", b"")

    with pytest.raises(LostReply) as caught:
        asyncio.run(once())
    assert caught.value.late


def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    async def twice() -> list[str]:
        async with server(OK, ends=True) as (client, seen):
            await client.post("/x", b"")
            await asyncio.sleep(0.05)
            await client.post("/x", b"")
            return seen

    assert asyncio.run(twice()).count("opened") == 2


def test_it_goes_on_in_another_event_loop() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = PlainClient(f"http://127.0.0.1:{taken.getsockname()[1]}", {}, connect_s=1.0)

    async def once() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await _head(reader):
                writer.write(OK)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", client._port):
            body = (await client.post("/x", b"")).body
            await client.close()
            await asyncio.sleep(0.01)  # the server's side is closed too
            return body

    assert [asyncio.run(once()) for _ in range(2)] == [b"{}", b"{}"]
    with pytest.raises(NoConnection):
        asyncio.run(client.post("/x", b""))


@pytest.mark.parametrize(
    ("url", "can"),
    [("http://localhost:8000/v1", True), ("https://host/v1", False), ("http://höst/v1", False), ("http://a b", False)],
)
def test_it_asks_only_where_nothing_is_hidden(url: str, can: bool) -> None:
    assert PlainClient.can_ask(url) is can
