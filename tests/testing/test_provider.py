"""The fake provider behaves as its faults say, and writes down what it was asked."""

from __future__ import annotations

import base64
import http.client
import json
import math
import random
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from merits.core.candidate import Price
from merits.testing.provider import FakeProvider, Fault, FaultKind, Latency, Limits


def post(
    provider: FakeProvider, text: str = "Hi there", key: str = ""
) -> tuple[int, dict[str, object], dict[str, str]]:
    """Status, body and headers of one question."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"{provider.base_url}/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.load(reply), dict(reply.headers)
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, json.load(problem), dict(problem.headers)


def test_it_answers_and_counts_words_as_tokens() -> None:
    """So that a test can know what a question costs."""
    with FakeProvider(lambda messages: "one two three", cached_tokens=1) as provider:
        status, body, _ = post(provider)
    assert status == 200
    assert body["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_every_request_is_in_the_ledger() -> None:
    """Also the refused ones: "asked for nothing twice" is proved by counting here."""
    with FakeProvider(api_key="right", faults=[Fault("server_error", times=1)]) as provider:
        statuses = [post(provider, key=key)[0] for key in ("wrong", "right", "right")]
    assert statuses == [401, 500, 200]
    assert [request.status for request in provider.requests] == [401, 500, 200]
    assert provider.requests[1].fault == "server_error"
    assert provider.requests[2].messages[0]["content"] == "Hi there"


def test_a_fault_may_depend_on_the_question_and_carry_retry_after() -> None:
    """One poisonous row among good ones."""
    fault = Fault("rate_limit", when=lambda messages: "bad" in str(messages[-1]["content"]), retry_after_s=2)
    with FakeProvider(faults=[fault]) as provider:
        good, bad = post(provider, "good"), post(provider, "bad")
    assert (good[0], bad[0], bad[2]["Retry-After"]) == (200, 429, "2")


def test_faults_by_chance_repeat_with_the_seed() -> None:
    """A failing test must fail again."""

    def statuses(seed: int) -> list[int]:
        with FakeProvider(faults=[Fault("unavailable", probability=0.5)], seed=seed) as provider:
            return [post(provider)[0] for _ in range(20)]

    assert statuses(1) == statuses(1)
    assert statuses(1) != statuses(2)
    assert {200, 503} == set(statuses(1))


def test_it_stops_twice_and_frees_the_port() -> None:
    """A test that failed half-way stops it again."""
    provider = FakeProvider()
    provider.start()
    provider.stop()
    provider.stop()
    with pytest.raises(urllib.error.URLError):
        post(provider)


def ask(
    provider: FakeProvider, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, Message]:
    """Status, body and headers of one request, whatever the reply is."""
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        return reply.status, reply.read(), reply.headers
    finally:
        connection.close()


CHAT = "/v1/chat/completions"
HI = {"model": "m", "messages": [{"role": "user", "content": "Hi there"}]}
VERSION = {"anthropic-version": "2023-06-01"}


def events(body: bytes) -> list[dict[str, Any]]:
    """The data of a stream of events."""
    lines = [line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_a_stream_tells_the_words_and_with_include_usage_the_usage() -> None:
    """OpenAI's stream has usage only where it is asked for, in a chunk without choices."""
    with FakeProvider(lambda messages: "one two", pause_s=0.001) as provider:
        _, plain, headers = ask(provider, CHAT, {**HI, "stream": True})
        _, counted, _ = ask(provider, CHAT, {**HI, "stream": True, "stream_options": {"include_usage": True}})
    assert headers["Content-Type"] == "text/event-stream"
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in events(plain))
    assert said == "one two"
    assert [chunk for chunk in events(plain) if "usage" in chunk] == []
    assert events(counted)[-1]["choices"] == []
    assert events(counted)[-1]["usage"]["total_tokens"] == 4


