"""Stamps of a drawing program: what are they of, by picture, by caption, and by both together?

Pictures with captions from Tux Paint (Debian's package tuxpaint-stamps-default, GPL-2), sorted by its folders.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.backbone import BACKBONE
from examples.embedding import EMBEDDING
from examples.fetching import Asset

__all__ = ["ASSETS", "Stamp", "prepare", "stamps_in"]

ASSETS = (
    Asset(
        "stamps",
        "tuxpaint-stamps-default",
        "./usr/share/tuxpaint/stamps/",
        "2677de2e3c5dc79908680df3535896c65be5b2b124028f7a3cf805f14d5083b3",
        source="debian",
    ),
    *EMBEDDING,
    *BACKBONE,
)
SIZE = 64  # pixels of the longer side
FOLDERS = ("animals", "food", "household", "plants", "seasonal", "symbols", "town", "vehicles")
_TEST = 3  # one in so many
_SIGNS = 70  # most of one folder: half of all stamps are letters and signs otherwise


@dataclass(frozen=True)
class Stamp:
    """One stamp: its picture, its caption in English, and the folder that it lies in."""

    file: Path
    caption: str
    folder: str


def stamps_in(folder: Path) -> Iterator[Stamp]:
    """The stamps of the wanted folders that have a picture and a caption, in order."""
    for name in FOLDERS:
        for file in sorted((folder / name).rglob("*.png")):
            told = file.with_suffix(".txt")
            if file.stem.endswith("_mirror") or not told.is_file():
                continue
            caption = told.read_text(encoding="utf-8").splitlines()[0].strip()
            if caption:
                yield Stamp(file, caption, name)


def prepare(assets: Path, data: Path) -> None:
    """Writes stamps.csv (caption, picture, width, height, kind, split), and small pictures called by their content.

    The names of the files in the package tell what is shown: they are in nothing that a model sees.
    """
    from merits.media.pictures import read_picture

    (data / "stamps").mkdir(parents=True, exist_ok=True)
    rows, n_of = [], dict.fromkeys(FOLDERS, 0)
    for stamp in sorted(stamps_in(assets / "stamps"), key=lambda stamp: _drawn(stamp.caption + stamp.file.name)):
        if n_of[stamp.folder] >= _SIGNS:
            continue
        n_of[stamp.folder] += 1
        name = f"stamps/{hashlib.sha256(stamp.file.read_bytes()).hexdigest()[:16]}.png"
        picture = read_picture(stamp.file)
        width, height = picture.size
        picture.thumbnail((SIZE, SIZE))
        picture.save(data / name)
        split = "test" if _drawn(stamp.caption) % _TEST == 0 else "dev"
        rows.append((stamp.caption, name, width, height, stamp.folder, split))
    with (data / "stamps.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("caption", "picture", "width", "height", "kind", "split"), *rows])


def _drawn(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
