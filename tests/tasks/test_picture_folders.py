"""A folder of pictures is a task: a folder for each label, in splits or not, and a draft that runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from merits.core.errors import DataError
from merits.tasks.draft import draft
from merits.tasks.file import load_task
from merits.tasks.rows import read
from tests.media.painting import painted


def test_each_folder_is_a_label(tmp_path: Path) -> None:
    """As `ImageFolder` has it; what is hidden or deeper does not matter."""
    painted(tmp_path, 2)
    (tmp_path / ".merits").mkdir()
    (tmp_path / "red" / "deep").mkdir()
    shutil.copy(tmp_path / "red/0.png", tmp_path / "red/deep/7.PNG")
    (tmp_path / "red" / "Thumbs.db").write_bytes(b"x")
    table = read(tmp_path)
    assert [(row["input"], row["label"]) for row in table.rows] == [
        ("blue/0.png", "blue"),
        ("blue/1.png", "blue"),
        ("red/0.png", "red"),
        ("red/1.png", "red"),
        ("red/deep/7.PNG", "red"),
    ]


def test_folders_of_splits_are_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        painted(tmp_path / split, 2)
    table = read(tmp_path)
    assert table.splits == ["train"] * 4 + ["test"] * 4
    assert table.rows[0] == {"input": "train/blue/0.png", "label": "blue"}


def test_labels_that_are_called_like_splits_are_labels(tmp_path: Path) -> None:
    """A picture of a train is no training set."""
    painted(tmp_path, 1)
    (tmp_path / "red").rename(tmp_path / "train")
    assert {row["label"] for row in read(tmp_path).rows} == {"blue", "train"}


def test_a_label_without_a_picture_is_said(tmp_path: Path) -> None:
    painted(tmp_path, 1)
    (tmp_path / "green").mkdir()
    with pytest.raises(DataError, match="the folder green holds no picture"):
        read(tmp_path)
    shutil.rmtree(tmp_path / "red")
    shutil.rmtree(tmp_path / "blue")
    with pytest.raises(DataError, match="a folder of pictures for each label"):
        read(tmp_path)


@pytest.mark.parametrize("form", ["folder", "splits", "table"])
def test_a_draft_of_pictures_runs_and_lets_those_try_that_see(form: str, tmp_path: Path) -> None:
    data = tmp_path / "pictures"
    if form == "splits":
        for split in ("train", "test"):
            painted(data / split, 6)
    else:
        names = painted(data, 6)
    if form == "table":
        data = data / "seen.csv"
        data.write_text("\n".join(["file,label", *(f"{name},{name.split('/')[0]}" for name in names)]))
    drafted = draft(data, folder=tmp_path)
    (tmp_path / "merits.yaml").write_text(drafted.text)
    task = load_task(tmp_path / "merits.yaml")
    assert (task.kind, task.classes) == ("image-classification", ("blue", "red"))
    assert len(task.examples) == (24 if form == "splits" else 12)
    assert all(example.files for example in task.examples)
    kinds = [candidate.kind for candidate in task.candidates]
    assert kinds[:3] == ["most-common", "sklearn", "sklearn"]
    assert "text-linear" not in drafted.text
    assert "image-cnn" in drafted.text


def test_one_picture_under_two_names_is_on_one_side(tmp_path: Path) -> None:
    """Else it would be learned from and asked."""
    names = painted(tmp_path, 20)
    for name in names:
        shutil.copy(tmp_path / name, tmp_path / name.replace(".png", "-copy.png"))
    (tmp_path / "merits.yaml").write_text("kind: image-classification\ndata: .\n")
    task = load_task(tmp_path / "merits.yaml")
    sides: dict[str, set[str]] = {}
    for example in task.examples:
        sides.setdefault(example.input_hash, set()).add(example.split)
    assert len(sides) == 40
    assert all(len(split) == 1 for split in sides.values())
    assert {side for split in sides.values() for side in split} == {"dev", "test"}
