"""Recognisers that run here: what they hear in real speech, and what becomes of files and models that are not right."""

from __future__ import annotations

import asyncio
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from merits.candidates.pocketsphinx import _Sphinx
from merits.candidates.registry import LoadContext, load
from merits.candidates.whisper import without_padding
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import CandidateError, DataError
from merits.media.sounds import SPEECH_RATE, Sound, read_sound, resampled, wav_of
from merits.testing.contracts.model import ModelContract

pytest.importorskip("soundfile")
pytest.importorskip("pocketsphinx")
pytest.importorskip("faster_whisper")

ROOT = Path(__file__).parents[2]
DIGITS = ROOT.parent / "shared/data/labelled/fsdd/fsdd_180.tar.gz"
ASSETS = Path(os.environ.get("MERITS_ASSETS") or ROOT / ".assets")
WHISPER = ASSETS / "whisper-tiny.en"
LIBRIVOX = ASSETS / "librivox"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRAMMAR = f"#JSGF V1.0;\ngrammar digits;\npublic <digit> = {' | '.join(WORDS)};\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "digits.gram").write_text(GRAMMAR)
    (tmp_path / "silence.wav").write_bytes(wav_of(Sound(np.zeros(SPEECH_RATE, np.float32), SPEECH_RATE)))
    return tmp_path


def sphinx(folder: Path, **params: object) -> Model:
    recipe = Candidate(name="sphinx", kind="pocketsphinx", params={"grammar": "digits.gram", **params})
    return load(recipe, LoadContext(folder=folder, task_kind="speech"))


def whisper(folder: Path, **params: object) -> Model:
    return load(
        Candidate(name="tiny", kind="whisper", params={"path": "whisper-tiny.en", **params}),
        LoadContext(folder=folder, task_kind="speech", env={"MERITS_ASSETS": str(ASSETS)}, timeout_s=120.0),
    )


def asked(model: Model, names: Sequence[str]) -> list[Answer | BaseException]:
    async def ask() -> list[Answer | BaseException]:
        try:
            return await asyncio.gather(*map(model.answer, names), return_exceptions=True)
        finally:
            await model.close()

    return asyncio.run(ask())


def outputs(answers: Sequence[Answer | BaseException]) -> list[object]:
    return [answer.output if isinstance(answer, Answer) else answer for answer in answers]


def digits(folder: Path, speaker: str) -> list[str]:
    """Ten spoken digits of one speaker, at 8,000 samples a second."""
    if not DIGITS.exists():
        pytest.skip("the data set fsdd is not in ../shared")
    names = [f"{digit}_{speaker}_0.wav" for digit in range(10)]
    with tarfile.open(DIGITS) as archive:
        for member in archive:
            if Path(member.name).name in names:
                content = archive.extractfile(member)
                assert content is not None
                (folder / Path(member.name).name).write_bytes(content.read())
    return names


