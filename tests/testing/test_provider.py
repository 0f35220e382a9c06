"""The fake provider behaves as its faults say, and writes down what it was asked."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from merits.testing.provider import FakeProvider, Fault


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
