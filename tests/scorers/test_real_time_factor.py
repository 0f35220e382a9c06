"""How many seconds an answer takes for each second of sound: from the file's own length and what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merits.core.answer import Answer, Usage
from merits.core.doors import Scorer
from merits.core.errors import DataError
from merits.core.task import Example, ScorerSpec
from merits.media.sounds import Sound, wav_of
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import load
from merits.testing.contracts.scorer import ScorerContract

pytest.importorskip("soundfile")


def sound(file: Path, seconds: float) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(wav_of(Sound(np.zeros(round(seconds * 8_000), np.float32), 8_000)))
    return file


def took(machine_s: float, latency_s: float = 0.0) -> Answer:
    return Answer("hello", usage=Usage(machine_s=machine_s), latency_s=latency_s)


EXAMPLE = Example(id="1", input="a.wav", target="hello")


class TestContract(ScorerContract):
    """The contract of all scorers."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        sound(tmp_path / "a.wav", 2.0)

    def make_scorer(self) -> Scorer:
        return load(ScorerSpec("real_time_factor"), folder=self.folder)

    def solved(self):
        return [(EXAMPLE, took(0.5)), (EXAMPLE, took(2.0))]

    def not_solved(self):
        return [(EXAMPLE, took(2.1))]


def test_the_factor_is_seconds_of_machine_over_seconds_of_sound(tmp_path: Path) -> None:
    """The wait does not matter where the machine's seconds are known; of a model elsewhere it is all there is."""
    sound(tmp_path / "a.wav", 2.0)
    score = load(ScorerSpec("real_time_factor", {"solved_to": 0.3}), folder=tmp_path)
    assert score(EXAMPLE, took(0.5, latency_s=9.0)).counts.values == (0.5, 2.0)
    assert score(EXAMPLE, took(0.0, latency_s=0.8)).counts.values == (0.8, 2.0)
    assert score(EXAMPLE, took(0.5)).reason == "0.5 s for 2 s of sound"
    assert score(EXAMPLE, took(0.5)).value == 0.75
    assert [score(EXAMPLE, took(seconds)).solved for seconds in (0.5, 0.7)] == [True, False]


def test_the_file_is_looked_for_beside_the_data_first(tmp_path: Path) -> None:
    """As the model looks for it."""
    sound(tmp_path / "a.wav", 2.0)
    sound(tmp_path / "data/a.wav", 4.0)
    score = load(ScorerSpec("real_time_factor"), folder=tmp_path, data_folders=[tmp_path / "data"])
    assert score(EXAMPLE, took(1.0)).counts.values == (1.0, 4.0)


def test_what_cannot_be_measured_is_not_judged(tmp_path: Path) -> None:
    """A file that is gone or broken, and an answer that nobody timed."""
    score = load(ScorerSpec("real_time_factor"), folder=tmp_path)
    with pytest.raises(DataError, match=r"no sound file that is there \('a.wav'\)"):
        score(EXAMPLE, took(1.0))
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(DataError, match=r"a\.wav cannot be read as a sound"):
        score(EXAMPLE, took(1.0))
    with pytest.raises(CannotJudge, match="nobody wrote down how long"):
        score(EXAMPLE, Answer("hello", untimed=True))
