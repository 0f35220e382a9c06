"""Pictures and sounds in inputs: files beside the data, put into a message as the parts that chat models take.

Knows nothing about prompts or providers.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.core.kinds import Reads
from merits.media.files import file_hash

__all__ = [
    "Media",
    "is_media",
    "is_sound",
    "names_picture",
    "names_sound",
    "part_of",
    "picture_file",
    "sorts_named",
    "sound_file",
]

_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_SOUNDS = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".ogg": "audio/ogg",
    ".webm": "audio/webm",
}
_TYPES = {**_PICTURES, **_SOUNDS}
_ENDINGS = tuple(_TYPES)
_LONGEST_ENDING = max(map(len, _ENDINGS))
_LONGEST_PATH = 1000


class Place(Protocol):
    """What names files: a task, or the context in which its candidates are loaded."""

    @property
    def folder(self) -> str | Path: ...

    @property
    def data_folders(self) -> Sequence[str] | Sequence[Path]: ...


class Media:
    """Finds the files that inputs name: relative to the data's folder, then to the task's.

    A text is a file where its ending is that of a picture (png, jpg, gif, webp) or of a sound (wav, mp3, flac, m4a,
    ogg, webm) and the file is there; anything else is a text.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    @classmethod
    def of(cls, place: Place) -> Media:
        """The files that the inputs of a task name."""
        return cls((*map(Path, place.data_folders), Path(place.folder)))

    def contents(self, input: JSON) -> dict[str, str]:
        """The names of files in an input, each with the type and the hash of what is in it; {} where there are none."""
        if isinstance(input, str) and not _is_called_so(input):  # a million prompts pass here
            return {}
        cells = input.values() if isinstance(input, Mapping) else (input,) if isinstance(input, str) else ()
        return {name: _content(file) for cell in cells for name, file in self._files(cell)}

    def split(self, input: JSON) -> tuple[JSON, list[JSON]]:
        """The input without its files ("" in their places), and the files as parts of a message.

        A mapping may hold them in any of its columns; a list of names is one file after the other.
        """
        if isinstance(input, str):
            file = self.file(input)
            return ("", [part_of(file)]) if file else (input, [])
        if not isinstance(input, Mapping):
            return input, []
        rest: dict[str, JSON] = dict(input)
        parts: list[JSON] = []
        for name, cell in input.items():
            files = [file for _, file in self._files(cell)]
            if files:
                parts += map(part_of, files)
                rest[name] = ""
        return (rest, parts) if parts else (input, [])

    def _files(self, cell: JSON) -> list[tuple[str, Path]]:
        """The name and the file of each in a cell that names files and nothing else."""
        names = [cell] if isinstance(cell, str) else cell
        if not isinstance(names, Sequence):
            return []
        found = [(name, file) for name in names if isinstance(name, str) and (file := self.file(name))]
        return found if len(found) == len(names) else []

    def file(self, name: str) -> Path | None:
        """The file of that name, if it is a picture or a sound and there."""
        if not _is_called_so(name) or len(name) > _LONGEST_PATH or "\n" in name:
            return None
        return next((folder / name for folder in self._folders if (folder / name).is_file()), None)


def is_media(name: str) -> bool:
    """Whether a name has the ending of a picture or a sound.

    >>> is_media("1.PNG"), is_media("notes.txt")
    (True, False)
    """
    return _is_called_so(name)


def _is_called_so(name: str) -> bool:
    return name[-_LONGEST_ENDING:].lower().endswith(_ENDINGS)


def _content(file: Path) -> str:
    """What is in a file as a provider is told: its type, and the hash of its content."""
    return f"{_TYPES[file.suffix.lower()]} {file_hash(file)}"


def part_of(file: Path) -> dict[str, JSON]:
    """A picture or a sound as OpenAI takes it in a message; others are translated from this."""
    data = base64.b64encode(file.read_bytes()).decode()
    suffix = file.suffix.lower()
    if suffix in _PICTURES:
        return {"type": "image_url", "image_url": {"url": f"data:{_PICTURES[suffix]};base64,{data}"}}
    return {"type": "input_audio", "input_audio": {"data": data, "format": suffix.removeprefix(".")}}


def is_sound(file: Path) -> bool:
    """Whether a file is called as a sound is.

    >>> is_sound(Path("a.wav")), is_sound(Path("a.png"))
    (True, False)
    """
    return file.suffix.lower() in _SOUNDS


def sound_file(media: Media, input: JSON) -> tuple[Path, str]:
    """The sound that an input names and its type; DataError where it names none.

    The input is a path, or columns of which exactly one is.
    """
    file = _only_file(media, input, _SOUNDS, "sound")
    return file, _SOUNDS[file.suffix.lower()]


def picture_file(media: Media, input: JSON) -> Path:
    """The picture that an input names; DataError where it names none.

    The input is a path, or columns of which exactly one is.
    """
    return _only_file(media, input, _PICTURES, "picture")


def names_picture(input: JSON) -> bool:
    """Whether an input is called like the file of a picture, be it there or not.

    >>> names_picture("cats/1.PNG"), names_picture({"file": "1.jpg"}), names_picture("a text"), names_picture("a.wav")
    (True, True, False, False)
    """
    if isinstance(input, Mapping):
        return len(input) == 1 and names_picture(next(iter(input.values())))
    return _ends_as(input, _PICTURES)


def sorts_named(input: JSON, files: Mapping[str, str]) -> set[Reads]:
    """The sorts of files that an input names; `files` are those that are there (`Example.files`), a target's too.

    >>> sorts_named({"file": "1.png", "title": "a.wav"}, {"1.png": "image/png 0", "2.wav": "audio/wav 1"})
    {'picture'}
    """
    cells = input.values() if isinstance(input, Mapping) else [input]
    there = {
        type for name, type in files.items() if any(name in cell for cell in cells if isinstance(cell, str | list))
    }
    return {"sound" if type.startswith("audio/") else "picture" for type in there}


def names_sound(input: JSON) -> bool:
    """Whether a text is called like the file of a sound, be it there or not.

    >>> names_sound("calls/1.WAV"), names_sound("a text"), names_sound("a.png")
    (True, False, False)
    """
    return _ends_as(input, _SOUNDS)


def _ends_as(input: JSON, types: Mapping[str, str]) -> bool:
    return isinstance(input, str) and input[-_LONGEST_ENDING:].lower().endswith(tuple(types))


def _only_file(media: Media, input: JSON, types: Mapping[str, str], what: str) -> Path:
    names = [cell for cell in (input.values() if isinstance(input, Mapping) else [input]) if isinstance(cell, str)]
    files = [file for file in map(media.file, names) if file and file.suffix.lower() in types]
    if len(files) == 1:
        return files[0]
    shown = ", ".join(repr(name[:100]) for name in names) or "no text"
    raise DataError(
        f"the input names {f'no {what} file that is there' if not files else f'several {what} files'} ({shown}).",
        f"It should be a path relative to the data file that ends in {', '.join(types)}.",
    )
