"""Pictures and sounds that come with a request: forms and data URLs, written to files that live as long as it does.

What a file is called is decided by its first bytes, never by the client.
"""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from merits.core.identity import JSON
from merits.media.finding import is_media
from merits.serving.refusals import Refusal

__all__ = ["Files", "Ours", "Upload", "defused", "form_in", "suffix_of", "texts_of"]

_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w.+=-]+)*;base64,", re.ASCII)
_MOST_PARTS = 64
_MAGIC = (
    (".png", 0, b"\x89PNG"),
    (".jpg", 0, b"\xff\xd8\xff"),
    (".gif", 0, b"GIF87a"),
    (".gif", 0, b"GIF89a"),
    ("", 0, b"RIFF"),
    (".flac", 0, b"fLaC"),
    (".ogg", 0, b"OggS"),
    (".webm", 0, b"\x1a\x45\xdf\xa3"),
    (".m4a", 4, b"ftyp"),
    (".mp3", 0, b"ID3"),
)
_BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))', re.IGNORECASE)
_PARAM = re.compile(rb'(?:^|[;\s])(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class Upload(NamedTuple):
    """One part of a form. `filename` is what the client calls it, "" where it is a plain field."""

    filename: str
    data: bytes


def form_in(body: bytes, content_type: bytes) -> dict[str, Upload]:
    """The parts of a form (multipart/form-data, RFC 7578) by name; Refusal 400 where it is broken.

    >>> body = b'--b\\r\\nContent-Disposition: form-data; name="model"\\r\\n\\r\\nm\\r\\n--b--\\r\\n'
    >>> form_in(body, b"multipart/form-data; boundary=b")
    {'model': Upload(filename='', data=b'm')}
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refusal(400, "invalid_form", "The form names no boundary.")
    delimiter = b"\r\n--" + (found[1] or found[2])
    sections = (b"\r\n" + body).split(delimiter)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise Refusal(400, "invalid_form", "The form is not whole: its last boundary is missing.")
    if len(sections) > _MOST_PARTS + 2:
        raise Refusal(400, "invalid_form", f"The form has more than {_MOST_PARTS} parts.")
    parts: dict[str, Upload] = {}
    for section in sections[1:-1]:
        head, gap, data = section.partition(b"\r\n\r\n")
        named = dict(_params(head))
        if not gap or "name" not in named:
            raise Refusal(400, "invalid_form", "A part of the form has no name.")
        if named["name"] in parts:
            raise Refusal(400, "invalid_form", f"The form has {named['name'][:80]!r} twice.")
        parts[named["name"]] = Upload(named.get("filename", ""), data)
    return parts


def _params(head: bytes) -> list[tuple[str, str]]:
    for line in head.split(b"\r\n"):
        if line[:20].lower() == b"content-disposition:":
            return [(name.decode().lower(), value.decode("utf-8", "replace")) for name, value in _PARAM.findall(line)]
    return []


def suffix_of(data: bytes) -> str:
    """The ending of a picture's or a sound's file, by its first bytes; "" for anything else.

    >>> suffix_of(b"\\x89PNG\\r\\n\\x1a\\n"), suffix_of(b"RIFF\\x00\\x00\\x00\\x00WAVE"), suffix_of(b"#!/bin/sh")
    ('.png', '.wav', '')
    """
    for suffix, at, magic in _MAGIC:
        if data[at : at + len(magic)] == magic:
            if magic != b"RIFF":
                return suffix
            return {b"WAVE": ".wav", b"WEBP": ".webp"}.get(data[8:12], "")
    return ".mp3" if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 else ""


class Ours(str):
    """A path that we made. No decoder of JSON makes one."""


def defused(value: JSON) -> JSON:
    """A value without texts that candidates would take for the name of a picture or a sound on this machine.

    A client names no files: it sends them.

    >>> defused({"note": "see a.png", "n": 1})
    {'note': 'see a.png ', 'n': 1}
    """
    if isinstance(value, str):
        return f"{value} " if is_media(value) else value
    if isinstance(value, Mapping):
        return {name: defused(cell) for name, cell in value.items()}
    return [defused(cell) for cell in value] if isinstance(value, Sequence) else value


class Files:
    """The files of one request; `close` takes them away, once it was called by everybody who holds them."""

    def __init__(self) -> None:
        self._holders = 1
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._n = 0

    def add(self, data: bytes, param: str = "file") -> str:
        """The path of a new file with this content. Refusal 400 for what is neither a picture nor a sound."""
        suffix = suffix_of(data)
        if not suffix:
            raise Refusal(400, "unknown_file_type", "The file is neither a picture nor a sound we know.", param=param)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="merits-")
        self._n += 1
        path = Path(self._folder.name) / f"{self._n}{suffix}"
        path.write_bytes(data)
        return str(path)

    def ours(self, path: str) -> Ours:
        """The path of a file that is here already, to be told from a text of a client that looks like it."""
        return Ours(path)

    def from_url(self, url: str, param: str = "input") -> str | None:
        """The path of a new file with the content of a data URL (RFC 2397); None for a text that is none."""
        if isinstance(url, Ours):
            return str(url)
        found = _DATA_URL.match(url)
        if found is None:
            return None
        try:
            data = base64.b64decode(url[found.end() :], validate=True)
        except binascii.Error:
            raise Refusal(400, "invalid_base64", "The data URL is not base64.", param=param) from None
        return self.add(data, param)

    def hold(self) -> None:
        """One more needs them."""
        self._holders += 1

    def close(self) -> None:
        """One less needs them."""
        self._holders -= 1
        if self._folder is not None and not self._holders:
            self._folder.cleanup()
            self._folder = None


def texts_of(form: Mapping[str, Upload]) -> dict[str, str]:
    """The plain fields of a form."""
    return {name: part.data.decode("utf-8", "replace") for name, part in form.items() if not part.filename}
