"""The endpoints that OpenAI's official client calls, called by it."""

from __future__ import annotations

import asyncio
import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from merits.candidates.routing.vectors import packed_vector
from merits.core.answer import Answer, Failure, Usage
from merits.core.candidate import Candidate
from merits.testing.models import Constant, Replying
from merits.testing.serving import ModelUnit, a_release, served

CHAT = Candidate(name="c", kind="chat", params={"model": "m"})
Official = Callable[..., Any]


def test_a_classifier_is_asked_as_a_chat(tmp_path: Path, official: Official) -> None:
    """What the user said last is the input; the answer carries release, confidence and cost."""
    model = Replying(
        lambda text: Answer("spam", probabilities={"spam": 0.9, "ham": 0.1}, usage=Usage(7, output_tokens=2))
    )
    with served([ModelUnit(a_release(), model, cost=0.25)], tmp_path) as running:
        said = official(running.url).chat.completions.create(
            model="merits/t",
            messages=[{"role": "system", "content": "Be good."}, {"role": "user", "content": "Buy now"}],
        )
        running.until_stored(1)
    assert said.choices[0].message.content == "spam"
    assert said.choices[0].finish_reason == "stop"
    assert (said.usage.prompt_tokens, said.usage.completion_tokens, said.usage.total_tokens) == (7, 2, 9)
    assert said.model == "merits/t@1"
    assert said.merits["confidence"] == 0.9
    assert said.merits["cost"] == 0.25
    assert model.asked == ["Buy now"]
    kept = running.live.find([said.merits["request"]])[said.merits["request"]][0]
    assert (kept.task, kept.release, kept.arm, kept.cost) == ("t", 1, "champion", 0.25)
    assert kept.answer.output == "spam"
    assert kept.input is None


def test_a_chat_is_given_all_messages_and_one_message_as_its_text(tmp_path: Path, official: Official) -> None:
    """A single question is the same input as in the examples that the release was tried on."""
    model = Constant("yes")
    with served([ModelUnit(a_release(kind="generation", candidate=CHAT), model)], tmp_path) as running:
        create = official(running.url).chat.completions.create
        talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
        create(model="merits/t@1", messages=talk)
        create(model="merits/t", messages=talk[1:])
    assert model.asked == [talk, "Hi"]


