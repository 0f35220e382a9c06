"""The example on speech: which prompts are taken, what they say, and that its task can be run."""

from __future__ import annotations

import csv
import gzip
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))

from examples import speech  # noqa: E402  beside the package, not part of it
from examples.fetching import assets_folder  # noqa: E402

from merits.media.sounds import Sound, read_sound, wav_of  # noqa: E402
from merits.tasks.file import load_task  # noqa: E402

TEXTS = """; Core sounds

thanks: Thank you for your call.
menu: Press 1 for sales.
rest: ...of the menu that follows.
beep: [this is a simple beep tone]
short: Goodbye.
gone: This file is not there.
digits/7: seven
digits/hundred: hundred
"""


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    sounds = tmp_path / "telephone-prompts"
    (sounds / "digits").mkdir(parents=True)
    for name in ("thanks", "menu", "rest", "beep", "short", "digits/7", "digits/hundred"):
        (sounds / f"{name}.wav").write_bytes(wav_of(Sound(np.zeros(8_000, np.float32), 8_000)))
    (tmp_path / "telephone-prompts.txt.gz").write_bytes(gzip.compress(TEXTS.encode()))
    (tmp_path / "librivox").mkdir()
    (tmp_path / "librivox/transcription").write_text("<s> he was not an ill disposed young man </s> (read-0880)\n")
    shutil.copyfile(sounds / "thanks.wav", tmp_path / "librivox/read-0880.wav")
    return tmp_path


def test_only_what_is_spoken_as_it_is_written_is_taken(assets: Path, tmp_path: Path) -> None:
    """No remarks, halves of sentences, digits for words, or files that are not there."""
    speech.prepare(assets, tmp_path / "data")
    with (tmp_path / "data/clips.csv").open(encoding="utf-8", newline="") as opened:
        found = [
            (row["text"], row["source"], (tmp_path / "data" / row["sound"]).is_file()) for row in csv.DictReader(opened)
        ]
    assert found == [
        ("seven", "digits", True),
        ("Thank you for your call.", "prompts", True),
        ("he was not an ill disposed young man", "librivox", True),
    ]


def test_the_tasks_own_sounds_are_whole_and_its_candidates_can_be_read(tmp_path: Path) -> None:
    """On the fetched data: 16 prompts, ten digits and five sentences."""
    if not (assets_folder() / "telephone-prompts").is_dir() or not (assets_folder() / "librivox").is_dir():
        pytest.skip("the sounds are not fetched: python -m examples speech --dry-run")
    pytest.importorskip("soundfile")
    speech.prepare(assets_folder(), tmp_path / "data")
    shutil.copyfile(ROOT / "examples/speech/merits.yaml", tmp_path / "merits.yaml")
    task = load_task(tmp_path / "merits.yaml")
    assert Counter(example.tags["source"] for example in task.examples) == {"prompts": 16, "digits": 10, "librivox": 5}
    assert [candidate.kind for candidate in task.candidates] == ["whisper", "whisper", "pocketsphinx"]
    assert all(0.3 < read_sound(tmp_path / "data" / str(example.input)).seconds < 10 for example in task.examples)
