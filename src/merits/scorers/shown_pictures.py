"""Pictures that a judge is shown: found in what it judges, and put beside the text as parts of the message.

Knows nothing about verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from merits.core.identity import JSON
from merits.media.files import file_hash
from merits.media.finding import Media, names_picture, part_of
from merits.reading.values import shorten
from merits.scorers.reading import CannotJudge

__all__ = ["as_answer", "with_pictures"]


def with_pictures(
    parts: Sequence[tuple[str, JSON]], media: Media
) -> tuple[list[tuple[str, JSON]], list[dict[str, JSON]]]:
    """The named parts, each picture in them replaced by "(picture 1)" and so on, and the pictures as message parts.

    A picture is what an input or a target names, or an answer that names one with the hash of its content, as
    candidates that draw give it. A text that an answer consists of stays a text, whatever it is called: it is what a
    model said, and must not bring up files. CannotJudge for an answer's picture that is gone, or no longer the same.
    """
    shown: list[dict[str, JSON]] = []

    def place(file: Path) -> str:
        shown.append(part_of(file))
        return f"(picture {len(shown)})"

    def seen(name: str, value: JSON) -> JSON:
        if isinstance(value, Mapping) and {"sha256", "file"} <= set(value):
            return place(_kept(value, media))
        if name.startswith("ANSWER"):
            return value
        if isinstance(value, Mapping):
            return {key: seen(name, cell) for key, cell in value.items()}
        file = media.file(value) if isinstance(value, str) and names_picture(value) else None
        return value if file is None else place(file)

    return [(name, seen(name, value)) for name, value in parts], shown


def as_answer(target: JSON, media: Media) -> JSON:
    """A target as candidates give it: where it names a picture, the name with the hash of its content."""
    file = media.file(target) if isinstance(target, str) and names_picture(target) else None
    return target if file is None else {"sha256": file_hash(file), "file": target}


def _kept(value: Mapping[str, JSON], media: Media) -> Path:
    name = str(value["file"])
    file = media.file(name)
    if file is None or file_hash(file) != value["sha256"]:
        raise CannotJudge(f"the picture {shorten(name)} is no longer {'there' if file is None else 'the same'}")
    return file
