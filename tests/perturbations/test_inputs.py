"""A perturbation changes what it reads in a whole input, always the same way, and leaves the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from merits.core.kinds import Reads
from merits.media.finding import Media
from merits.media.pictures import png_of, read_picture
from merits.media.sounds import Sound, read_sound, wav_of
from merits.perturbations.inputs import Applied, holds
from merits.perturbations.registry import perturbation

SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank."


def typos(folder: Path, strength: float = 0.1, *, seed: int = 0) -> Applied:
    return Applied(perturbation("typos"), strength, "typos", f"typos {strength}", seed, Media([folder]), folder / "out")


def own(reads: Reads, folder: Path, perturb: Callable[..., Any], **more: Any) -> Applied:
    found: Any = SimpleNamespace(READS=reads, STRENGTH="", LEVELS=(1.0,), VERSION=1, perturb=perturb, **more)
    studied = (lambda: found.study(None)) if more else (lambda: None)
    return Applied(found, 0.5, "own", "own 0.5 v1 seed 0", 0, Media([folder]), folder / "out", studied)


def test_a_text_is_changed_and_always_the_same_way(tmp_path: Path) -> None:
    once, again = typos(tmp_path).to(SENTENCE), typos(tmp_path).to(SENTENCE)
    assert once == again != SENTENCE
    assert typos(tmp_path, seed=1).to(SENTENCE) not in (once, SENTENCE)
    assert typos(tmp_path, 0.0).to(SENTENCE) == SENTENCE


def test_of_messages_what_the_user_said_last_is_changed(tmp_path: Path) -> None:
    given = [
        {"role": "system", "content": SENTENCE},
        {"role": "user", "content": SENTENCE},
        {"role": "assistant", "content": SENTENCE},
        {"role": "user", "content": [{"type": "text", "text": SENTENCE}, {"type": "image_url", "image_url": "x"}]},
    ]
    changed: Any = typos(tmp_path).to(given)
    assert changed[:3] == given[:3]
    assert changed[3]["content"][0]["text"] == typos(tmp_path).to(SENTENCE)
    assert changed[3]["content"][1] == {"type": "image_url", "image_url": "x"}
    assert given[3]["content"][0]["text"] == SENTENCE, "what is given stays as it is"


def test_of_columns_the_texts_are_changed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no matter")
    given = {"title": SENTENCE, "stars": 4, "code": "17", "picture": "a.png", "list": [SENTENCE, 3]}
    changed: Any = typos(tmp_path).to(given)
    assert changed == {**given, "title": typos(tmp_path).to(SENTENCE), "list": [typos(tmp_path).to(SENTENCE), 3]}


def test_columns_are_changed_whole_and_by_what_was_studied(tmp_path: Path) -> None:
    def shift(value: dict[str, float], strength: float, random: np.random.Generator, studied: float) -> Any:
        return {name: cell + strength * studied for name, cell in value.items()}

    applied = own("columns", tmp_path, shift, study=lambda inputs: 10.0)
    assert applied.to({"age": 30.0}) == {"age": 35.0}
    assert applied.to("a text") == "a text"


def test_a_perturbed_picture_is_a_file_that_everybody_finds(tmp_path: Path) -> None:
    """Written once, whole; the same picture under another name is the same file."""
    Images = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
    picture = Images.fromarray(np.full((6, 8, 3), 200, np.uint8))
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png_of(picture))
    seen = []

    def darker(value: Any, strength: float, random: np.random.Generator) -> Any:
        seen.append(value.size)
        return value.point(lambda level: int(level * strength))

    applied = own("picture", tmp_path, darker)
    made = applied.to({"picture": "a.png", "caption": "a.png is grey"})
    assert made["caption"] == "a.png is grey"
    file = Media([tmp_path]).file(made["picture"])
    assert file is not None
    assert np.asarray(read_picture(file)).mean() == 100
    assert applied.to("b.png") == made["picture"]
    assert seen == [(8, 6)], "made once"
    assert [one.name for one in (tmp_path / "out").iterdir()] == [file.name], "nothing half written stays"
    assert np.asarray(read_picture(tmp_path / "a.png")).mean() == 200, "the original stays"


def test_a_perturbed_sound_is_a_file_at_its_own_rate(tmp_path: Path) -> None:
    pytest.importorskip("soundfile", reason="sounds need soundfile")
    (tmp_path / "a.wav").write_bytes(wav_of(Sound(np.full(80, 0.5, np.float32), 8_000)))
    applied = own("sound", tmp_path, lambda value, strength, random: Sound(value.samples * strength, value.rate))
    found = read_sound(Path(str(applied.to("a.wav"))), rate=None)
    assert found.rate == 8_000
    assert np.allclose(found.samples, 0.25, atol=1e-3)


@pytest.mark.parametrize(
    ("input", "reads", "there"),
    [
        ("a text", "text", True),
        ("12", "text", False),
        ("a.png", "text", False),
        ("a.png", "picture", True),
        ("b.png", "picture", False),
        ({"x": "a.png"}, "picture", True),
        ({"x": "a.png"}, "sound", False),
        ({"x": 1}, "columns", True),
        ("a text", "columns", False),
        ([{"role": "user", "content": "Hello"}], "text", True),
        ([{"role": "user", "content": "Hello"}], "columns", False),
        ([1, 2], "events", True),
    ],
)
def test_what_an_input_holds_is_seen(tmp_path: Path, input: Any, reads: Reads, there: bool) -> None:
    (tmp_path / "a.png").write_bytes(b"no matter")
    assert holds(input, reads, Media([tmp_path])) == there
