"""The example of translation: its captions and its memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from examples.fetching import assets_folder
from examples.translation import captions, prepare
from examples.translation.memory import Memory

needs_stamps = pytest.mark.skipif(
    not (assets_folder() / "stamps").is_dir(),
    reason="the captions are not fetched (python -m examples translation)",
)


def test_a_caption_without_a_translation_is_left_out(tmp_path: Path) -> None:
    """And so are the letters of alphabets."""
    for name, text in {
        "animals/frog.txt": "A frog.\nes.utf8=Una rana.\nde.utf8=Ein Frosch.\n",
        "animals/toad.txt": "A toad.\nde.utf8=Eine Kröte.\n",
        "symbols/alphabets/a.txt": "The letter a.\nes.utf8=La letra a.\n",
        "food/nothing.txt": "",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    assert list(captions(tmp_path, "es")) == [("animals", "A frog.", "Una rana.")]


def test_a_memory_says_the_translation_of_the_nearest() -> None:
    """What the example's rival learns."""
    memory = Memory().fit(["A red hat.", "A dog."], ["Un sombrero rojo.", "Un perro."])
    assert memory.predict(["A dog!", "A red cat."]) == ["Un perro.", "Un sombrero rojo."]


@needs_stamps
def test_each_caption_stands_once(tmp_path: Path) -> None:
    """Several stamps have the same one."""
    prepare(assets_folder(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == len({row["text"] for row in rows}) > 600
    assert all(row["translation"] for row in rows)
