"""Chat models in OpenAI's and in Anthropic's words: streams, tools, schemas, pictures, refusals and bills."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import msgspec
import pytest

from merits.candidates import completions, messages
from merits.candidates.meter import AskFailed
from merits.core.answer import Usage
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.testing.provider import FakeProvider, Fault, Said
from tests.candidates.asking import ask, dot, failed, remote, tone

KINDS = pytest.mark.parametrize("kind", ["chat", "anthropic"])
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
SCHEMA: dict[str, JSON] = {
    "type": "object",
    "properties": {"team": {"type": "string"}},
    "required": ["team"],
    "additionalProperties": False,
}
TOOLS: list[JSON] = [{"name": "route", "description": "Routes a ticket.", "parameters": SCHEMA}]


@KINDS
@BOTH_WAYS
def test_the_answer_is_what_the_model_said(kind: str, stream: bool) -> None:
    """The same whole and in pieces, white space and all; with who answered and the tokens of each kind."""
    with FakeProvider(
        lambda messages: "Yes,  it is.\nSurely.", cached_tokens=1, reasoning_tokens=0, model="small-08"
    ) as provider:
        answer = ask(remote(kind, provider, stream=stream), "Is it so?")
    assert answer.output == "Yes,  it is.\nSurely."
    assert answer.model == "small-08"
    assert answer.system_fingerprint == ("fp_fake" if kind == "chat" else "")
    assert (answer.refused, answer.finish_reason) == (False, "")
    assert answer.usage == Usage(input_tokens=2, cache_read_tokens=1, output_tokens=4)


@KINDS
@BOTH_WAYS
def test_tool_calls_are_the_answer(kind: str, stream: bool) -> None:
    """None is run: which were wanted, with which arguments, is what is scored."""
    with FakeProvider(lambda messages: "billing") as provider:
        model = remote(kind, provider, stream=stream, tools=TOOLS)
        assert ask(model).output == [{"name": "route", "arguments": {"team": "billing"}}]


@KINDS
@BOTH_WAYS
def test_an_answer_of_a_schema_is_read(kind: str, stream: bool) -> None:
    """OpenAI has a response format for it, Anthropic a tool that must be called."""
    with FakeProvider(lambda messages: "billing") as provider:
        model = remote(kind, provider, stream=stream, response_schema=SCHEMA)
        assert ask(model).output == {"team": "billing"}
        body = provider.requests[0].body
    if kind == "chat":
        form = {"name": "answer", "schema": SCHEMA, "strict": True}
        assert body["response_format"] == {"type": "json_schema", "json_schema": form}
    else:
        assert body["tool_choice"] == {"type": "tool", "name": "answer"}


def test_a_schema_may_stand_in_a_file_and_a_changed_file_is_another_model(tmp_path: Path) -> None:
    """Stored answers must not be those to another question."""
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(SCHEMA))
    with FakeProvider(lambda messages: "billing") as provider:
        model = remote("chat", provider, tmp_path, response_schema="answer.json")
        assert ask(model).output == {"team": "billing"}
        file.write_text(json.dumps({**SCHEMA, "title": "new"}))
        assert remote("chat", provider, tmp_path, response_schema="answer.json").fingerprint != model.fingerprint
        with pytest.raises(CandidateError, match=r"'other\.json' cannot be read"):
            remote("chat", provider, tmp_path, response_schema="other.json")


def test_what_is_not_json_stays_a_text() -> None:
    """An unusable answer is scored, not failed."""
    with FakeProvider(lambda messages: Said("team: billing")) as provider:
        assert ask(remote("chat", provider, response_schema=SCHEMA)).output == "team: billing"


@KINDS
@BOTH_WAYS
def test_a_refusal_is_an_answer_that_says_so(kind: str, stream: bool) -> None:
    """The model was asked and said no."""
    said = Said(refusal="I cannot.", finish="refusal")
    with FakeProvider(lambda messages: said) as provider:
        answer = ask(remote(kind, provider, stream=stream))
    assert (answer.output, answer.refused) == ("I cannot.", True)


@KINDS
@BOTH_WAYS
def test_an_answer_that_was_cut_off_says_so_in_one_word(kind: str, stream: bool) -> None:
    """OpenAI calls it length, Anthropic max_tokens."""
    params: dict[str, JSON] = {"max_tokens": 2} if kind == "anthropic" else {"parameters": {"max_tokens": 2}}
    with FakeProvider(lambda messages: "one two three") as provider:
        answer = ask(remote(kind, provider, stream=stream, **params))
    assert (answer.output, answer.finish_reason) == ("one two", "length")


@KINDS
@pytest.mark.parametrize(
    ("fault", "failure", "unmetered"),
    [("truncated", "connection", 1), ("malformed", "server_error", 1), ("html_page", "server_error", 1)],
)
def test_half_a_reply_may_be_on_the_bill(kind: str, fault: str, failure: str, unmetered: int) -> None:
    """What it cost is not known, and it is tried again."""
    with FakeProvider(faults=[Fault(fault)]) as provider:  # type: ignore[arg-type]
        found = failed(remote(kind, provider))
    assert (found.failure.kind, found.usage.unmetered) == (failure, unmetered)


@KINDS
def test_a_stream_that_ends_too_early_is_a_failure_that_may_pass(kind: str) -> None:
    """Half an answer is none; its tokens were not told."""
    with FakeProvider(lambda messages: "one two three four five", faults=[Fault("truncated")]) as provider:
        found = failed(remote(kind, provider, stream=True))
    assert found.failure.kind == "connection"
    assert found.usage.unmetered == 1


@KINDS
@BOTH_WAYS
def test_an_empty_reply_is_on_the_bill(kind: str, stream: bool) -> None:
    """The provider told what it used, and charges for it."""
    with FakeProvider(lambda messages: "one two", faults=[Fault("empty")]) as provider:
        found = failed(remote(kind, provider, stream=stream), "a b c")
    assert (found.failure.kind, found.usage) == ("server_error", Usage(input_tokens=3, output_tokens=2))


@KINDS
@BOTH_WAYS
def test_a_reply_that_tells_no_usage_is_unmetered(kind: str, stream: bool) -> None:
    """It is an answer, and what it cost is not known: never zero."""
    with FakeProvider(lambda messages: "yes", faults=[Fault("usage_missing")]) as provider:
        answer = ask(remote(kind, provider, stream=stream))
    assert (answer.output, answer.usage) == ("yes", Usage(unmetered=1))


@KINDS
def test_a_good_reply_under_a_wrong_name_is_an_answer(kind: str) -> None:
    """It is paid for: to ask again because of a header would pay twice."""
    with FakeProvider(lambda messages: "yes", faults=[Fault("wrong_content_type")]) as provider:
        assert ask(remote(kind, provider)).output == "yes"


@KINDS
def test_a_picture_that_the_input_names_is_sent(kind: str, tmp_path: Path) -> None:
    """Beside what is asked about it, in the provider's own words."""
    data = base64.b64encode(dot(tmp_path).read_bytes()).decode()
    with FakeProvider(lambda messages: "a dot") as provider:
        ask(remote(kind, provider, tmp_path, prompt="What is it? {input}"), "dot.png")
        (message,) = provider.requests[0].messages
    picture: dict[str, JSON] = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    if kind == "anthropic":
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    assert message["content"] == [{"type": "text", "text": "What is it? "}, picture]


