"""Looks at pictures: their sizes and modes, which cannot be read, and which are nearly the same.

Nearly the same is a difference hash (Krawetz 2013, "Kind of like that") that agrees and pixels that do. Own code: it is
ten lines on top of Pillow, and the pixels are read once for all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import DataError, MissingExtra
from merits.core.task import Example
from merits.media.pictures import read_picture
from merits.tasks.looks.alike import alike
from merits.tasks.looks.files import named, unreadable
from merits.tasks.looks.seeing import Fact, Finding, Seen, Sight, spread_of

__all__ = ["CODES", "OPENS_FILES", "features", "look", "reads"]

CODES = {
    "tiny-pictures": "Pictures so small that most models will enlarge what is not there.",
    "unreadable-pictures": "Files that are no picture, are cut off, or hold more pixels than is safe.",
}
OPENS_FILES = True
_MOST_SEEN = 2_000  # pictures; some 5 ms each, of a megapixel 30 ms
_SIDE = 16  # of the grey copy that is hashed and compared
_MOST_BITS = 12  # of 240 that may differ
_MOST_DIFFERENT = 0.035  # mean absolute difference of the copies, of the range from black to white
_FLAT = 0.02  # spread of a copy: a blank picture has no features that a hash could tell
_TINY = 32  # pixels of the shorter side
_FEATURES = 24  # side of the colour copy that features are made of


@dataclass(frozen=True)
class _Picture:
    size: tuple[int, int]
    mode: str
    grey: NDArray[np.float32]


def look(sight: Sight) -> Seen | None:
    """Sizes, modes, unreadable files and near twins of the pictures that inputs name; None where they name none."""
    files = named(sight, "image/")
    if not files:
        return None
    chosen = sight.sample(range(len(files)), _MOST_SEEN)
    try:
        read = sight.watched("pictures", [files[place][1] for place in chosen], _read)
    except MissingExtra as problem:
        return Seen(n=len(files), n_seen=0, facts=[Fact("pictures", f"not looked at: {problem.next_step}")])
    bad = [(files[place][1].name, str(was)) for place, was in zip(chosen, read, strict=True) if isinstance(was, str)]
    good = [(files[p][0], was) for p, was in zip(chosen, read, strict=True) if isinstance(was, _Picture)]
    findings = unreadable("unreadable-pictures", "pictures", bad, len(chosen))
    findings += _tiny([picture for _, picture in good])
    return Seen(
        n=len(files), n_seen=len(chosen), facts=_facts([p for _, p in good]), findings=findings, twins=_twins(good)
    )


def reads(example: Example) -> bool:
    """Whether an input names a file of this sort."""
    return any(content.startswith("image/") for content in example.files.values())


def _read(file: Path) -> _Picture | str:
    try:
        picture = read_picture(file, "L")
    except DataError as problem:
        return problem.found
    from PIL import Image

    with Image.open(file) as opened:  # only its head is read: what it is before it is made grey
        mode = opened.mode
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return _Picture(picture.size, mode, np.asarray(small, dtype=np.float32) / 255.0)


def _facts(pictures: list[_Picture]) -> list[Fact]:
    if not pictures:
        return []
    sizes = Counter(picture.size for picture in pictures)
    modes = Counter(picture.mode for picture in pictures)
    (width, height), n = min(sizes.items(), key=lambda pair: (-pair[1], pair[0]))
    shorter = spread_of([min(picture.size) for picture in pictures])
    low, high = (f"{shorter[end]:,.0f}" for end in ("low", "high"))
    said = f"{width} x {height}" if len(sizes) == 1 else f"{len(sizes):,}, commonest {width} x {height} ({n:,})"
    return [
        Fact("sizes", said, {f"{w}x{h}": count for (w, h), count in sizes.most_common(20)}),
        Fact("shorter side", f"{low if low == high else f'{low} to {high}'} pixels", {**shorter}),
        Fact("modes", ", ".join(f"{mode} {count:,}" for mode, count in modes.most_common()), dict(modes)),
    ]


def _tiny(pictures: list[_Picture]) -> list[Finding]:
    tiny = sum(min(picture.size) < _TINY for picture in pictures)
    if not tiny:
        return []
    return [
        Finding(
            code="tiny-pictures",
            text=f"{tiny:,} of {len(pictures):,} pictures have a side under {_TINY} pixels.",
            next_step="Check that production sends such small ones too; a pretrained network sees them enlarged.",
        )
    ]


def _twins(pictures: list[tuple[int, _Picture]]) -> list[tuple[int, int]]:
    """Pairs of the positions of examples whose pictures are nearly the same."""
    if len(pictures) < 2:
        return []
    grey = np.stack([picture.grey for _, picture in pictures])
    bits = (grey[:, :, 1:] > grey[:, :, :-1]).reshape(len(grey), -1)
    flat = grey.std(axis=(1, 2)) < _FLAT

    def same(a: int, b: int) -> bool:
        return not flat[a] and not flat[b] and float(np.abs(grey[a] - grey[b]).mean()) <= _MOST_DIFFERENT

    found = {(pictures[a][0], pictures[b][0]) for a, b in alike(bits, _MOST_BITS, same)}
    return sorted((min(pair), max(pair)) for pair in found if pair[0] != pair[1])


def features(sight: Sight, positions: list[int]) -> NDArray[np.float64] | None:
    """The pixels of a small copy in colour, from -1 to 1; None where a picture cannot be read, or without Pillow."""
    by_position = dict(reversed(named(sight, "image/")))
    rows = []
    for position in positions:
        if position not in by_position:
            return None
        try:
            picture = read_picture(by_position[position])
        except (DataError, MissingExtra):
            return None
        from PIL import Image

        small = picture.resize((_FEATURES, _FEATURES), Image.Resampling.BOX)
        rows.append(np.asarray(small, dtype=np.float64).ravel() / 127.5 - 1.0)
    return np.stack(rows)
