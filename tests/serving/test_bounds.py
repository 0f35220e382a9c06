"""What is malformed, huge, slow, endless or smuggled: a clear status, and the next request is answered."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from uvicorn.server import ServerState

from merits.core.serving import ServeSettings
from merits.serving.keys import new_key
from merits.serving.protocol import bounded, most_connections
from merits.testing.live import MemoryLive
from merits.testing.models import Constant, Slow
from merits.testing.serving import ModelUnit, Served, a_release, served
from tests.serving.releasing import Endless

Make = Callable[..., Any]
TIGHT = ServeSettings(keys=False, body_s=0.5, head_s=0.5, body_bytes=2048, upload_bytes=4096, concurrency=1, queue=1)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Served]:
    """A gateway with tight bounds, which still answers at the end of the test."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path, settings=TIGHT) as one:
        yield one


@pytest.fixture(autouse=True)
def still_answers(running: Served, client: Make) -> Iterator[None]:
    """Whatever a test did."""
    yield
    assert client(running.url).chat().status == 200
    assert running.gateway.desk.admission.in_flight == 0


def raw(url: str, *parts: bytes, pause_s: float = 0.0, wait_s: float = 5.0) -> bytes:
    """What comes back to bytes on the wire."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=wait_s) as wire:
        try:
            for part in parts:
                wire.sendall(part)
                time.sleep(pause_s)
        except OSError:
            pass  # refused while it was sent
        came = b""
        try:
            while piece := wire.recv(65536):
                came += piece
        except OSError:
            pass
        return came


def status(came: bytes) -> int:
    """The status of a reply."""
    return int(came.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[" * 2000, "invalid_value"),
        (b"{}", "invalid_value"),
        (b'{"model": 3, "messages": []}', "invalid_value"),
        (b'{"model": "merits/t", "messages": []}', "invalid_value"),
        (b'{"model": "merits/t", "messages": [{"role": "assistant", "content": "hi"}]}', "invalid_value"),
        (b'{"model": "merits/t", "messages": [{"role": "user"}]}', "invalid_value"),
        (b'{"model": "merits/t", "messages": [{"role": "user", "content": "x"}], "n": 3}', "unsupported_parameter"),
    ],
)
def test_a_body_that_is_wrong_is_named(running: Served, client: Make, body: bytes, code: str) -> None:
    """400, with an error as OpenAI shapes it."""
    said = client(running.url).send("POST", "/v1/chat/completions", body)
    assert (said.status, said.code) == (400, code)
    assert set(said.json["error"]) == {"message", "type", "code", "param"}


def test_a_long_body_is_refused_by_its_length(running: Served, client: Make) -> None:
    """Before it is read."""
    assert client(running.url).chat("x" * 5000).status == 413


def test_an_endless_body_is_cut(running: Served) -> None:
    """In chunks nobody says how long it will be."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    came = raw(running.url, head, *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 8)
    assert status(came) == 413


def test_what_comes_behind_a_body_decides_nothing_and_is_bounded(tmp_path: Path, client: Make) -> None:
    """Trailers: proxies do not look at them, and httptools gives them as headers."""
    key, kept = new_key(now=time.time())
    live = MemoryLive()
    live.add([kept])
    with served(
        [ModelUnit(a_release(), Constant("yes"))], tmp_path / "keyed", live=live, settings=ServeSettings(head_s=0.5)
    ) as one:
        body = b'{"model": "merits/t", "input": "hi"}'
        chunked = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        sent = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
        behind = b"Authorization: Bearer %b\r\nConnection: close\r\n\r\n" % key.encode()
        assert status(raw(one.url, chunked + b"\r\n", sent + behind, wait_s=1.0)) == 401
        before = chunked + behind
        assert status(raw(one.url, before + sent + b"Authorization: Bearer no\r\n\r\n", wait_s=1.0)) == 200
        begun = time.monotonic()
        assert raw(one.url, chunked + b"\r\n", b"0\r\n", *[b"a: " + b"b" * 4096 + b"\r\n"] * 16, wait_s=20.0)
        assert time.monotonic() - begun < 10  # it was ended
        assert client(one.url, key).chat().status == 200