def test_a_stream_comes_in_pieces_with_its_usage_last(tmp_path: Path, official: Official) -> None:
    """As OpenAI's: pieces, the end, a chunk without choices where usage was asked for."""
    unit = ModelUnit(a_release(kind="generation", candidate=CHAT), Constant("x"), pieces=["one", " two", " three"])
    with served([unit], tmp_path) as running:
        stream = official(running.url).chat.completions.create(
            model="merits/t",
            messages=[{"role": "user", "content": "count"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        running.until_stored(1)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert texts == ["one", " two", " three"]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert running.live.served("t")[0].record.answer.failure is None


def test_a_stream_that_breaks_is_an_error_to_the_client(tmp_path: Path, official: Official) -> None:
    """The pieces came, then an error event instead of an end."""
    broken = Replying(lambda text: Answer(failure=Failure("connection", "reset")))
    unit = ModelUnit(a_release(kind="generation", candidate=CHAT), broken, pieces=["one"])
    with served([unit], tmp_path) as running:
        stream = official(running.url).chat.completions.create(
            model="merits/t", messages=[{"role": "user", "content": "count"}], stream=True
        )
        with pytest.raises(openai.APIError):
            list(stream)
        running.until_stored(1)
    failure = running.live.served("t")[0].record.answer.failure
    assert failure is not None
    assert failure.kind == "connection"


def test_a_client_that_leaves_a_stream_ends_the_asking(tmp_path: Path, official: Official) -> None:
    """What was asked is on the record, as broken off."""
    unit = ModelUnit(a_release(kind="generation", candidate=CHAT), Constant("x"), pieces=["word "] * 200_000)
    with served([unit], tmp_path) as running:
        stream = official(running.url).chat.completions.create(
            model="merits/t", messages=[{"role": "user", "content": "go on"}], stream=True
        )
        next(iter(stream))
        stream.close()
        running.until_stored(1)
        assert running.gateway.desk.admission.in_flight == 0
    kept = running.live.served("t")[0].record
    assert kept.answer.failure is not None
    assert kept.answer.failure.kind == "connection"


def test_embeddings_are_vectors_in_order(tmp_path: Path, official: Official) -> None:
    """The client asks for base64 by itself."""
    model = Replying(lambda text: Answer([float(len(str(text))), 0.5], usage=Usage(3)))
    with served([ModelUnit(a_release(kind="generation"), model)], tmp_path) as running:
        said = official(running.url).embeddings.create(model="merits/t", input=["a", "bcd"])
        plain = official(running.url).embeddings.create(model="merits/t", input="ab", encoding_format="float")
        with pytest.raises(openai.NotFoundError):
            official(running.url).embeddings.create(model="merits/other", input="ab")
        running.until_stored(3)
    assert [each.embedding for each in said.data] == [[1.0, 0.5], [3.0, 0.5]]
    assert plain.data[0].embedding == [2.0, 0.5]
    assert said.usage.prompt_tokens == 6


def test_what_gives_no_vector_is_no_embedding(tmp_path: Path, official: Official) -> None:
    """A label is not asked for; a text is a text, also one that could be read as numbers. Both say what to use."""
    said = Replying(lambda text: Answer("yes"))
    for n, (kind, asked) in enumerate([("classification", 0), ("generation", 1)]):
        with served([ModelUnit(a_release(kind=kind), said)], tmp_path / str(n)) as running:
            with pytest.raises(openai.BadRequestError, match="no vector; ask it at /predict") as told:
                official(running.url).embeddings.create(model="merits/t", input="a")
            assert told.value.code == "no_embedding"
        assert len(said.asked) == asked
    packed = Candidate(name="e", kind="embedding")
    vector = Replying(lambda text: Answer(packed_vector(np.array([0.5, -0.25]))))
    with served([ModelUnit(a_release(candidate=packed), vector)], tmp_path / "packed") as running:
        found = official(running.url).embeddings.create(model="merits/t", input="a")
    assert found.data[0].embedding == [0.5, -0.25]


def sound(seconds: float = 0.1) -> bytes:
    """A WAV file of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(struct.pack("<h", 0) * int(8000 * seconds))
    return file.getvalue()


def test_a_sound_is_transcribed_and_its_file_is_gone_after(tmp_path: Path, official: Official) -> None:
    """The model is given a file that holds what was sent, called as its content says."""
    seen: list[tuple[str, bytes]] = []

    def heard(path: Any) -> Answer:
        seen.append((path, Path(path).read_bytes()))
        return Answer("hello there")

    with served([ModelUnit(a_release(kind="speech"), Replying(heard))], tmp_path) as running:
        said = official(running.url).audio.transcriptions.create(model="merits/t", file=("x.exe", sound()))
        with pytest.raises(openai.BadRequestError, match="neither a picture nor a sound"):
            official(running.url).audio.transcriptions.create(model="merits/t", file=("x.wav", b"no sound"))
        running.until_stored(1)
    assert said.text == "hello there"
    assert seen[0][0].endswith(".wav")
    assert seen[0][1] == sound()
    assert not Path(seen[0][0]).exists()
    assert running.live.served("t")[0].record.answer.output is None  # a text, and content is not kept


def test_models_are_those_that_serve(tmp_path: Path, official: Official) -> None:
    """The task's name, and its version."""
    with served([ModelUnit(a_release(), Constant("x"))], tmp_path) as running:
        assert [model.id for model in official(running.url).models.list()] == ["merits/t", "merits/t@1"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("timeout", openai.InternalServerError),
        ("rate_limited", openai.RateLimitError),
        ("unauthorised", openai.InternalServerError),
        ("bad_request", openai.BadRequestError),
    ],
)
def test_what_fails_at_the_model_is_told_as_openai_tells_it(
    tmp_path: Path, official: Official, kind: Any, error: type[openai.APIStatusError]
) -> None:
    """And never what our provider's key is."""
    failing = Replying(lambda text: Answer(failure=Failure(kind, "sk-secret")))
    with served([ModelUnit(a_release(), failing)], tmp_path) as running:
        with pytest.raises(error) as told:
            official(running.url).chat.completions.create(
                model="merits/t", messages=[{"role": "user", "content": "hi"}]
            )
        running.until_stored(1)
    assert kind == "bad_request" or "sk-secret" not in str(told.value)


class Stuck(ModelUnit):
    """Says a word, and then minds no deadline."""

    async def stream(self, input: Any, *, deadline_s: float | None = None) -> Any:
        """One piece, and never an end."""
        yield "one"
        await asyncio.Event().wait()

    async def answer(self, input: Any, *, deadline_s: float | None = None) -> Any:
        """Nothing, for ever."""
        await asyncio.Event().wait()


def test_what_hangs_is_ended_by_the_gateway_itself(tmp_path: Path, official: Official) -> None:
    """In the middle of a stream too; and it is on the record as out of time, with what it may have cost unknown."""
    unit = Stuck(a_release(kind="generation", candidate=CHAT), Constant("x"))
    with served([unit], tmp_path) as running:
        create = official(running.url).chat.completions.create
        hurry = {"x-merits-deadline-s": "0.2"}
        talk = [{"role": "user", "content": "go on"}]
        with pytest.raises(openai.APIError):
            list(create(model="merits/t", messages=talk, stream=True, extra_headers=hurry))
        with pytest.raises(openai.InternalServerError) as late:
            create(model="merits/t", messages=talk, extra_headers=hurry)
        running.until_stored(2)
        assert running.gateway.desk.admission.in_flight == 0
    assert late.value.status_code == 504
    kept = [numbered.record.answer for numbered in running.live.served("t")]
    assert [answer.failure.kind for answer in kept if answer.failure] == ["timeout", "timeout"]
    assert [answer.usage.unmetered for answer in kept] == [1, 1]
