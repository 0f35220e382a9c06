"""What can be seen of a server from outside: traces, logs without content, answers to web pages of named origins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from merits.core.answer import Answer, Failure, Usage
from merits.core.secrets import register
from merits.core.serving import ServeSettings
from merits.serving.tracing import GEN_AI, Tracer, tracer_to
from merits.testing.models import Replying
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


def test_a_clock_that_jumps_breaks_no_limit(tmp_path: Path, client: Make) -> None:
    """Durations, rates and deadlines are of the monotonic clock: none reads the time of day."""
    source = Path(__file__).parents[2] / "src" / "merits" / "serving"
    for name in ("admission", "rates", "guessing", "overdue", "shipping"):
        assert "time.time()" not in (source / f"{name}.py").read_text()
