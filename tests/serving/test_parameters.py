"""What OpenAI's official client may send is honoured or refused with the reason, never silently ignored."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.serving import ServeSettings
from merits.serving.chat import BESIDE, ChatRequest
from merits.serving.embeddings import EmbeddingsRequest
from merits.testing.models import Constant, Replying
from merits.testing.serving import ModelUnit, Served, a_release, served
from tests.serving.test_openai import sound
from tests.serving.test_predict import as_url, picture

Make = Callable[..., Any]
CHAT = Candidate(name="c", kind="chat", params={"model": "m", "parameters": {"temperature": 0.5}})
OURS = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
TALK: Any = [{"role": "user", "content": "hi"}]


@contextmanager
def chatting(folder: Path, **settings: Any) -> Iterator[Served]:
    """A chat model that was proved at a temperature of 0.5."""
    unit = ModelUnit(a_release(kind="generation", candidate=CHAT), Constant("yes"))
    with served([unit], folder, settings=ServeSettings(keys=False, **settings)) as running:
        yield running


@pytest.mark.parametrize(
    ("resource", "request_type"),
    [(openai.resources.chat.Completions, ChatRequest), (openai.resources.Embeddings, EmbeddingsRequest)],
)
def test_all_that_the_client_may_send_is_known(resource: Any, request_type: Any) -> None:
    """A parameter of a newer client is refused as unknown until somebody says what becomes of it."""
    assert {*inspect.signature(resource.create).parameters} - OURS - {*request_type.__struct_fields__} == set()


ASKS_MORE: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 1.0,
    "function_call": {"name": "f"},
    "functions": [{"name": "f"}],
    "logit_bias": {"7": 1},
    "logprobs": True,
    "max_completion_tokens": 5,
    "max_tokens": 5,
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "moderation": {"model": "m"},
    "n": 2,
    "prediction": {"type": "content", "content": "a"},
    "presence_penalty": 1.0,
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "seed": 7,
    "service_tier": "flex",
    "stop": ["."],
    "store": True,
    "temperature": 0.7,
    "tool_choice": "required",
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "top_logprobs": 2,
    "top_p": 0.5,
    "verbosity": "low",
    "web_search_options": {},
}
NOTHING: dict[str, Any] = {
    "frequency_penalty": 0,
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "response_format": {"type": "text"},
    "service_tier": "auto",
    "stop": None,
    "store": False,
    "temperature": 0.5,
    "tool_choice": "auto",
    "top_p": 1,
}


def test_what_asks_for_more_than_was_proved_is_refused_by_name(tmp_path: Path, official: Make) -> None:
    """Each of them, and nothing is asked of the model; streamed as well."""
    assert {*BESIDE} - {*ASKS_MORE} == {"parallel_tool_calls", *(name for name in BESIDE if "prompt_cache" in name)}
    with chatting(tmp_path) as running:
        create = official(running.url).chat.completions.create
        for name, value in ASKS_MORE.items():
            for stream in (False, True):
                with pytest.raises(openai.BadRequestError) as told:
                    create(model="merits/t", messages=TALK, stream=stream, **{name: value})
                assert (told.value.code, told.value.param) == ("unsupported_parameter", name)
        with pytest.raises(openai.BadRequestError, match=r"Unknown key 'temprature'\. Did you mean 'temperature'\?"):
            create(model="merits/t", messages=TALK, extra_body={"temprature": 1})
        assert not running.live.served("t")


def test_what_asks_for_nothing_else_passes(tmp_path: Path, official: Make) -> None:
    """Defaults, hints, and what the recipe says too."""
    with chatting(tmp_path) as running:
        create = official(running.url).chat.completions.create
        said = create(model="merits/t", messages=TALK, **NOTHING)
        echoed = create(model="merits/t", messages=[*TALK, said.choices[0].message, *TALK])
    assert echoed.choices[0].message.content == "yes"


def test_a_server_may_leave_some_aside_and_says_so(tmp_path: Path, official: Make) -> None:
    """For clients that always send them."""
    with chatting(tmp_path, leave_aside=("temperature", "max_tokens")) as running:
        create = official(running.url).chat.completions.with_raw_response.create
        said = create(model="merits/t", messages=TALK, temperature=0.7, max_tokens=5)
        streamed = create(model="merits/t", messages=TALK, temperature=0.7, stream=True)
        plain = create(model="merits/t", messages=TALK)
        with pytest.raises(openai.BadRequestError):
            create(model="merits/t", messages=TALK, seed=1)
    assert said.headers["x-merits-left-aside"] == "max_tokens, temperature"
    assert streamed.headers["x-merits-left-aside"] == "temperature"
    assert "x-merits-left-aside" not in plain.headers


def test_usage_is_null_in_all_chunks_but_the_last_and_goes_with_a_stream(tmp_path: Path, official: Make) -> None:
    """As OpenAI's. Whole answers have it anyway."""
    with chatting(tmp_path) as running:
        create = official(running.url).chat.completions.create
        chunks = list(create(model="merits/t", messages=TALK, stream=True, stream_options={"include_usage": True}))
        bare = list(create(model="merits/t", messages=TALK, stream=True))
        with pytest.raises(openai.BadRequestError, match="stream: true"):
            create(model="merits/t", messages=TALK, stream_options={"include_usage": True})
    assert ["usage" in chunk.model_fields_set for chunk in chunks] == [True] * len(chunks)
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert not any("usage" in chunk.model_fields_set for chunk in bare)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}], "reads no 'image_url'"),
        ([], "holds no text"),
    ],
)
def test_what_a_release_of_texts_cannot_read_is_said(tmp_path: Path, official: Make, content: Any, said: str) -> None:
    """Not passed over."""
    with (
        served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as running,
        pytest.raises(openai.BadRequestError, match=said),
    ):
        official(running.url).chat.completions.create(model="merits/t", messages=[{"role": "user", "content": content}])