class TestPocketSphinx(ModelContract):
    """The contract of all models."""

    inputs = ("silence.wav", "click.wav")
    at_once = 12

    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder
        click = np.zeros(SPEECH_RATE // 4, np.float32)
        click[100] = 0.5
        (folder / "click.wav").write_bytes(wav_of(Sound(click, SPEECH_RATE)))

    def make(self) -> Model:
        return sphinx(self.folder)


def test_digits_are_heard_by_a_grammar_whatever_was_said_before(folder: Path) -> None:
    """Real voices on a bad line; an answer does not depend on the utterances before it."""
    names = digits(folder, "jackson")
    heard = outputs(asked(sphinx(folder), names))
    right = sum(word == target for word, target in zip(heard, WORDS, strict=True))
    assert right >= 7
    assert outputs(asked(sphinx(folder), names[3::-1])) == heard[3::-1]


def test_a_sound_that_cannot_be_read_fails_alone_and_by_its_name(folder: Path) -> None:
    """Empty, cut off, no sound at all, without a sample: the others are answered."""
    whole = wav_of(Sound(np.zeros(SPEECH_RATE, np.float32), SPEECH_RATE))
    for name, content in {"empty": b"", "cut": whole[:9_000], "text": b"hello " * 99, "short": whole[:44]}.items():
        (folder / f"{name}.wav").write_bytes(content)
    names = ["silence.wav", "empty.wav", "cut.wav", "text.wav", "short.wav", "gone.wav", "silence.wav"]
    found = asked(sphinx(folder), names)
    assert outputs(found)[0] == outputs(found)[-1] == ""
    for name, problem in zip(names[1:-1], found[1:-1], strict=True):
        assert isinstance(problem, DataError)
        assert name in str(problem)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"grammar": "digit.gram"}, "the model file 'digit.gram' is not there"),
        ({"keywords": "digits.gram"}, "what may be said is told in one way, not by grammar and keywords"),
        ({"options": {"beem": 1e-20}}, "PocketSphinx has no number 'beem'. Did you mean 'beam'?"),
        ({"options": {"samprate": 8000}}, "PocketSphinx has no number 'samprate'"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(params: dict[str, object], found: str, folder: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(CandidateError) as caught:
        sphinx(folder, **params)
    assert found in str(caught.value)


def test_a_grammar_that_is_none_fails_with_what_to_look_at(folder: Path) -> None:
    """PocketSphinx itself says no more than that it could not be set up."""
    (folder / "digits.gram").write_text("one or two")
    (found,) = asked(sphinx(folder), ["silence.wav"])
    assert "PocketSphinx cannot be set up" in str(found)


def test_others_go_on_while_it_listens(folder: Path) -> None:
    """The library keeps Python's lock for all that time, in a process of its own: other candidates are measured."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, 4 * 16_000).astype(np.float32)
    (folder / "noise.wav").write_bytes(wav_of(Sound(noise, 16_000)))
    model = load(Candidate(name="words", kind="pocketsphinx"), LoadContext(folder=folder, task_kind="speech"))

    async def ticks() -> int:
        asking = asyncio.ensure_future(model.answer("noise.wav"))
        n = 0
        while not asking.done():
            n += 1
            await asyncio.sleep(0.01)
        assert isinstance((await asking).output, str)
        await model.close()
        return n

    assert asyncio.run(ticks()) > 20


def test_a_process_that_died_fails_its_question_and_the_next_is_answered() -> None:
    sphinx = _Sphinx({})
    silence = Sound(np.zeros(8_000, np.float32), 16_000)
    heard = sphinx.answer(silence).output
    assert sphinx._worker is not None
    sphinx._worker.kill()
    with pytest.raises(RuntimeError, match="the process of PocketSphinx ended with exit code -9"):
        sphinx.answer(silence)
    assert sphinx.answer(silence).output == heard
    sphinx.close()
    sphinx.close()


# Whisper ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_model(folder: Path) -> Path:
    """A folder that looks like a model of Whisper, and is none."""
    made = folder / "model"
    made.mkdir()
    (made / "config.json").write_text('{"suppress_ids": []}')
    for name in ("model.bin", "tokenizer.json", "vocabulary.txt"):
        (made / name).write_text("{}")
    return made


def test_a_folder_that_is_no_whisper_model_is_refused(no_model: Path) -> None:
    """By what is missing, by what is in it, and by its hash."""
    (no_model / "vocabulary.txt").unlink()
    with pytest.raises(CandidateError, match=r"it lacks vocabulary\.json"):
        whisper(no_model.parent, path="model")
    (no_model / "vocabulary.txt").write_text("a")
    with pytest.raises(CandidateError, match=r"model\.bin has the SHA-256 44136fa3.*, not abc\. Fetch it again"):
        whisper(no_model.parent, path="model", sha256="abc")
    (no_model / "model.bin").write_bytes(b"")
    with pytest.raises(CandidateError, match=r"no Whisper model of CTranslate2: it lacks model\.bin"):
        whisper(no_model.parent, path="model")
    (no_model / "model.bin").write_text("{}")
    (no_model / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(CandidateError, match="is not that of a Whisper model"):
        whisper(no_model.parent, path="model")
    with pytest.raises(CandidateError, match=r"'whisper-huge' is not there .* Nothing is downloaded"):
        whisper(no_model.parent, path="whisper-huge")


def test_weights_that_are_none_fail_with_the_folders_name(no_model: Path) -> None:
    """What CTranslate2 says, and what to do."""
    (found,) = asked(whisper(no_model.parent, path="model"), ["silence.wav"])
    assert isinstance(found, CandidateError)
    assert "model cannot be opened as a Whisper model" in str(found)


def test_a_changed_model_is_another_candidate(no_model: Path) -> None:
    """What was answered by the old weights is not taken for the new ones' answers."""
    before = whisper(no_model.parent, path="model").fingerprint
    (no_model / "model.bin").write_text("other")
    assert whisper(no_model.parent, path="model").fingerprint != before


@pytest.fixture
def sentence() -> Path:
    """Jane Austen, read by a volunteer of LibriVox."""
    if not WHISPER.is_dir() or not LIBRIVOX.is_dir():
        pytest.skip("the models and sounds are not fetched: python -m examples speech --dry-run")
    return next(LIBRIVOX.glob("*0930.wav"))


def test_whisper_hears_what_is_said_also_at_a_telephones_rate(sentence: Path, folder: Path) -> None:
    """It is trained on 16 kHz; a file of 8 kHz is resampled. Silence is answered with nothing."""
    low = resampled(read_sound(sentence), 8_000)
    (folder / "low.wav").write_bytes(wav_of(low))
    low_heard, high_heard, silence = asked(whisper(folder, beam_size=1), ["low.wav", str(sentence), "silence.wav"])
    assert low_heard.output == high_heard.output == "He might even have been made amiable himself."
    assert 0.5 < high_heard.confidence < 1.0
    assert high_heard.usage.output_tokens > 8
    assert (silence.output, silence.confidence) == ("", None)


def test_whisper_answers_what_can_be_heard_beside_what_cannot(sentence: Path, folder: Path) -> None:
    """Without a byte, without a sample, without a rate, no sound at all: each fails by its name, with what to do."""
    whole = wav_of(resampled(read_sound(sentence), 8_000))
    no_rate = whole[:24] + bytes(8) + whole[32:]
    broken = {"empty": b"", "short": whole[:44], "rate": no_rate, "cut": whole[:9_000], "text": b"hello " * 99}
    for name, content in broken.items():
        (folder / f"{name}.wav").write_bytes(content)
    *found, heard = asked(
        whisper(folder, beam_size=1, window_s=15), [*(f"{name}.wav" for name in broken), str(sentence)]
    )
    for name, problem in zip(broken, found, strict=True):
        assert isinstance(problem, DataError)
        assert f"{name}.wav" in str(problem)
        assert "leave the example out" in str(problem)
    assert outputs([heard]) == ["He might even have been made amiable himself."]


def test_a_short_sound_need_not_be_padded_to_half_a_minute(sentence: Path, folder: Path) -> None:
    """What is longer than the window is heard to its end all the same."""
    spoken = read_sound(sentence).samples
    again = np.concatenate([spoken, np.zeros(31 * SPEECH_RATE - len(spoken), np.float32), spoken])
    (folder / "long.wav").write_bytes(wav_of(Sound(again, SPEECH_RATE)))
    short, long = outputs(asked(whisper(folder, beam_size=1, window_s=15), [str(sentence), "long.wav"]))
    assert short == "He might even have been made amiable himself."
    assert str(long).count("made amiable himself.") == 2


def test_only_padding_is_taken_from_a_spectrogram() -> None:
    """Also where a sound begins in silence; and nothing of one that is longer than the window."""
    padded = np.zeros((80, 3_000), np.float32)
    padded[3, 200:901] = -0.5
    assert np.array_equal(without_padding(padded, 100), padded[:, :902])
    assert without_padding(padded, 1_500).shape == (80, 1_500)
    assert without_padding(np.zeros((80, 3_000), np.float32), 1_000).shape == (80, 1_000)


def test_whispers_fallback_draws_the_same_each_time(sentence: Path, folder: Path) -> None:
    """Noise makes it try again at higher temperatures; the seed decides what is drawn."""
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * SPEECH_RATE).astype(np.float32)
    (folder / "noise.wav").write_bytes(wav_of(Sound(noise, SPEECH_RATE)))
    one, two = (asked(whisper(folder, temperature_fallback=True), ["noise.wav"]) for _ in range(2))
    assert outputs(one) == outputs(two)
