"""Chat models behind a real HTTP server that behaves, and misbehaves, like a provider."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from merits.candidates.completions import answer_of, usage_of
from merits.candidates.meter import Meter
from merits.candidates.providers import Endpoint
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.provider import FakeProvider, Fault
from tests.candidates.asking import ask, failed

KEY = "sk-test-0123456789"
LABELS = "Answer with exactly one of these labels and nothing else: no, yes"


def chat(provider: FakeProvider | None = None, *, env: Mapping[str, str] | None = None, **params: JSON) -> Model:
    """A chat model of the fake provider."""
    url = {"OPENAI_BASE_URL": provider.base_url} if provider else {}
    context = LoadContext(folder=Path(__file__).parent, classes=("no", "yes"), env={**url, **(env or {})})
    return load(Candidate(name="mine", kind="chat", params={"model": "small", **params}), context)


def failure(model: Model, input: JSON = "Is it?") -> Failure:
    return failed(model, input).failure


def test_the_question_is_sent_as_the_recipe_says() -> None:
    """Model, parameters, instructions, labels, examples and the filled prompt; the key in its header only."""
    with FakeProvider(lambda messages: "yes", api_key=KEY) as provider:
        model = chat(
            provider,
            env={"OPENAI_API_KEY": KEY},
            prompt="Question: {input}",
            system="Be brief.",
            parameters={"temperature": 0, "max_tokens": 3},
            examples=[{"input": "Is 1 odd?", "output": "yes"}],
        )
        assert ask(model).output == "yes"
        request = provider.requests[0]
    assert request.body == {
        "model": "small",
        "temperature": 0,
        "max_tokens": 3,
        "messages": [
            {
                "role": "system",
                "content": "Be brief.\nAnswer with exactly one of these labels and nothing else: no, yes",
            },
            {"role": "user", "content": "Question: Is 1 odd?"},
            {"role": "assistant", "content": "yes"},
            {"role": "user", "content": "Question: Is it?"},
        ],
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_few_shot_examples_come_from_the_training_examples() -> None:
    """And only once they are known."""
    with FakeProvider() as provider:
        model = chat(provider, few_shot=2)
        assert isinstance(model, Trainable)
        before = model.fingerprint
        with pytest.raises(RuntimeError, match="before it was fitted"):
            ask(model)
        model.fit([Example("1", "Is 2 even?", "yes"), Example("2", "Is 2 odd?", "no")])
        ask(model)
        shown = {message["content"] for message in provider.requests[0].messages}
    assert {"Is 2 even?", "Is 2 odd?", "yes", "no", "Is it?"} <= shown
    assert before == model.fingerprint


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("rate_limit", retry_after_s=7), "rate_limited", "429"),
        (Fault("server_error"), "server_error", "500: This is a server_error"),
        (Fault("unavailable"), "server_error", "503"),
        (Fault("bad_request"), "bad_request", "400: This is a bad_request"),
        (Fault("reset"), "connection", "http"),
        (Fault("malformed"), "server_error", "not JSON"),
        (Fault("empty"), "server_error", "no choices"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_what_goes_wrong_is_told_apart(fault: Fault, kind: str, words: str) -> None:
    """What may pass is tried again, what will not pass is not: the kind decides."""
    with FakeProvider(faults=[fault]) as provider:
        found = failure(chat(provider))
    assert found.kind == kind
    assert words in found.message
    assert found.retry_after_s == fault.retry_after_s


def test_a_wrong_key_is_unauthorised_and_never_shown() -> None:
    """The message names the variable to mend, not the key."""
    with FakeProvider(api_key="another") as provider:
        found = failure(chat(provider, env={"OPENAI_API_KEY": KEY}))
    assert found.kind == "unauthorised"
    assert "Check OPENAI_API_KEY" in found.message
    assert KEY not in found.message


def test_a_key_that_a_provider_repeats_is_redacted() -> None:
    """Some put the refused key into their message."""
    endpoint = Endpoint("openai", "http://localhost:9/v1", {"OPENAI_API_KEY": KEY})
    found = endpoint._failure(400, f'{{"error": {{"message": "bad key {KEY}"}}}}', {})
    assert found.message == "400: bad key ***"


def test_nobody_there_is_a_lost_connection() -> None:
    """An unreachable endpoint may come back; it is no answer of the model."""
    assert failure(chat(base_url="http://127.0.0.1:9/v1")).kind == "connection"


def test_a_hanging_provider_is_cut_off_at_the_deadline() -> None:
    """The meter's deadline reaches through to the connection."""

    async def once(model: Model) -> Answer:
        try:
            return await Meter(model, timeout_s=0.2, retries=0).answer("Is it?")
        finally:
            await model.close()

    with FakeProvider(faults=[Fault("hang")]) as provider:
        answer = asyncio.run(once(chat(provider)))
    assert answer.failure is not None
    assert answer.failure.kind == "timeout"