def test_a_release_of_pictures_is_sent_one(tmp_path: Path, official: Make) -> None:
    """A text or a second picture beside it would go unread."""
    part = {"type": "image_url", "image_url": {"url": as_url(picture())}}
    with served([ModelUnit(a_release(kind="image-classification"), Constant("red"))], tmp_path) as running:
        create = official(running.url).chat.completions.create
        said = create(model="merits/t", messages=[{"role": "user", "content": [part]}])
        for beside in ({"type": "text", "text": "And why?"}, part):
            with pytest.raises(openai.BadRequestError, match="is sent that alone"):
                create(model="merits/t", messages=[{"role": "user", "content": [part, beside]}])
    assert said.choices[0].message.content == "red"


def test_words_that_are_none_are_told_which_there_are(tmp_path: Path, official: Make, client: Make) -> None:
    """At every endpoint that takes JSON."""
    with chatting(tmp_path) as running:
        with pytest.raises(openai.BadRequestError) as told:
            official(running.url).chat.completions.create(
                model="merits/t",
                messages=[{"role": "usr", "content": "hi"}],  # type: ignore[list-item]
            )
        ask = client(running.url)
        source = ask.post("/feedback", {"request": "r", "source": "lable", "solved": True})
        far = ask.post("/feedback", {"request": "r", "source": "x", "solved": True})
        field = ask.post("/predict", {"inpt": "hi"})
    assert "Did you mean 'user'?" in told.value.message
    assert told.value.param == "messages.0.role"
    assert "Source: 'lable' is not one of its words. Did you mean 'label'?" in source.json["error"]["message"]
    assert "There are: judge, label, user." in far.json["error"]["message"]
    assert "Did you mean 'input'?" in field.json["error"]["message"]


def test_embeddings_of_another_length_are_refused(tmp_path: Path, official: Make) -> None:
    """Both ways of packing are honoured; a list of tokens is no text."""
    vector = Replying(lambda text: Answer([0.5, 0.25]))
    with served([ModelUnit(a_release(kind="generation"), vector)], tmp_path) as running:
        create = official(running.url).embeddings.create
        found = [create(model="merits/t", input="a", **more) for more in ({}, {"encoding_format": "float"})]
        found.append(create(model="merits/t", input="a", dimensions=2))
        with pytest.raises(openai.BadRequestError, match="answers with 2 dimensions"):
            create(model="merits/t", input="a", dimensions=8)
        with pytest.raises(openai.BadRequestError):
            create(model="merits/t", input=[1, 2])
        with pytest.raises(openai.BadRequestError, match="There are: base64, float"):
            create(model="merits/t", input="a", encoding_format="hex")
    assert [each.data[0].embedding for each in found] == [[0.5, 0.25]] * 3


def test_transcriptions_say_what_they_do_not_do(tmp_path: Path, official: Make) -> None:
    """Times, hints and streams; a language that the recipe has too is none."""
    whisper = Candidate(name="w", kind="whisper", params={"model": "tiny", "language": "en"})
    unit = ModelUnit(a_release(kind="speech", candidate=whisper), Constant("hello"))
    file = ("a.wav", sound())
    refused: list[dict[str, Any]] = [
        {"language": "de"},
        {"prompt": "Merits"},
        {"temperature": 0.5},
        {"stream": True},
        {"timestamp_granularities": ["word"]},
        {"chunking_strategy": "auto"},
        {"include": ["logprobs"]},
    ]
    with served([unit], tmp_path) as running:
        create = official(running.url).audio.transcriptions.create
        assert create(model="merits/t", file=file, language="en", response_format="text").strip() == "hello"
        assert create(model="merits/t", file=file, response_format="json", stream=False).text == "hello"
        for more in refused:
            with pytest.raises(openai.BadRequestError) as told:
                create(model="merits/t", file=file, **more)
            assert (told.value.code, told.value.param) == ("unsupported_parameter", next(iter(more)))
        for timed in ("verbose_json", "srt"):
            with pytest.raises(openai.BadRequestError, match="do not say when"):
                create(model="merits/t", file=file, response_format=timed)


def test_one_model_is_told_by_its_name(tmp_path: Path, official: Make) -> None:
    """The task's, or a version's; another is a 404."""
    with served([ModelUnit(a_release(), Constant("x"))], tmp_path) as running:
        models = official(running.url).models
        assert [models.retrieve(name).id for name in ("merits/t", "merits/t@1")] == ["merits/t", "merits/t@1"]
        with pytest.raises(openai.NotFoundError):
            models.retrieve("merits/t@2")
        with pytest.raises(openai.APIStatusError):
            models.delete("merits/t")
