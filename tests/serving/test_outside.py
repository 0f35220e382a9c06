"""What can be seen of a server from outside: traces, logs without content, answers to web pages of named origins."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from merits.core.answer import Answer, Failure, Usage
from merits.core.live import Rollout
from merits.core.release import Release
from merits.core.secrets import register
from merits.core.serving import ServeSettings
from merits.serving.keys import new_key
from merits.serving.telemetry import Log
from merits.serving.tracing import GEN_AI, Tracer, tracer_to
from merits.serving.unit import Unit
from merits.testing.live import MemoryLive
from merits.testing.models import Constant, Replying
from merits.testing.serving import ModelUnit, a_release, served

Make = Callable[..., Any]


def test_a_trace_has_the_names_of_opentelemetry(tmp_path: Path, client: Make) -> None:
    """Below the client's own trace, with usage, and never content."""
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    said = {"boom": Answer(failure=Failure("timeout", "late"))}
    model = Replying(lambda text: said.get(str(text), Answer("yes", usage=Usage(5, output_tokens=2), model="m-1")))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with served([ModelUnit(a_release(), model, cost=0.5)], tmp_path) as running:
        running.gateway.desk.tracer = Tracer(exporter)
        client(running.url).post("/predict", {"input": "a secret question"}, traceparent=parent)
        client(running.url).post("/predict", {"input": "boom"})
        running.gateway.desk.tracer._provider.force_flush()
    one, two = exporter.get_finished_spans()
    assert one.name == "predict merits/t@1"
    assert f"{one.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert one.attributes[GEN_AI["asked"]] == "merits/t@1"
    assert one.attributes[GEN_AI["answered"]] == "m-1"
    assert (one.attributes[GEN_AI["input"]], one.attributes[GEN_AI["output"]]) == (5, 2)
    assert two.attributes[GEN_AI["error"]] == "timeout"
    assert "secret question" not in one.to_json()


def test_nothing_is_traced_unless_somebody_says_where_to() -> None:
    """No telemetry of our own."""
    assert tracer_to("", {}) is None


def test_logs_hold_no_content_and_no_secret(tmp_path: Path, client: Make) -> None:
    """Only who, what and how it went."""
    register("sk-very-secret-1")
    with served([ModelUnit(a_release(), Replying(lambda text: Answer("an answer")))], tmp_path) as running:
        client(running.url).post("/predict", {"input": "a private question"})
        client(running.url).get("/sk-very-secret-1")
        running.gateway.desk.log.event("test", "the key is sk-very-secret-1")
    lines = "".join(running.log)
    assert "a private question" not in lines
    assert "an answer" not in lines
    assert "sk-very-secret-1" not in lines


def test_pages_of_a_named_origin_may_call(tmp_path: Path, client: Make) -> None:
    """And of no other."""
    settings = ServeSettings(keys=False, origins=("https://shop.example",))
    with served([ModelUnit(a_release(), Replying(lambda text: Answer("yes")))], tmp_path, settings=settings) as running:
        ask = client(running.url)
        good = ask.post("/predict", {"input": "x"}, Origin="https://shop.example")
        other = ask.post("/predict", {"input": "x"}, Origin="https://evil.example")
        before = ask.send("OPTIONS", "/predict", None, {"Origin": "https://shop.example"})
    assert good.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in other.headers
    assert before.status == 204


def test_a_reader_of_the_log_who_stops_stops_nobody_and_is_told_what_he_missed() -> None:
    """A full pipe takes nothing more, and whoever writes into it waits."""
    reads, writes = os.pipe()
    with os.fdopen(writes, "w") as out:
        log = Log(out)
        begun = time.monotonic()
        for _ in range(40):  # of which a pipe holds 64 KiB, and the log 8 MiB
            log._lines.append({"event": "much", "message": "x" * 400_000})
            log.flush()
        assert time.monotonic() - begun < 5
        came = b""
        while b"were left out" not in came[-100_000:]:
            came += os.read(reads, 2**20)
            log.event("more", "y")
            assert time.monotonic() - begun < 30
        log.close()
    os.close(reads)
    left_out = int(re.findall(rb"(\d+) lines were left out", came)[0])
    assert left_out + came.count(b'"much"') == 40


def test_a_key_is_revoked_while_a_release_is_being_opened(tmp_path: Path, client: Make) -> None:
    """Opening may take minutes."""
    key, kept = new_key(now=time.time())
    live = MemoryLive()
    live.add([kept])
    units = [ModelUnit(a_release("t", version), Constant("yes")) for version in (1, 2)]
    rollout = Rollout(task="t", at=1.0, champion=1)
    with served(units, tmp_path, live=live, settings=ServeSettings(), rollout=rollout) as running:
        begun = threading.Event()

        async def slow(release: Release, folder: Path) -> Unit:
            begun.set()
            await asyncio.sleep(30)
            raise AssertionError

        running.gateway.desk.fleet.opened = slow
        live.add([replace(rollout, at=2.0, champion=2)])
        assert begun.wait(10)
        one = client(running.url, key)
        assert one.chat().status == 200
        live.add([replace(kept, at=time.time(), revoked_at=time.time())])
        assert eventually(lambda: one.chat().status == 401)


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it comes to hold."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.1)
    return False