def test_columns_may_hold_pictures_and_sounds(tmp_path: Path) -> None:
    """Each goes as what it is; the other columns stay text, and so does a name of no file."""
    dot(tmp_path), tone(tmp_path)
    input: JSON = {"question": "Which bird?", "files": ["dot.png", "tone.wav"], "note": "missing.png"}
    with FakeProvider() as provider:
        ask(remote("chat", provider, tmp_path), input)
        (message,) = provider.requests[0].messages
    content = message["content"]
    assert isinstance(content, list)
    assert content[0] == {"type": "text", "text": "question: Which bird?\nnote: missing.png"}
    assert [part["type"] for part in content[1:]] == ["image_url", "input_audio"]
    assert content[2]["input_audio"]["format"] == "wav"


def test_anthropic_is_not_asked_about_sounds(tmp_path: Path) -> None:
    """It would refuse; nothing is spent on finding out."""
    tone(tmp_path)
    with FakeProvider() as provider:
        found = failed(remote("anthropic", provider, tmp_path), "tone.wav")
        assert not provider.requests
    assert found.failure.kind == "bad_request"


def test_anthropic_is_asked_with_its_headers_and_its_system_prompt() -> None:
    """And with the key in its own header only."""
    with FakeProvider(lambda messages: "yes", api_key="sk-ant-012345") as provider:
        env = {"ANTHROPIC_API_KEY": "sk-ant-012345"}
        model = remote("anthropic", provider, env=env, system="Be brief.", parameters={"temperature": 0})
        assert ask(model).output == "yes"
        request = provider.requests[0]
    assert request.body == {
        "model": "small",
        "max_tokens": 1024,
        "temperature": 0,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Is it?"}],
    }
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers


def test_a_filter_in_front_of_the_model_refuses_too() -> None:
    """Azure says so with status 400: no failure to ask, and not to be asked again."""
    from merits.candidates.providers import ContentRefused, Endpoint

    endpoint = Endpoint("openai", "http://localhost:9/v1", {})
    error = msgspec.json.encode({"error": {"code": "content_filter", "message": "Filtered."}})
    with pytest.raises(ContentRefused) as caught:
        endpoint._good(400, {}, error)
    assert (caught.value.answer.refused, caught.value.answer.usage.unmetered) == (True, 1)
    with pytest.raises(AskFailed) as plain:
        endpoint._good(400, {}, b'{"error": {"code": "other"}}')
    assert not isinstance(plain.value, ContentRefused)


def test_an_error_inside_a_stream_is_told_apart() -> None:
    """It comes with status 200, after pieces of an answer."""
    gathered = completions.Gathered()
    gathered.take(b'{"choices": [{"delta": {"content": "ye"}}]}')
    with pytest.raises(AskFailed, match="overloaded"):
        gathered.take(b'{"error": {"message": "overloaded"}}')
    message = messages.GatheredMessage()
    message.take(b'{"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 7}}}')
    with pytest.raises(AskFailed) as caught:
        message.take(b'{"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}')
    assert (caught.value.failure.kind, caught.value.usage) == ("rate_limited", Usage(input_tokens=7, unmetered=1))


def test_a_server_that_does_not_stream_is_understood() -> None:
    """Some ignore the wish and send the whole."""
    gathered = completions.Gathered()
    gathered.take(b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}')
    assert gathered.answer(whole=True).output == "yes"
    message = messages.GatheredMessage()
    message.take(b'{"type": "message", "content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn"}')
    assert message.answer().output == "yes"
