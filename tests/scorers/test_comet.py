"""COMET runs in an environment of its own; here a small package of the same interface stands in its place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import MissingExtra, TaskError
from merits.core.task import Example, ScorerSpec
from merits.media.files import file_hash
from merits.scorers.reading import CannotJudge
from merits.scorers.registry import load
from merits.testing.contracts.scorer import ScorerContract

STAND_IN = """
import types
def load_from_checkpoint(path, local_files_only=False):
    assert local_files_only
    print("libraries print what they like")
    if "broken" in path: raise RuntimeError("no such layer")
    return Model()
class Model:
    def predict(self, samples, batch_size, gpus, progress_bar, num_workers):
        (one,) = samples
        if one["mt"] == "bad": raise ValueError("cannot be read")
        shared = set(one["mt"].split()) & set(one["ref"].split())
        return types.SimpleNamespace(scores=[len(shared) / max(len(one["ref"].split()), 1)])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "comet.py").write_text(STAND_IN)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/packages exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name in ("model.ckpt", "broken.ckpt"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def scorer(folder: Path, **params: object) -> Scorer:
    given = {"checkpoint": "model.ckpt", "python": "python", "allow_pickle": True, **params}
    return load(ScorerSpec("comet", given), folder=folder)  # type: ignore[arg-type]


def test_the_best_of_the_references_counts_and_one_process_serves_all(folder: Path) -> None:
    score = scorer(folder, solved_from=0.6)
    example = Example("1", "das Haus", ["a big house there", "the house"])
    assert [score(example, Answer(said)).value for said in ("the house", "the cat", "")] == [1.0, 0.5, 0.0]
    assert [score(example, Answer(said)).solved for said in ("the house", "the cat")] == [True, False]


def test_what_cannot_be_scored_is_unscored_and_the_next_one_is_scored(folder: Path) -> None:
    score = scorer(folder)
    example = Example("1", "das Haus", "the house")
    with pytest.raises(CannotJudge, match="ValueError: cannot be read"):
        score(example, Answer("bad"))
    assert score(example, Answer("the house")).value == 1.0
    with pytest.raises(CannotJudge, match="target of example '2' is empty"):
        score(Example("2", "das Haus", " "), Answer("the house"))
    with pytest.raises(CannotJudge, match="COMET cannot be run: RuntimeError: no such layer"):
        scorer(folder, checkpoint="broken.ckpt")(example, Answer("the house"))


def test_bad_checkpoints_and_environments_are_named_before_anything_is_asked(folder: Path) -> None:
    with pytest.raises(TaskError, match="pickled, and can run code"):
        scorer(folder, allow_pickle=False)
    with pytest.raises(TaskError, match="has the SHA-256"):
        scorer(folder, sha256="0" * 64)
    with pytest.raises(TaskError, match="there is no checkpoint"):
        scorer(folder, checkpoint="absent.ckpt")
    with pytest.raises(MissingExtra, match="pip install unbabel-comet"):
        scorer(folder, python="absent/python")
    assert scorer(folder, sha256=file_hash(folder / "model.ckpt"))


class TestComet(ScorerContract):
    """The contract of all scorers."""

    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder

    def make_scorer(self) -> Scorer:
        return scorer(self.folder)

    def solved(self) -> Sequence[tuple[Example, Answer]]:
        return [(Example("1", "das Haus", "the house"), Answer("the house"))]

    def not_solved(self) -> Sequence[tuple[Example, Answer]]:
        return [(Example("1", "das Haus", "the house"), Answer(said)) for said in ("a cat", "")]
