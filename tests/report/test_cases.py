"""Cases are shown as people would rather look at them: pictures, players, aligned words, lists; safely embedded."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.task import Example, ScorerSpec
from merits.media.embedding import Embedded, Embedder
from merits.media.finding import Media
from merits.media.sounds import Sound, wav_of
from merits.report.cases import items, sound, text, translation
from merits.report.cases import number as numbers
from merits.report.cases.blocks import Figure, Items, Text, Words
from merits.report.cases.registry import case_of
from merits.report.page import render
from merits.report.views import view
from merits.scorers.registry import load
from tests.report.making import labelled

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def files(tmp_path: Path) -> Embedder:
    Image.new("RGB", (400, 200), (200, 30, 30)).save(tmp_path / "red.png")
    tone = np.sin(np.linspace(0, 2_000, 24_000)).astype(np.float32)
    (tmp_path / "tone.wav").write_bytes(wav_of(Sound(tone, 8_000)))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and then nothing")
    return Embedder(Media([tmp_path]))


def content(embedded: Embedded | None) -> bytes:
    assert embedded is not None
    _, data = re.fullmatch(r"data:(image/png|image/jpeg|audio/mpeg);base64,(.+)", embedded.src).groups()
    return base64.b64decode(data)


def test_a_picture_is_embedded_small_and_made_anew(files: Embedder) -> None:
    embedded = files("red.png")
    assert Image.open(io.BytesIO(content(embedded))).size == (160, 80)
    assert embedded.note == "400 × 200"


def test_a_sound_is_embedded_as_what_every_browser_plays(files: Embedder) -> None:
    soundfile = pytest.importorskip("soundfile")
    embedded = files("tone.wav")
    played = soundfile.info(io.BytesIO(content(embedded)))
    assert played.format == "MP3"
    assert played.duration == pytest.approx(3.0, abs=0.2)
    assert embedded.note == "3.0 s, 8 kHz"
    assert len(content(embedded)) < 20_000


def test_what_cannot_be_decoded_is_said_and_what_is_no_file_is_a_text(files: Embedder) -> None:
    broken = files("broken.png")
    assert broken is not None
    assert broken.src == ""
    assert broken.note.startswith("broken.png is no picture")
    assert files("absent.png") is None
    assert text.shown_input(Example("1", "absent.png"), files) == ()


def test_a_page_holds_only_so_much(tmp_path: Path) -> None:
    """A report that is mailed must not weigh as much as the data."""
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 255, (160, 160, 3)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    files = Embedder(Media([tmp_path]), most_bytes=30_000)
    found = [files(f"{number}.png") for number in range(3)]
    assert sum(len(one.src) for one in found if one) < 45_000
    assert found[-1] is not None
    assert found[-1].note == "160 × 160; not shown, the page is full"


def test_pictures_in_columns_stand_beside_their_texts(files: Embedder) -> None:
    blocks = text.shown_input(Example("1", {"photo": "red.png", "caption": "a red card"}), files)
    assert [(type(block), block.label) for block in blocks] == [(Figure, "photo"), (Text, "caption")]


def test_columns_stand_side_by_side_and_not_one_below_the_other(files: Embedder) -> None:
    """Ten of them in a box that holds nine lines: the last would be out of sight."""
    for shown_input in (text.shown_input, numbers.shown_input):
        blocks = shown_input(Example("1", {"age": 48, "bmi": 21.6}), files)
        assert blocks == (Text("48", "age"), Text("21.6", "bmi"))
    assert text.shown_input(Example("1", "a text"), files) == ()


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (
            {"value": 57.71912, "quantiles": {"0.05": -23.6026, "0.95": 166.839}},
            "57.72 (-17.28), 90 % in -23.60 to 166.84",
        ),
        (76.0737, "76.07 (+1.07)"),
        (250_412.3, "250,412 (+250,337)"),
        ("no idea", None),
    ],
)
def test_a_forecast_is_shown_with_what_it_is_off_by_in_digits_that_can_be_read(files, output, shown) -> None:
    blocks = numbers.shown_reply(Example("1", {"age": 48}, 75), Answer(output), files)
    assert blocks == (() if shown is None else (Text(shown),))


def test_a_generated_picture_is_shown_in_place_of_its_name(files: Embedder) -> None:
    (block,) = text.shown_reply(Example("1", "a red card"), Answer({"sha256": "ab", "file": "red.png"}), files)
    assert isinstance(block, Figure)
    assert block.kind == "picture"
    assert block.src.startswith("data:image/")


def test_a_translation_stands_beside_the_nearest_reference_word_by_word(files: Embedder) -> None:
    example = Example("1", "Das große Haus", ["the large building", "the big house"])
    (words,) = translation.shown_reply(example, Answer("the house"), files)
    assert isinstance(words, Words)
    assert [(word.op, word.wanted, word.said) for word in words.words] == [
        ("equal", "the", "the"),
        ("delete", "big", ""),
        ("equal", "house", "house"),
    ]


def test_a_sound_is_shown_as_a_player(files: Embedder) -> None:
    (figure,) = sound.shown_input(Example("1", "tone.wav", "Go forward ten meters."), files)
    assert isinstance(figure, Figure)
    assert figure.kind == "sound"


SAID = "I'm at eight, you won't be. Um, Mr. Brown's colour is gray"
HEARD = "i am at 8 you will not be mister browns color was grey too"


@pytest.mark.parametrize("scorer", ["wer", "cer"])
@pytest.mark.parametrize("how", ["english", "basic", "none"])
def test_what_is_marked_in_a_transcript_is_what_the_scorer_counts(files: Embedder, how: str, scorer: str) -> None:
    """A word in red beside the mark of a solved case would make a reader doubt both."""
    pytest.importorskip("whisper_normalizer")
    params = {"normalise": how}
    example, answer = Example("1", "tone.wav", [SAID, "something else"]), Answer(HEARD)
    case = case_of("speech", [ScorerSpec("exact"), ScorerSpec(scorer, params)])
    (words,) = case.shown_reply(example, answer, files)
    assert isinstance(words, Words)
    counts = load(ScorerSpec("wer", params))(example, answer).counts
    assert counts is not None
    assert (sum(word.op != "equal" for word in words.words), sum(word.wanted != "" for word in words.words)) == (
        counts.values
    )


def test_words_are_evened_out_as_usual_where_no_scorer_of_transcripts_says_how(files: Embedder) -> None:
    example, answer = Example("1", "tone.wav", "Go forward, ten meters!"), Answer("go forward then")
    for scorers in ([ScorerSpec("wer")], [ScorerSpec("exact")], []):
        (words,) = case_of("speech", scorers).shown_reply(example, answer, files)
        assert isinstance(words, Words)
        assert [word.op for word in words.words].count("equal") == 2


def test_the_nearest_of_several_targets_is_the_one_with_the_lowest_error_rate(files: Embedder) -> None:
    """As the scorer has it: two errors in two words are more than two in six."""
    example = Example("1", "tone.wav", ["one two", "one two three four five six"])
    (words,) = sound.shown_reply(example, Answer("one two three four"), files)
    assert isinstance(words, Words)
    assert [word.op for word in words.words] == ["equal"] * 4 + ["delete"] * 2


def test_a_list_marks_what_was_right(files: Embedder) -> None:
    example = Example("1", {"user": "7", "history": ["a", "b"]}, ["c", "x"])
    (shown,) = items.shown_reply(example, Answer([*"cdefghijklm"]), files)
    assert isinstance(shown, Items)
    assert [item.name for item in shown.items if item.is_right] == ["c"]
    assert (len(shown.items), shown.n_more) == (10, 1)


def page(files: Embedder) -> str:
    names = [f"<b>{number}</b>.png" for number in range(6)]
    made = labelled(
        ["one", "two"], ["cat", "dog"], [0, 1, 0, 1, 0, 1], [[0, 0, 0, 0, 0, 0], [1] * 6], inputs=names, said={}
    )
    shown = view(made.evaluation, made.decision, examples=made.examples, answers=made.answers, files=files)
    return render(shown)


def test_the_page_shows_pictures_from_itself_only_and_escapes_their_names(tmp_path: Path) -> None:
    """The policy allows `data:` pictures only where there are any; a file's name is as hostile as any text."""
    for number in range(6):
        (tmp_path / f"<b>{number}<").mkdir()  # "<b>0</b>.png" is a file in a folder
        Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(tmp_path / f"<b>{number}<" / "b>.png")
    drawn = page(Embedder(Media([tmp_path])))
    assert len(re.findall(r'<img src="data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=]+" alt="&lt;b&gt;\d', drawn)) >= 6
    assert "img-src data:; media-src data:;" in drawn
    assert "<b>0</b>.png" not in drawn
    without = page(Embedder(Media([])))
    assert "img-src" not in without
    assert "<img" not in without


def test_the_times_of_a_history_are_not_shown_as_if_they_were_items() -> None:
    """A run of events has columns beside its items."""
    run = {"user": "7", "items": ["Alien", "Brazil"], "times": [1, 2], "ratings": [5, 4]}
    shown = items.shown_input(Example(id="1", input=run), lambda name: None)
    assert [[item.name for item in block.items] for block in shown if isinstance(block, Items)] == [["Alien", "Brazil"]]