def test_a_404_without_a_word_names_the_address() -> None:
    """Whoever left out the /v1 gets that, from many servers."""
    endpoint = Endpoint("openai", "http://127.0.0.1:1/api", {})
    found = endpoint._failure(404, "", {})
    assert found.message == "404: without a word, from http://127.0.0.1:1/api (an address ends like https://host/v1)"
    assert found.kind == "bad_request"


def test_failures_that_pass_are_tried_again() -> None:
    """Two failures, then an answer: one question to the user."""

    async def once(model: Model) -> Answer:
        async def no_wait(seconds: float) -> None: ...

        try:
            return await Meter(model, timeout_s=5, retries=3, sleep=no_wait).answer("Is it?")
        finally:
            await model.close()

    with FakeProvider(
        lambda messages: "yes", faults=[Fault("server_error", times=1), Fault("empty", times=1)]
    ) as provider:
        answer = asyncio.run(once(chat(provider)))
    assert (answer.output, answer.usage.attempts) == ("yes", 3)


def test_usage_is_counted_once_by_kind() -> None:
    """Cached tokens are not input a second time, nor is reasoning output."""
    with FakeProvider(lambda messages: "one two", cached_tokens=1, reasoning_tokens=5) as provider:
        usage = ask(chat(provider, labels=False), "a b c").usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens) == (2, 1, 2, 5)