def test_anthropic_is_spoken_and_its_usage_is_without_the_cache() -> None:
    """`input_tokens` there is only what was not cached; OpenAI's `prompt_tokens` is all of it."""
    asked = {"model": "m", "max_tokens": 9, "system": "Be brief", "messages": HI["messages"]}
    with FakeProvider(lambda messages: "one two", cached_tokens=3, reasoning_tokens=5, api_key="k") as provider:
        status, body, _ = ask(provider, "/v1/messages", asked, {**VERSION, "x-api-key": "k"})
        _, streamed, _ = ask(provider, "/v1/messages", {**asked, "stream": True}, {**VERSION, "x-api-key": "k"})
        refused = ask(provider, "/v1/messages", asked, {**VERSION, "x-api-key": "x"})
        unversioned = ask(provider, "/v1/messages", asked, {"x-api-key": "k"})
    reply = json.loads(body)
    assert (status, reply["content"], reply["stop_reason"]) == (200, [{"type": "text", "text": "one two"}], "end_turn")
    usage = reply["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (1, 3, 7)
    told = events(streamed)
    assert [told[0]["type"], told[-1]["type"]] == ["message_start", "message_stop"]
    assert "".join(each["delta"]["text"] for each in told if each["type"] == "content_block_delta") == "one two"
    assert (refused[0], json.loads(refused[1])["error"]["type"]) == (401, "authentication_error")
    assert unversioned[0] == 400


def test_tools_are_called_and_documents_follow_their_schema() -> None:
    """A client is tested with what it asked for."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "kind": {"enum": ["a", "b"]}}}
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": schema}}]
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    with FakeProvider(lambda messages: "Rome") as provider:
        called = json.loads(ask(provider, CHAT, {**HI, "tools": tools})[1])["choices"][0]
        made = json.loads(ask(provider, CHAT, {**HI, "response_format": form})[1])["choices"][0]
    function = called["message"]["tool_calls"][0]["function"]
    assert (called["finish_reason"], function["name"]) == ("tool_calls", "look_up")
    assert json.loads(function["arguments"]) == json.loads(made["message"]["content"]) == {"city": "Rome", "kind": "a"}


def test_embeddings_are_the_same_for_the_same_text_in_both_encodings() -> None:
    """The vendor's client asks for base64, others for numbers."""
    with FakeProvider() as provider:
        numbers = json.loads(ask(provider, "/v1/embeddings", {"input": ["a b", "c"], "dimensions": 8})[1])
        packed = json.loads(
            ask(provider, "/v1/embeddings", {"input": "c", "dimensions": 8, "encoding_format": "base64"})[1]
        )
    vector = struct.unpack("<8f", base64.b64decode(packed["data"][0]["embedding"]))
    assert vector == pytest.approx(numbers["data"][1]["embedding"], abs=1e-6)
    assert math.fsum(x * x for x in vector) == pytest.approx(1, abs=1e-6)
    assert numbers["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_a_recording_is_transcribed_and_a_picture_drawn() -> None:
    """Their bills are in tokens too."""
    form = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="hello.wav"\r\n\r\n' + b"x" * 3000 + b"\r\n--b--"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with FakeProvider() as provider:
        sent = urllib.request.Request(f"{provider.base_url}/audio/transcriptions", form, headers)
        with urllib.request.urlopen(sent, timeout=10) as reply:
            heard = json.load(reply)
        drawn = json.loads(ask(provider, "/v1/images/generations", {"prompt": "a red dot", "n": 2})[1])
        with urllib.request.urlopen(f"{provider.base_url}/models", timeout=10) as reply:
            models = json.load(reply)
    assert (heard["text"], heard["usage"]["input_tokens"]) == ("hello.wav", 3)
    assert [base64.b64decode(each["b64_json"])[1:4] for each in drawn["data"]] == [b"PNG", b"PNG"]
    assert [each["id"] for each in models["data"]] == ["fake"]


@pytest.mark.parametrize(
    ("kind", "stream", "status", "billed"),
    [
        ("overloaded", False, 529, False),
        ("malformed", False, 200, False),
        ("truncated", False, 200, False),
        ("truncated", True, 200, False),
        ("html_page", False, 200, False),
        ("wrong_content_type", False, 200, True),
        ("slow_headers", False, 200, True),
        ("usage_missing", False, 200, True),
        ("empty", False, 200, True),
        ("empty", True, 200, True),
    ],
)
def test_the_bill_holds_what_was_answered_whole(kind: FaultKind, stream: bool, status: int, billed: bool) -> None:
    """Whoever compares a client with the ledger must know what a fault costs."""
    fault = Fault(kind, seconds=0.01)
    body = {**HI, "stream": stream, "stream_options": {"include_usage": True}}
    with FakeProvider(faults=[fault], rates=Price(per_call=0.5, input_per_million=1e6)) as provider:
        if kind == "truncated":
            with pytest.raises(http.client.IncompleteRead):
                ask(provider, CHAT, body)
        else:
            got, said, headers = ask(provider, CHAT, body)
            assert got == status
            assert (b'"usage"' in said) == (kind not in ("overloaded", "malformed", "html_page", "usage_missing"))
            assert headers["Content-Type"].startswith("application/json") == (kind not in OTHER_TYPES and not stream)
        assert (provider.ledger.n_billed, provider.ledger.money) == ((1, 2.5) if billed else (0, 0.0))
        assert (provider.ledger.n_requests, provider.ledger.faults[kind]) == (1, 1)


OTHER_TYPES = ("html_page", "wrong_content_type")


def test_a_client_that_goes_away_is_settled_and_may_be_billed() -> None:
    """A hang is on nobody's bill, unless the provider bills what was lost."""
    for bill_lost in (False, True):
        with FakeProvider(faults=[Fault("hang")], bill_lost=bill_lost) as provider:
            connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=0.1)
            connection.request("POST", CHAT, json.dumps(HI))
            with pytest.raises(TimeoutError):
                connection.getresponse()
            connection.close()
            _until(lambda: provider.ledger.n_abandoned == 1)
            assert (provider.ledger.n_billed, provider.ledger.n_open) == (int(bill_lost), 0)


def _until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


def test_limits_are_enforced_and_told_as_each_provider_tells_them() -> None:
    """The 429 says when to come back, and every reply how much is left."""
    asked = {"model": "m", "max_tokens": 9, "messages": HI["messages"]}
    with FakeProvider(limits=Limits(requests=2, tokens=1000, window_s=60)) as provider:
        first, _, told = ask(provider, CHAT, HI)
        second, _, said = ask(provider, "/v1/messages", asked, VERSION)
        third, _, refused = ask(provider, CHAT, HI)
    assert (first, second, third) == (200, 200, 429)
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("2", "1")
    assert told["x-ratelimit-reset-requests"].endswith("s")
    assert (said["anthropic-ratelimit-requests-remaining"], said["anthropic-ratelimit-tokens-limit"]) == ("0", "1000")
    assert said["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert 29 <= float(refused["Retry-After"]) <= 30


def test_retry_after_may_be_a_date() -> None:
    """RFC 9110 allows both."""
    with FakeProvider(faults=[Fault("rate_limit", retry_after_s=30, as_date=True)]) as provider:
        _, _, headers = ask(provider, CHAT, HI)
    assert 28 <= (parsedate_to_datetime(headers["Retry-After"]) - datetime.now(UTC)).total_seconds() <= 30


def test_latencies_are_drawn_from_their_distribution() -> None:
    """Median and 95th percentile are what was asked for; the same seed draws the same."""
    latency = Latency.lognormal(median_s=0.4, p95_s=2.0)
    draws = sorted(latency.draw(random.Random(seed)) for seed in range(2000))
    assert draws[1000] == pytest.approx(0.4, rel=0.1)
    assert draws[1900] == pytest.approx(2.0, rel=0.2)
    assert latency.quantile(0.95) == pytest.approx(2.0)
    assert Latency.parse("lognormal:0.4:2") == latency
    assert Latency.uniform(1, 3).quantile(0.25) == 1.5


def test_another_process_reads_the_ledger_over_http() -> None:
    """That is how a benchmark compares bills."""
    with FakeProvider(rates=Price(input_per_million=1e6), keep=False) as provider:
        ask(provider, CHAT, HI)
        with urllib.request.urlopen(f"http://127.0.0.1:{provider.port}/ledger?entries", timeout=10) as reply:
            ledger = json.load(reply)
    assert (ledger["requests"], ledger["billed"], ledger["money"]) == (1, 1, 2.0)
    assert ledger["models"]["m"]["input"] == 2
    assert ledger["entries"] == provider.requests == []


def test_a_request_may_come_in_chunks_and_in_pieces() -> None:
    """Clients send large bodies so."""
    body = json.dumps(HI).encode()
    with FakeProvider() as provider:
        connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)
        connection.request("POST", CHAT, iter([body[:7], body[7:]]), encode_chunked=True)
        first = connection.getresponse()
        first.read()
        connection.request("POST", CHAT, body, {"Expect": "100-continue"})
        second = connection.getresponse()
        said = json.loads(second.read())
        connection.close()
    assert (first.status, second.status, said["choices"][0]["message"]["content"]) == (200, 200, "Hi there")


def test_it_starts_with_one_command_and_says_at_the_end_what_it_billed() -> None:
    """From a shell, for any language."""
    command = [sys.executable, "-m", "merits.testing.provider", "--port", "0", "--fault", "server_error:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().split("OPENAI_BASE_URL=")[1].split()[0]
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/chat/completions", json.dumps(HI).encode(), timeout=10)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=10)
    assert json.loads(said)["statuses"] == {"500": 1}


def test_what_lasts_an_hour_and_what_is_spoken_is_told_and_billed_from_a_shell_too() -> None:
    """Each in the words of the provider that has it, at a rate of its own."""
    command = [sys.executable, "-m", "merits.testing.provider", "--port", "0", "--input-rate", "0"]
    command += ["--output-rate", "0", "--cache-write-tokens", "1", "--cache-write-1h-tokens", "1"]
    command += ["--spoken-tokens", "5", "--rate", "cache_write_1h:6", "--rate", "audio_output:64"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().split("OPENAI_BASE_URL=")[1].split()[0]
        asked = json.dumps({**HI, "max_tokens": 9}).encode()
        with urllib.request.urlopen(f"{url}/chat/completions", asked, timeout=10) as reply:
            chat = json.load(reply)["usage"]
        request = urllib.request.Request(f"{url}/messages", asked, {"Content-Type": "application/json", **VERSION})
        with urllib.request.urlopen(request, timeout=10) as reply:
            message = json.load(reply)["usage"]
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=10)
    assert chat["completion_tokens_details"] == {"reasoning_tokens": 0, "audio_tokens": 5}
    assert chat["completion_tokens"] == 5 + len(HI["messages"][0]["content"].split())
    assert message["cache_creation_input_tokens"] == 2
    assert message["cache_creation"] == {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 1}
    assert json.loads(said)["money"] == pytest.approx((5 * 64 + 1 * 6) / 1e6)


def test_a_rate_of_no_kind_of_token_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the kinds that there are."""
    from merits.testing.provider.__main__ import main

    with pytest.raises(SystemExit):
        main(["--rate", "spoken:64"])
    assert "'spoken' is no kind of token; there are input, output, cache_read," in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do, and no traceback; no thread is left."""
    import threading

    from merits.testing.provider.__main__ import main

    with FakeProvider() as provider:
        n_threads = threading.active_count()
        assert main(["--port", str(provider.port)]) == 2
        assert threading.active_count() == n_threads
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"port {provider.port} is in use. next: Give another --port, or 0 for a free one.\n"
