"""Emoji for their names: a picture is drawn, or found, for a caption that was never seen.

The pictures are Google's Noto Color Emoji (SIL Open Font License), drawn from Debian's package of the font; the names
and themes are those of Unicode's list of emoji, from Debian's package of the Unicode data.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.embedding import EMBEDDING
from examples.fetching import Asset

__all__ = ["ASSETS", "Emoji", "emoji_in", "prepare"]

ASSETS = (
    Asset(
        "emoji/NotoColorEmoji.ttf",
        "fonts-noto-color-emoji",
        "./usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
        "e5899ed38b8ed83e08bd3ac5de09791e9d19d288333a796de1d35ad17396f1ec",
        source="debian",
    ),
    Asset(
        "emoji/emoji-test.txt",
        "unicode-data",
        "./usr/share/unicode/emoji/emoji-test.txt",
        "8445f23ac8388e096be19d0262e14fceff856ff52093f2356dc89485f1a853db",
        source="debian",
    ),
    *EMBEDDING,
)
SIZE = 64  # pixels a side
_DRAWN_AT = 109  # the one size that the font's bitmaps have
_LINE = re.compile(r"([0-9A-F]+)(?: FE0F)? *; fully-qualified *# \S+ E[0-9.]+ (.+)")
_THEMES = {
    "Smileys & Emotion": "faces and feelings",
    "People & Body": "people",
    "Animals & Nature": "animals and nature",
    "Food & Drink": "food and drink",
    "Travel & Places": "travel and places",
    "Activities": "activities",
    "Objects": "objects",
    "Symbols": "symbols",
}


@dataclass(frozen=True)
class Emoji:
    """One emoji of a single character: its name in English, and Unicode's group of it."""

    character: str
    name: str
    theme: str

    @property
    def split(self) -> str:
        """One in six is for testing, decided by a hash of its name."""
        return "test" if hashlib.sha256(self.name.encode()).digest()[0] % 6 == 0 else "dev"


def emoji_in(listed: str) -> Iterator[Emoji]:
    """The emoji of Unicode's list (emoji-test.txt) that are one character; no flags, no parts such as skin tones."""
    theme = ""
    for line in listed.splitlines():
        if line.startswith("# group: "):
            theme = _THEMES.get(line.removeprefix("# group: ").strip(), "")
        elif theme and (found := _LINE.fullmatch(line.strip())):
            yield Emoji(chr(int(found[1], 16)), found[2], theme)


def prepare(assets: Path, data: Path) -> None:
    """Draws every emoji and writes emoji.csv (caption, picture, theme, split); pictures are called by their code."""
    from PIL import ImageFont

    listed = list(emoji_in((assets / "emoji" / "emoji-test.txt").read_text(encoding="utf-8")))
    font = ImageFont.truetype(str(assets / "emoji" / "NotoColorEmoji.ttf"), _DRAWN_AT)
    (data / "emoji").mkdir(parents=True, exist_ok=True)
    with (data / "emoji.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("caption", "picture", "theme", "split"))
        for emoji in listed:
            name = f"emoji/{ord(emoji.character):x}.png"
            if not (data / name).is_file():
                _draw(emoji.character, font, data / name)
            table.writerow((emoji.name, name, emoji.theme, emoji.split))


def _draw(character: str, font: object, file: Path) -> None:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (136, 128), "white")
    ImageDraw.Draw(picture).text((0, 0), character, font=font, embedded_color=True)  # type: ignore[arg-type]
    picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(file)
