"""Pictures and sounds made small enough to stand in a page, and harmless: decoded, reduced, and written anew."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Literal

import msgspec

from merits.core.errors import MeritsError
from merits.media.finding import Media, is_sound
from merits.media.pictures import read_picture, thumbnail
from merits.media.sounds import SPEECH_RATE, Sound, read_sound, resampled

__all__ = ["Embedded", "Embedder"]

_LONGEST_S = 20.0
_SIDE = 160


class Embedded(msgspec.Struct, frozen=True):
    """A picture or a sound as a `data:` address, "" where it cannot be shown; `note` says its size, or why not."""

    kind: Literal["picture", "sound"]
    src: str
    note: str


class Embedder:
    """Makes embedded copies of the files that a task names, until `most_bytes` are embedded.

    What cannot be decoded is said, not raised: a report must not fail for a broken file. Each file is read once.
    """

    def __init__(self, media: Media, most_bytes: int = 4_000_000) -> None:
        self._media, self._left = media, most_bytes
        self._made: dict[str, Embedded] = {}

    def __call__(self, name: str) -> Embedded | None:
        """The copy of the file of this name; None where no picture or sound of that name is there."""
        file = self._media.file(name)
        if file is None:
            return None
        if name not in self._made:
            kind: Literal["picture", "sound"] = "sound" if is_sound(file) else "picture"
            try:
                content, note, type = _of_sound(read_sound(file, None)) if kind == "sound" else _of_picture(file)
            except MeritsError as problem:
                self._made[name] = Embedded(kind, "", problem.found)
            else:
                fits = len(content) <= self._left
                self._left -= len(content) if fits else 0
                src = f"data:{type};base64,{base64.b64encode(content).decode()}" if fits else ""
                self._made[name] = Embedded(kind, src, note if fits else f"{note}; not shown, the page is full")
        return self._made[name]


def _of_picture(file: Path) -> tuple[bytes, str, str]:
    picture = read_picture(file)
    content = thumbnail(picture, _SIDE)
    return content, f"{picture.width} × {picture.height}", "image/png" if content[:4] == b"\x89PNG" else "image/jpeg"


def _of_sound(sound: Sound) -> tuple[bytes, str, str]:
    """An MP3 of at most 20 s: every browser plays it, and a second takes 3 kB."""
    import soundfile

    note = f"{sound.seconds:.1f} s, {sound.rate / 1000:g} kHz"
    if sound.seconds > _LONGEST_S:
        note = f"the first {_LONGEST_S:g} s of {note}"
    start = resampled(Sound(sound.samples[: int(_LONGEST_S * sound.rate)], sound.rate), SPEECH_RATE)
    mp3 = io.BytesIO()
    soundfile.write(mp3, start.samples, start.rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.9)
    return mp3.getvalue(), note, "audio/mpeg"