def test_a_body_that_does_not_end_once_it_is_answered_ends_the_connection(running: Served) -> None:
    """One byte of it takes back uvicorn's own timer."""
    begun = time.monotonic()
    came = raw(running.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", b"a", pause_s=0.1)
    assert status(came) == 200
    assert time.monotonic() - begun < 3


def test_there_are_no_more_connections_than_the_process_may_have_files() -> None:
    """The others are turned away, and the journal can still be opened."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        protocol = bounded(5.0, most=2)
        config = uvicorn.Config(lambda *_: None, http=protocol, lifespan="off", log_config=None)  # type: ignore[arg-type]
        config.load()
        state = ServerState()
        server = await loop.create_server(
            lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        address = server.sockets[0].getsockname()
        clients = [await asyncio.open_connection(*address) for _ in range(4)]
        await asyncio.sleep(0.1)
        n_open = sum(not reader.at_eof() for reader, _ in clients)
        for _, writer in clients:
            writer.close()
        server.close()
        return n_open

    assert asyncio.run(main()) == 2
    assert most_connections() >= 16


def test_a_slow_body_is_given_up(running: Served) -> None:
    """408, after as long as the settings say."""
    begun = time.monotonic()
    came = raw(running.url, b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert status(came) == 408
    assert 0.4 < time.monotonic() - begun < 3


def test_a_slow_head_is_given_up(running: Served) -> None:
    """Byte by byte does not help."""
    came = raw(running.url, *[b"G", b"E", b"T", b" ", b"/", b" ", b"H"], pause_s=0.12)
    assert status(came) == 408


def test_a_connection_that_says_nothing_is_closed(running: Served) -> None:
    """Without a word."""
    begun = time.monotonic()
    assert raw(running.url) == b""
    assert time.monotonic() - begun < 3


def test_an_endless_head_is_cut(running: Served) -> None:
    """Memory is bounded."""
    came = raw(running.url, b"GET /healthz HTTP/1.1\r\n", *[b"X-Y: " + b"z" * 1000 + b"\r\n"] * 64)
    assert status(came) in (400, 431)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked",
        b"Content-Length: 4\r\nContent-Length: 5",
        b"Content-Length: +4",
        b"Content-Length: 4, 4",
        b"Transfer-Encoding: chunked, identity",
        b"Content-Length : 4",
        b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 0",
    ],
)
def test_smuggled_heads_are_refused(running: Served, head: bytes) -> None:
    """What two servers may read in two ways is read by neither: one reply, and the connection ends."""
    hidden = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    came = raw(running.url, b"POST /predict HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n" + hidden)
    assert status(came) == 400
    assert came.count(b"HTTP/1.1 ") == 1


def test_what_is_no_http_is_told_so(running: Served) -> None:
    """As JSON."""
    came = raw(running.url, b"\x16\x03\x01\x02\x00\x01 hello\r\n\r\n")
    assert status(came) == 400
    assert json.loads(came.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_http"


def test_other_paths_and_methods_are_refused(running: Served, client: Make) -> None:
    """404 and 405, with what to use."""
    assert client(running.url).get("/v2/chat").code == "not_found"
    said = client(running.url).get("/predict")
    assert (said.status, said.headers["allow"]) == (405, "POST")


def test_an_id_of_the_client_begins_the_one_of_the_answer(running: Served, client: Make) -> None:
    """Where it is one; else a new one is made. Either is told."""
    ask = client(running.url)
    said = ask.post("/predict", {"input": "hi"}, X_Request_Id="order-4711")
    assert re.fullmatch("order-4711-[0-9a-f]{16}", said.headers["x-request-id"])
    assert said.json["merits"]["request"] == said.headers["x-request-id"]
    assert ask.post("/predict", {"input": "hi"}, X_Request_Id="a b").headers["x-request-id"].startswith("req_")


def test_an_id_that_comes_again_loses_no_answer(tmp_path: Path, client: Make) -> None:
    """On another worker, after a restart, or where it looks like one of a batch: the store keeps each answer."""
    live, ids = MemoryLive(), []
    for _ in range(2):
        with served([ModelUnit(a_release(), Constant("yes"))], tmp_path / "again", live=live) as running:
            ask = client(running.url)
            for name in ("order-4711", "order-4711", "order-4711.0"):
                said = ask.post("/predict", {"input": "hi"}, X_Request_Id=name)
                ids.append(said.headers["x-request-id"])
            batch = ask.post("/predict/batch", {"inputs": ["hi", "ho"]}, X_Request_Id="order-4711")
            ids.extend(answer["merits"]["request"] for answer in batch.json["answers"])
    assert len(set(ids)) == 10
    assert sorted(one.record.request for one in live.served("t")) == sorted(ids)


def test_names_of_files_are_texts(tmp_path: Path, running: Served, client: Make) -> None:
    """A client sends pictures; it does not name ours."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"\x89PNG")
    client(running.url).post("/predict", {"input": str(secret)})
    unit = running.units[0]
    assert isinstance(unit, ModelUnit)
    assert isinstance(unit.model, Constant)
    assert unit.model.asked == [f"{secret} "]


def test_too_many_wait_and_the_deadline_passes(tmp_path: Path, client: Make) -> None:
    """One is answered, one waits until its deadline, the third is sent away at once and told when to come back."""
    from concurrent.futures import ThreadPoolExecutor

    with served([ModelUnit(a_release(), Slow("yes", 1.0))], tmp_path / "slow", settings=TIGHT) as slow:
        ask = client(slow.url)
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(ask.post, "/predict", {"input": "a"})
            time.sleep(0.2)
            second = pool.submit(ask.post, "/predict", {"input": "b"}, x_merits_deadline_s="0.3")
            time.sleep(0.1)
            third = ask.post("/predict", {"input": "c"})
            assert (third.status, third.code) == (429, "queue_full")
            assert int(third.headers["retry-after"]) >= 1
            assert second.result().status == 504
            assert first.result().status == 200
        assert ask.post("/predict", {"input": "d"}, x_merits_deadline_s="0.2").status == 504
        assert ask.post("/predict", {"input": "d"}, x_merits_deadline_s="soon").status == 400


def test_a_request_leaves_nothing_for_the_garbage_collector(running: Served, client: Make) -> None:
    """Rings of objects would wait for it, and then hold up everybody: 0.1 s after 7,000 requests."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            assert client(running.url).chat().status == 200
        names = {"uvicorn.protocols.http.httptools_impl.RequestResponseCycle", "merits.serving.http.Call"}
        left = [one for one in gc.get_objects() if f"{type(one).__module__}.{type(one).__qualname__}" in names]
    finally:
        gc.enable()
    assert len(left) <= 2  # the last one may still be on its way out


def test_json_has_its_own_bound_where_nothing_reads_files(tmp_path: Path, client: Make) -> None:
    """What may be long are pictures and sounds."""
    settings = ServeSettings(keys=False, body_bytes=2048, upload_bytes=2**20)
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path, settings=settings) as one:
        for path in ("/predict", "/predict/batch", "/v1/chat/completions"):
            assert client(one.url).send("POST", path, b" " * 3000).status == 413


def test_bodies_are_bounded_in_sum(tmp_path: Path, client: Make) -> None:
    """Many that do not end would fill the memory, each within its bound."""
    settings = ServeSettings(keys=False, body_bytes=2**20, body_s=5.0)
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path, settings=settings) as one:
        one.gateway.desk.bodies.most_bytes = 300_000
        where = urlsplit(one.url)
        wires = [socket.create_connection((where.hostname, where.port), timeout=5) for _ in range(6)]
        for wire in wires:
            wire.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" + b" " * 100_000)
        came = []
        for wire in wires[3:]:
            came.append(status(wire.recv(65536)))
        assert came == [503, 503, 503]
        for wire in wires:
            wire.close()
        until = time.monotonic() + 5
        while one.gateway.desk.bodies.n_bytes and time.monotonic() < until:
            time.sleep(0.02)
        assert one.gateway.desk.bodies.n_bytes == 0
        assert client(one.url).chat().status == 200


def test_a_name_of_a_megabyte_is_not_said_back(tmp_path: Path, client: Make) -> None:
    """Nor compared with all that there are."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as one:
        said = client(one.url).post("/predict", {"input": "x", "y" * 1_000_000: 1})
        assert said.status == 400
        assert len(said.body) < 2000


def test_who_does_not_read_a_stream_holds_no_turn(tmp_path: Path, client: Make) -> None:
    """Past the deadline the connection is cut."""
    unit = Endless(a_release(), Constant("yes"))
    settings = ServeSettings(keys=False, concurrency=1, queue=4, deadline_s=1.0)
    with served([unit], tmp_path, settings=settings) as one:
        where = urlsplit(one.url)
        body = json.dumps(
            {"model": "merits/t", "messages": [{"role": "user", "content": "x"}], "stream": True}
        ).encode()
        with socket.create_connection((where.hostname, where.port), timeout=20) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            until = time.monotonic() + 15
            time.sleep(0.5)
            assert one.gateway.desk.admission.in_flight == 1
            while one.gateway.desk.admission.in_flight and time.monotonic() < until:
                time.sleep(0.05)
            assert one.gateway.desk.admission.in_flight == 0


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("https://elsewhere.example", "127.0.0.1:1", 403),
        ("http://rebound.example:1", "rebound.example:1", 403),
        ("null", "127.0.0.1:1", 403),
        ("http://127.0.0.1:1", "127.0.0.1:1", 200),
        ("https://ours.example", "127.0.0.1:1", 200),
        ("", "127.0.0.1:1", 200),
    ],
)
def test_without_keys_no_strange_page_may_spend(
    tmp_path: Path, client: Make, origin: str, host: str, expected: int
) -> None:
    """A browser sends a text to any address that a page names, and says which page it was."""
    settings = ServeSettings(keys=False, origins=("https://ours.example",))
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path, settings=settings) as one:
        heads = {"Content-Type": "text/plain", "Host": host, **({"Origin": origin} if origin else {})}
        said = client(one.url).send("POST", "/predict", b'{"input": "x"}', heads)
        assert said.status == expected