@pytest.mark.parametrize(
    "usage",
    [
        {"total_tokens": 15},
        {"total_tokens": 22, "completion_tokens_details": {"reasoning_tokens": 7}},
        {"total_tokens": 18},
        {"total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 99}},
        {"total_tokens": 15, "prompt_cache_hit_tokens": 4},
        {"total_tokens": 15, "completion_tokens_details": None},
        {"total_tokens": 15, "prompt_tokens_details": {"audio_tokens": 6, "cache_write_tokens": 2}},
        {"total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 3}},
    ],
)
def test_parts_of_usage_sum_to_the_total_and_none_is_negative(usage: dict[str, object]) -> None:
    """Whatever habit a provider has."""
    found = usage_of({"prompt_tokens": 10, "completion_tokens": 5, **usage})
    parts = [found.input_tokens, found.cache_read_tokens, found.cache_write_tokens, found.output_tokens]
    parts += [found.reasoning_tokens, found.audio_tokens, found.audio_output_tokens, found.image_tokens]
    assert sum(parts) == usage["total_tokens"]
    assert min(parts) >= 0


def test_confidence_is_read_from_token_probabilities_when_asked() -> None:
    """The probability of the whole label: two tokens of log probability -0.1 each."""
    with FakeProvider(lambda messages: "yes indeed", logprob=-0.1) as provider:
        assert ask(chat(provider)).confidence is None
        assert ask(chat(provider, logprobs=True)).confidence == pytest.approx(0.8187, abs=1e-4)


def probabilities_of(tokens: list[tuple[str, dict[str, float]]]) -> dict[str, float] | None:
    """What becomes of the likeliest tokens in each place of a reply, for the labels yes and no."""
    content = [
        {
            "token": token,
            "logprob": math.log(likely.get(token, 0.5)),
            "top_logprobs": [{"token": other, "logprob": math.log(share)} for other, share in likely.items()],
        }
        for token, likely in tokens
    ]
    text = "".join(token for token, _ in tokens)
    reply = {"choices": [{"message": {"content": text}, "logprobs": {"content": content}}]}
    answer = answer_of(reply, whole=True, labels=("yes", "no"))  # type: ignore[arg-type]
    assert (answer.probabilities is None) != (answer.confidence is None)
    return answer.probabilities


def test_probabilities_of_labels_are_read_from_the_likeliest_tokens() -> None:
    """Case does not matter to a reader; what is no label has no share."""
    found = probabilities_of([("Yes", {"Yes": 0.6, "yes": 0.1, "No": 0.1, "Maybe": 0.2}), (".", {".": 0.9})])
    assert found == pytest.approx({"yes": 0.875, "no": 0.125})


def test_an_answer_that_is_no_label_has_a_confidence_only() -> None:
    """The model did not choose among the labels: no chance of theirs is known."""
    assert probabilities_of([("May", {"May": 0.6, "yes": 0.1}), ("be", {"be": 0.9})]) is None


@pytest.mark.parametrize(
    ("message", "output"),
    [
        ({"content": "yes"}, "yes"),
        ({"content": None, "refusal": "I cannot."}, "I cannot."),
        ({"content": None}, ""),
        ({"content": [{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]}, "yes"),
    ],
)
def test_what_the_model_said_is_kept_raw(message: dict[str, JSON], output: str) -> None:
    """A refusal is an answer; reading a label out of a text is a scorer's business."""
    assert answer_of({"choices": [{"message": message}]}, whole=True).output == output


def test_a_missing_key_names_the_variable_and_where_to_put_it() -> None:
    """Before anything is asked."""
    with pytest.raises(CandidateError, match=r"OPENAI_API_KEY is not set\. Set it .* in a file \.env"):
        chat()


def test_the_env_file_beside_the_task_is_read(tmp_path: Path) -> None:
    """As every developer expects; the environment itself goes first."""
    (tmp_path / ".env").write_text(f'# keys\nexport MISTRAL_API_KEY="{KEY}"  # mine\nOTHER=1\n')
    with FakeProvider(api_key=KEY) as provider:
        params: dict[str, JSON] = {"model": "small", "provider": "mistral", "base_url": provider.base_url}
        model = load(Candidate(name="mine", kind="chat", params=params), LoadContext(folder=tmp_path, env={}))
        assert ask(model).output == "Is it?"


def test_a_broken_env_file_is_named_without_showing_the_line(tmp_path: Path) -> None:
    """The line may hold a secret."""
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY: {KEY}\n")
    with pytest.raises(CandidateError, match=r"\.env, line 1 is not NAME=value") as caught:
        load(Candidate(name="mine", kind="chat", params={"model": "small"}), LoadContext(folder=tmp_path, env={}))
    assert KEY not in str(caught.value)


def test_another_endpoint_is_another_model() -> None:
    """The same name behind another address may answer otherwise; stored answers must not be mixed."""
    first, second = (chat(base_url=f"http://127.0.0.1:{port}/v1").fingerprint for port in (8001, 8002))
    assert first != second
    assert first == chat(base_url="http://127.0.0.1:8001/v1/").fingerprint
    assert first == chat(base_url="http://127.0.0.1:8001").fingerprint


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://user:secret-pass@host/v1"])
def test_a_bad_address_is_refused(url: str) -> None:
    """And a password in it is not repeated."""
    with pytest.raises(CandidateError) as caught:
        chat(base_url=url)
    assert "secret-pass" not in str(caught.value)


def test_where_nothing_is_asked_no_key_is_needed() -> None:
    """A decision on what is stored must not fail for want of a key."""
    recipe = Candidate(name="paid", kind="chat", params={"model": "gpt-4o-mini"})
    with pytest.raises(CandidateError, match="OPENAI_API_KEY is not set"):
        load(recipe, LoadContext(env={}))
    assert load(recipe, LoadContext(env={}, asks=False)).fingerprint
