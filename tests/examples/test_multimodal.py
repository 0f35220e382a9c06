"""The stamps: pictures with captions, called by their content so that no name tells what they are of."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from examples import image_classification, multimodal
from examples.backbone import BACKBONE
from examples.multimodal import prepare, stamps_in

image = pytest.importorskip("PIL.Image")


def stamps(folder: Path) -> Path:
    """A folder as the package has it: one stamp without a caption, one that is the mirror of another."""
    for number, name in enumerate(("animals/cat", "animals/cat_mirror", "food/bread", "town/house", "military/tank")):
        file = folder / "stamps" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.new("RGBA", (200, 100), (number, 0, 0, 255)).save(file)
        if name != "town/house":
            file.with_suffix(".txt").write_text(f"A {file.stem}.\nde.utf8=Etwas.\n", encoding="utf-8")
    return folder


def test_stamps_have_a_caption_in_english_and_are_of_the_wanted_folders(tmp_path: Path) -> None:
    found = [(stamp.caption, stamp.folder) for stamp in stamps_in(stamps(tmp_path) / "stamps")]
    assert found == [("A cat.", "animals"), ("A bread.", "food")]


def test_the_network_that_a_candidate_sees_with_is_fetched() -> None:
    task = (Path(multimodal.__file__).parent / "merits.yaml").read_text(encoding="utf-8")
    assert "picture: efficientnet-lite0" in task
    assert set(BACKBONE) <= set(multimodal.ASSETS)
    assert set(BACKBONE) <= set(image_classification.ASSETS)


def test_nothing_that_a_model_sees_tells_the_folder(tmp_path: Path) -> None:
    prepare(stamps(tmp_path), tmp_path / "data")
    with (tmp_path / "data" / "stamps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"animals", "food"}
    for row in rows:
        assert (row["width"], row["height"]) == ("200", "100")
        assert "cat" not in row["picture"]
        with image.open(tmp_path / "data" / row["picture"]) as picture:
            assert max(picture.size) == 64
