"""The emoji: what is taken from Unicode's list, and how they are divided."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from examples.fetching import assets_folder
from examples.text_to_image import SIZE, Emoji, emoji_in, prepare

LISTED = """
# group: Smileys & Emotion
1F600                                      ; fully-qualified     # 😀 E1.0 grinning face
263A FE0F                                  ; fully-qualified     # ☺️ E0.6 smiling face
263A                                       ; unqualified         # ☺ E0.6 smiling face
1F636 200D 1F32B FE0F                      ; fully-qualified     # 😶‍🌫️ E13.1 face in clouds
# group: Component
1F3FB                                      ; component           # 🏻 E1.0 light skin tone
# group: Flags
1F3C1                                      ; fully-qualified     # 🏁 E0.6 chequered flag
"""


def test_emoji_of_one_character_are_taken_and_no_flags() -> None:
    found = [(emoji.character, emoji.name, emoji.theme) for emoji in emoji_in(LISTED)]
    assert found == [("😀", "grinning face", "faces and feelings"), ("☺", "smiling face", "faces and feelings")]


def test_a_name_stays_on_its_side_of_the_split() -> None:
    """Decided by a hash: about one in six is for testing, whatever else is in the list."""
    splits = [Emoji("x", f"thing {number}", "objects").split for number in range(600)]
    assert splits.count("test") == pytest.approx(100, abs=25)


def test_the_table_and_the_pictures_are_written(tmp_path: Path) -> None:
    """Every emoji is a picture that is not blank."""
    image = pytest.importorskip("PIL.Image")
    font = assets_folder() / "emoji" / "NotoColorEmoji.ttf"
    if not font.is_file():
        pytest.skip("the font of the example is not there: python -m examples text_to_image")
    (tmp_path / "assets" / "emoji").mkdir(parents=True)
    (tmp_path / "assets" / "emoji" / "NotoColorEmoji.ttf").symlink_to(font.resolve())
    (tmp_path / "assets" / "emoji" / "emoji-test.txt").write_text(LISTED, encoding="utf-8")
    prepare(tmp_path / "assets", tmp_path / "data")
    with (tmp_path / "data" / "emoji.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["caption"] for row in rows] == ["grinning face", "smiling face"]
    for row in rows:
        with image.open(tmp_path / "data" / row["picture"]) as picture:
            assert picture.size == (SIZE, SIZE)
            assert len(picture.convert("RGB").getcolors(100_000)) > 20
