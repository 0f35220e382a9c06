"""Sounds are told apart by their cepstra: real spoken digits, of speakers that were heard and of one that was not."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from merits.candidates import sound_linear
from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import DataError
from merits.core.task import Example
from merits.media.sound_features import cepstra, sound_vector
from merits.media.sounds import Sound, wav_of
from merits.testing.contracts.model import ModelContract
from tests.candidates.taught import DATA, accuracy, needs_data, trained

pytest.importorskip("soundfile", reason="needs the extra speech")

KIND = Candidate(name="heard", kind="sound-linear")


def context(folder: Path, *classes: str) -> LoadContext:
    return LoadContext(folder=folder, classes=classes, env={})


def tones(folder: Path, n: int) -> list[Example]:
    """Low and high tones in noise."""
    random, examples = np.random.default_rng(1), []
    for number in range(n):
        label, pitch = (("low", 200.0), ("high", 1200.0))[number % 2]
        samples = np.sin(np.arange(4_000) * 2 * np.pi * pitch * random.uniform(0.9, 1.1) / 8_000)
        name = f"{number}.wav"
        noisy = 0.5 * samples + 0.05 * random.standard_normal(4_000)
        (folder / name).write_bytes(wav_of(Sound(noisy.astype(np.float32), 8_000)))
        examples.append(Example(name, name, label, input_hash=name))
    return examples


class TestContract(ModelContract):
    inputs: ClassVar = ("0.wav", "1.wav")
    odd: ClassVar = ("", "gone.wav", "notes.txt", {"file": "1.wav"}, {}, 5, "../../etc/passwd")

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        type(self).examples = tuple(tones(tmp_path, 12))

    def make(self) -> Model:
        return load(KIND, context(self.folder, "high", "low"))


def test_sounds_to_learn_from_are_listened_to_once_for_all_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another process too; those to answer to are, each time."""
    examples, heard = tones(tmp_path, 12), list[int]()

    def counted(sound: Sound, parts: int) -> object:
        heard.append(parts)
        return sound_vector(sound, parts)

    monkeypatch.setattr(sound_linear, "sound_vector", counted)
    for fold in range(3):
        model = trained(KIND, context(tmp_path, "high", "low"), examples[fold:])
        assert len(heard) == 12
        assert accuracy(model, examples[:2]) == 1.0
        assert len(heard) == 14
        del heard[12:]
    seven = Candidate(name="heard", kind="sound-linear", params={"parts": 7})
    trained(seven, context(tmp_path, "high", "low"), examples)
    assert heard[12:] == [7] * 12


def test_what_cannot_be_read_teaches_nothing_and_fails_alone(tmp_path: Path) -> None:
    examples = [*tones(tmp_path, 10), Example("x", "gone.wav", "low")]
    model = trained(KIND, context(tmp_path, "high", "low"), examples)
    assert accuracy(model, examples[:10]) == 1.0
    with pytest.raises(DataError):
        accuracy(model, examples[10:])


def test_cepstra_are_those_of_the_definition() -> None:
    """The slow way: one frame, each band a sum, the cosine transform a sum."""
    random = np.random.default_rng(0)
    sound = Sound(random.standard_normal(200).astype(np.float32), 8_000)
    from merits.media.sound_features import _mel_bands

    frame = sound.samples.astype(float) * np.hanning(200)
    power = [abs(sum(frame[n] * np.exp(-2j * np.pi * k * n / 200) for n in range(200))) ** 2 for k in range(101)]
    energy = [
        np.log(max(sum(w * p for w, p in zip(band, power, strict=True)), 1e-10)) for band in _mel_bands(200, 8_000)
    ]
    n = len(energy)
    expected = [
        np.sqrt((1 if k == 0 else 2) / n)
        * sum(e * np.cos(np.pi * k * (2 * m + 1) / (2 * n)) for m, e in enumerate(energy))
        for k in range(20)
    ]
    assert cepstra(sound)[0] == pytest.approx(expected)


@needs_data
def test_real_spoken_digits_are_understood(tmp_path: Path) -> None:
    """Six speakers, ten digits: two takes to learn from, the third to be understood (chance is 10 %)."""
    with tarfile.open(DATA / "fsdd" / "fsdd_180.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.wav"))
    examples = [Example(str(file), str(file), file.stem.split("_")[0]) for file in files]
    assert len(examples) == 180
    dev = [example for example in examples if not example.id.endswith("_2.wav")]
    test = [example for example in examples if example.id.endswith("_2.wav")]
    model = trained(KIND, context(tmp_path, *"0123456789"), dev)
    assert accuracy(model, test) > 0.9
