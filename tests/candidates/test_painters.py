"""Candidates that answer with a picture: it is on disk before the answer, and the same question is drawn alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.pictures import read_picture
from merits.testing.contracts.model import ModelContract
from tests.candidates.asking import ask
from tests.candidates.drawn import examples_in

pytest.importorskip("PIL")


def painter(kind: str, folder: Path, seed: int = 0, **params: JSON) -> Model:
    """A freshly loaded model that draws."""
    context = LoadContext(folder=folder, task_kind="text-to-image", env={}, timeout_s=60, seed=seed)
    return load(Candidate(name="mine", kind=kind, params=params), context)


def fitted(model: Model, examples: Sequence[Example]) -> Model:
    assert isinstance(model, Trainable)
    model.fit(examples)
    return model


class _Contract(ModelContract):
    inputs: ClassVar = ("a red circle", "a blue square")

    @pytest.fixture(autouse=True)
    def _drawn(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        type(self).examples = examples_in(tmp_path)  # type: ignore[misc]


class TestNearestCaption(_Contract):
    at_once = 10

    def make(self) -> Model:
        return painter("nearest-caption", self.folder)


def test_the_nearest_caption_answers_with_a_copy_of_its_picture(tmp_path: Path) -> None:
    """The copy is named by its content, so the answer stays whole when the data move."""
    model = fitted(painter("nearest-caption", tmp_path), examples_in(tmp_path, sizes=(8,)))
    output = ask(model, "one green circle, please").output
    shown = (tmp_path / "green-circle-8.png").read_bytes()
    sha256 = hashlib.sha256(shown).hexdigest()
    assert output == {"sha256": sha256, "file": f"drawn/{sha256}.png"}
    assert (tmp_path / f"drawn/{sha256}.png").read_bytes() == shown


def test_targets_that_name_no_picture_teach_nothing(tmp_path: Path) -> None:
    with pytest.raises(CandidateError, match=r"none of the 1 examples .* names a picture .* ends in \.png"):
        fitted(painter("nearest-caption", tmp_path), [Example("1", "a cat", "gone.png")])


def test_a_disk_that_says_no_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    model = fitted(painter("nearest-caption", tmp_path, pictures="taken"), examples_in(tmp_path, sizes=(8,)))
    with pytest.raises(CandidateError, match=r"cannot be kept in .*taken.*another folder"):
        ask(model, "a red circle")


class TestSmallPainter(_Contract):
    at_once = 10

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch")

    def make(self) -> Model:
        return painter("text-to-image-small", self.folder, size=16, epochs=1)


def test_a_small_painter_learns_what_colours_are_called(tmp_path: Path) -> None:
    """What it draws for red is redder than what it draws for blue."""
    pytest.importorskip("torch")
    params: dict[str, JSON] = {"size": 16, "epochs": 150, "variety": 0}
    model = fitted(painter("text-to-image-small", tmp_path, **params), examples_in(tmp_path, sizes=(8,)))
    red, blue = (_pixels(tmp_path, ask_open(model, f"a {colour} square")) for colour in ("red", "blue"))
    middle = np.s_[6:10, 6:10]
    assert red[middle].mean((0, 1))[0] > 1.5 * red[middle].mean((0, 1))[2]
    assert blue[middle].mean((0, 1))[2] > 1.5 * blue[middle].mean((0, 1))[0]


def test_training_that_was_interrupted_goes_on_and_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed in its seventh epoch is continued from the fifth; the pictures are the same to the byte."""
    pytest.importorskip("torch")
    from merits.candidates.painter_network import Painter

    examples = examples_in(tmp_path)
    whole = fitted(painter("text-to-image-small", tmp_path, size=16, epochs=10, checkpoints=False), examples)
    wanted = ask(whole, "a red square").output
    step, steps = Painter._step, []

    def counted(self: Painter, *batch: object) -> None:
        steps.append(self.epoch)
        if len(steps) == 7:
            raise KeyboardInterrupt
        step(self, *batch)

    monkeypatch.setattr(Painter, "_step", counted)
    params: dict[str, JSON] = {"size": 16, "epochs": 10}
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        fitted(painter("text-to-image-small", tmp_path, **params), examples)
    resumed = fitted(painter("text-to-image-small", tmp_path, **params), examples)
    assert steps == [0, 1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9]
    assert ask(resumed, "a red square").output == wanted
    again = fitted(painter("text-to-image-small", tmp_path, **params), examples)
    assert len(steps) == 12, "what was trained to the end is not trained again"
    assert ask(again, "a red square").output == wanted


def test_a_checkpoint_that_is_cut_off_is_not_taken_up(tmp_path: Path) -> None:
    """It is trained from the beginning, and then replaced."""
    pytest.importorskip("torch")
    examples = examples_in(tmp_path, sizes=(8,))
    params: dict[str, JSON] = {"size": 16, "epochs": 2}
    wanted = ask(fitted(painter("text-to-image-small", tmp_path, **params), examples), "a red square").output
    (file,) = (tmp_path / ".merits" / "checkpoints").iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    assert ask(fitted(painter("text-to-image-small", tmp_path, **params), examples), "a red square").output == wanted


def ask_open(model: Model, input: str) -> JSON:
    """The output; the model stays open."""
    import asyncio

    return asyncio.run(model.answer(input)).output


def _pixels(folder: Path, output: JSON) -> np.ndarray:
    assert isinstance(output, dict)
    return np.asarray(read_picture(folder / str(output["file"])), float)
