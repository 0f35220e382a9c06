"""Embeddings, transcripts and pictures behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from merits.candidates.embeddings_remote import vectors_in
from merits.candidates.meter import AskFailed, Meter
from merits.candidates.studying import Studious, ask_in_groups
from merits.candidates.transcription import transcript_in
from merits.core.answer import Answer, Usage
from merits.core.errors import DataError
from merits.core.task import Example
from merits.testing.provider import FakeProvider, Fault
from tests.candidates.asking import ask, failed, remote, tone

EXAMPLES = [
    Example(str(n), text, label) for n, (text, label) in enumerate([("late parcel", "post"), ("no heat", "home")] * 5)
]


def fitted(provider: FakeProvider) -> Studious:
    """A classifier that was taught, as an evaluation teaches it."""
    model = remote("embeddings-remote", provider)
    assert isinstance(model, Studious)

    async def keep(answers: Mapping[str, Answer]) -> None: ...

    async def taught() -> dict[str, Answer]:
        meter = Meter(model.tutor, timeout_s=5, retries=1)
        try:
            return await ask_in_groups(meter, model.questions(EXAMPLES), keep)
        finally:
            await model.close()

    model.study({text: answer.output for text, answer in asyncio.run(taught()).items()})
    model.fit(EXAMPLES)
    return model


def test_a_linear_head_learns_from_remote_embeddings() -> None:
    """Each text is embedded once in training, many in a call; an answer embeds its own."""
    with FakeProvider() as provider:
        model = fitted(provider)
        assert [request.body["input"] for request in provider.requests] == [["late parcel", "no heat"]]
        answer = ask(model, "no heat")
    assert answer.output == "home"
    assert answer.probabilities is not None
    assert answer.probabilities["home"] > 0.9
    assert answer.usage == Usage(input_tokens=2)


def test_it_does_not_learn_from_texts_whose_embeddings_it_was_not_given() -> None:
    """Training itself asks nothing, so nothing is asked that is not kept."""
    with FakeProvider() as provider:
        model = remote("embeddings-remote", provider)
        assert isinstance(model, Studious)
        with pytest.raises(RuntimeError, match="study"):
            model.fit(EXAMPLES)
        assert not provider.requests


def test_embeddings_come_back_in_any_order_and_must_be_all_there() -> None:
    """Each has its index; one too few is no reply."""
    rows = b'{"data": [{"embedding": [0, 2], "index": 1}, {"embedding": [1, 0], "index": 0}]'
    rows += b', "usage": {"prompt_tokens": 2}}'
    assert vectors_in(rows, 2)[0].tolist() == [[1, 0], [0, 1]]
    with pytest.raises(AskFailed, match="2 embeddings came for 3 texts") as caught:
        vectors_in(rows, 3)
    assert caught.value.usage == Usage(input_tokens=2)
    with pytest.raises(AskFailed) as caught:
        vectors_in(b"<html>", 1)
    assert caught.value.usage.unmetered == 1


def test_a_sound_is_sent_and_what_was_heard_comes_back(tmp_path: Path) -> None:
    """As a form with the file; sound is counted as sound."""
    tone(tmp_path)
    with FakeProvider(lambda messages: f"heard {messages[0]['content']}") as provider:
        model = remote("transcription", provider, tmp_path, parameters={"language": "en"})
        answer = ask(model, {"recording": "tone.wav", "speaker": "A"})
        assert provider.requests[0].path == "/v1/audio/transcriptions"
    assert answer.output == "heard sound.wav"
    assert answer.usage == Usage(output_tokens=2, audio_tokens=8)


def test_an_input_without_a_sound_says_what_it_should_be(tmp_path: Path) -> None:
    """Before anything is sent: it is a mistake in the data."""
    with FakeProvider() as provider:
        with pytest.raises(
            DataError, match=r"no sound file that is there \('gone\.wav'\)\. .* relative to the data file"
        ):
            ask(remote("transcription", provider, tmp_path), "gone.wav")
        assert not provider.requests


def test_what_is_billed_by_the_minute_is_unmetered() -> None:
    """No token is told, so what it cost is not known; a page of HTML is no transcript."""
    told = b'{"text": "Hi", "usage": {"type": "duration", "seconds": 3}}'
    assert transcript_in(told) == Answer("Hi", usage=Usage(unmetered=1))
    with pytest.raises(AskFailed, match="no transcript"):
        transcript_in(b"<html>")


def test_a_picture_is_kept_under_the_hash_of_its_content(tmp_path: Path) -> None:
    """The answer is a reference; the same picture is one file."""
    with FakeProvider() as provider:
        model = remote("image", provider, tmp_path, prompt="A {input} dot", parameters={"size": "64x64"})
        first, second = ask(model, "red"), ask(model, "red")
        body = provider.requests[0].body
    assert (body["prompt"], body["n"], body["size"]) == ("A red dot", 1, "64x64")
    assert first.output == second.output
    assert isinstance(first.output, dict)
    (file,) = (tmp_path / "drawn").iterdir()
    assert first.output == {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "file": f"drawn/{file.name}"}
    assert file.suffix == ".png"
    assert first.usage == Usage(input_tokens=3, image_tokens=85)


@pytest.mark.parametrize("fault", ["malformed", "html_page"])
@pytest.mark.parametrize("kind", ["embeddings-remote", "image", "transcription"])
def test_what_cannot_be_read_is_a_failure_that_may_be_on_the_bill(kind: str, fault: str, tmp_path: Path) -> None:
    """As with chat models."""
    tone(tmp_path)
    with FakeProvider(faults=[Fault(fault, after=0)]) as provider:  # type: ignore[arg-type]
        found = failed(remote(kind, provider, tmp_path), "tone.wav")
    assert (found.failure.kind, found.usage.unmetered) == ("server_error", 1)


def test_two_inputs_may_be_asked_at_once() -> None:
    """Answers do not mix."""
    with FakeProvider() as provider:
        model = fitted(provider)

        async def both() -> list[Answer]:
            try:
                return list(await asyncio.gather(*(model.answer(e.input) for e in EXAMPLES)))
            finally:
                await model.close()

        assert [answer.output for answer in asyncio.run(both())] == [example.target for example in EXAMPLES]
