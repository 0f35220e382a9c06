"""A perturbation applied to a whole input: to its texts, its pictures, its sounds, its columns or its events.

A perturbed picture or sound is a file of its own, so that whoever can read the original can read it. Knows nothing
about tasks and stores.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from merits.core.errors import StoreError
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.robustness import level_id
from merits.media.files import file_hash
from merits.media.finding import Media, is_sound, names_picture
from merits.perturbations.registry import Perturbation
from merits.perturbations.registry import perturbation as registered

__all__ = ["Applied", "asked_as", "holds", "perturb", "texts_of", "with_texts", "write_whole"]


def holds(input: JSON, reads: Reads, media: Media) -> bool:
    """Whether an input holds what a perturbation reads.

    >>> holds("a text", "text", Media([])), holds({"age": 41}, "text", Media([]))
    (True, False)
    """
    found: list[JSON] = []

    def seen(value: Any) -> Any:
        found.append(None)
        return value

    _changed(input, reads, seen, lambda file: seen(str(file)), media)
    return bool(found)


def texts_of(input: JSON, media: Media) -> list[str]:
    """The texts of an input that may be changed: the input itself, what a user said last, or columns of text.

    >>> texts_of({"title": "Late", "stars": 2, "id": "17"}, Media([]))
    ['Late']
    """
    found: list[str] = []

    def seen(text: str) -> str:
        found.append(text)
        return text

    _changed(input, "text", seen, str, media)
    return found


def with_texts(input: JSON, texts: Mapping[str, str], media: Media) -> JSON:
    """The input with its texts in other words.

    >>> with_texts("Why?", {"Why?": "For what reason?"}, Media([]))
    'For what reason?'
    """
    return _changed(input, "text", lambda text: texts.get(text, text), str, media)


@dataclass(frozen=True)
class Applied:
    """A perturbation at one strength, to be applied to inputs: the same input always comes to the same.

    `asked_as` names all that it depends on (name, strength, version, seed). `studied` gives what its `study` made of
    the inputs of dev. Files are written to `folder`, each whole or not at all, under the
    hash of what they were made of and how.
    """

    perturbation: Perturbation
    strength: float
    name: str
    asked_as: str
    seed: int
    media: Media
    folder: Path
    studied: Callable[[], Any] = lambda: None

    def to(self, input: JSON) -> JSON:
        """The input perturbed. What holds nothing that can be perturbed stays as it is.

        Raises DataError for a file that cannot be read, and what the perturbation raises.
        """
        return _changed(input, self.perturbation.READS, self._value, self._file, self.media)

    def _value(self, value: Any) -> Any:
        return self._perturb(value, content_hash(value))

    def _perturb(self, value: Any, content: str) -> Any:
        perturb: Callable[..., Any] = self.perturbation.perturb
        if hasattr(self.perturbation, "study"):
            perturb = partial(perturb, studied=self.studied())
        # Not of the strength: what is drawn is alike at all of them, so a curve shows the strength and not the luck.
        drawn = blake2b(f"{self.seed}/{self.name}/{content}".encode(), digest_size=16).digest()
        return perturb(value, self.strength, np.random.default_rng(int.from_bytes(drawn, "big")))

    def _file(self, file: Path) -> str:
        content = file_hash(file)
        suffix = ".png" if self.perturbation.READS == "picture" else ".wav"
        name = blake2b(f"{content}/{self.asked_as}".encode(), digest_size=16).hexdigest()
        target = self.folder.absolute() / f"{name}{suffix}"
        if not target.is_file():
            write_whole(target, self._bytes(file, content))
        return str(target)

    def _bytes(self, file: Path, content: str) -> bytes:
        if self.perturbation.READS == "picture":
            from merits.media.pictures import png_of, read_picture

            return png_of(self._perturb(read_picture(file), content))
        from merits.media.sounds import read_sound, wav_of

        return wav_of(self._perturb(read_sound(file, rate=None), content))


def asked_as(name: str, strength: float, version: int, seed: int) -> str:
    """What stands in the key of an answer for a perturbation: all that can change what is asked.

    >>> asked_as("typos", 0.05, 1, 0)
    'typos 0.05 v1 seed 0'
    """
    return f"{level_id(name, strength)} v{version} seed {seed}"


def perturb(
    input: JSON,
    perturbation: str,
    strength: float,
    *,
    seed: int = 0,
    folder: str | Path = ".",
    studied: Sequence[JSON] = (),
) -> JSON:
    """An input under a perturbation, to look at: what a run with that seed asks.

    Pictures and sounds that the input names are looked for in `folder`, and what is made of them is written to
    `.merits/perturbed` there. `studied` are the inputs that a perturbation learns from (those of dev), where it does.
    Raises TaskError for a perturbation that there is not, and ValueError for a strength that makes no sense.

    >>> perturb("a perfectly good sentence", "typos", 0.1)
    'a perfectly god senuence'
    """
    found = registered(perturbation)
    study = getattr(found, "study", None)
    return Applied(
        found,
        strength,
        perturbation,
        asked_as(perturbation, strength, found.VERSION, seed),
        seed,
        Media([Path(folder)]),
        Path(folder) / ".merits" / "perturbed",
        (lambda: None) if study is None else (lambda: study(list(studied))),
    ).to(input)


def write_whole(target: Path, content: bytes) -> None:
    """Writes a file whole: it is there complete, or not at all. StoreError where it cannot be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=target.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).replace(target)
    except OSError as problem:
        raise StoreError(
            f"a changed file cannot be written to {target.parent}: {problem.strerror}.", "Make room, or check rights."
        ) from None


def _changed(input: JSON, reads: Reads, value: Callable[[Any], Any], file: Callable[[Path], str], media: Media) -> JSON:
    """The input with every part of what is read changed: `value` changes texts, columns and events, `file` files."""
    if reads in ("columns", "events"):
        whole = isinstance(input, Mapping) or (reads == "events" and isinstance(input, list | tuple))
        return value(input) if whole else input
    if isinstance(input, str):
        return _cell(input, reads, value, file, media)
    if isinstance(input, Mapping):
        return {name: _cell(cell, reads, value, file, media) for name, cell in input.items()}
    if isinstance(input, list | tuple) and all(isinstance(one, Mapping) and "role" in one for one in input):
        return _messages(input, value) if reads == "text" else input
    return input


def _cell(cell: JSON, reads: Reads, value: Callable[[Any], Any], file: Callable[[Path], str], media: Media) -> JSON:
    if isinstance(cell, list | tuple):
        return [_cell(one, reads, value, file, media) for one in cell]
    if not isinstance(cell, str):
        return cell
    found = media.file(cell)
    if reads == "text":
        return value(cell) if found is None and any(map(str.isalpha, cell)) else cell
    wanted = found is not None and (names_picture(found.name) if reads == "picture" else is_sound(found))
    return file(found) if found is not None and wanted else cell


def _messages(messages: Sequence[Any], value: Callable[[Any], Any]) -> list[Any]:
    """The messages with what the user said last changed: as a text, or in the text parts of a content in parts."""
    changed = [dict(one) for one in messages]
    last = next((one for one in reversed(changed) if one["role"] == "user"), None)
    if last is None:
        return changed
    content = last.get("content")
    if isinstance(content, str):
        last["content"] = value(content)
    elif isinstance(content, list | tuple):
        last["content"] = [
            {**part, "text": value(part["text"])} if isinstance(part, Mapping) and "text" in part else part
            for part in content
        ]
    return changed
