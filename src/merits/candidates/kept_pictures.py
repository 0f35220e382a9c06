"""Pictures that candidates make, kept in files named by their content. Knows nothing about who makes them.

An answer names its picture; the file is on disk before the answer is given, so that a stored answer never lacks it.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.errors import CandidateError
from merits.core.identity import JSON

__all__ = ["DRAWN", "PicturesFolder", "keep_picture"]

DRAWN = "drawn"  # by default; `pictures` is what the folder of the wanted ones is often called

_KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"RIFF": "webp"}

PicturesFolder = Annotated[
    str, msgspec.Meta(min_length=1, description="The folder the pictures are kept in, beside the task file.")
]


def keep_picture(picture: bytes, folder: Path, within: str) -> dict[str, JSON]:
    """The output that names a picture, `{"sha256": ..., "file": ...}`, once it is on disk.

    `file` is relative to the task's `folder`: `within/<sha256>.png`. Written whole or not at all; what is there already
    is not written again. Raises CandidateError where the disk says no.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     kept = keep_picture(b"\\x89PNG...", Path(place), "drawn")
    ...     (Path(place) / kept["file"]).read_bytes() == b"\\x89PNG...", kept["file"][-4:]
    (True, '.png')
    """
    sha256 = hashlib.sha256(picture).hexdigest()
    kind = next((kind for start, kind in _KINDS.items() if picture.startswith(start)), "bin")
    name = f"{within}/{sha256}.{kind}"
    file = folder / name
    try:
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            # two candidates may make the same picture at the same moment, each in a thread of its own
            part = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
            part.write_bytes(picture)
            part.replace(file)
    except OSError as problem:
        raise CandidateError(
            f"the picture cannot be kept in {file.parent}: {problem.strerror}.", "Name another folder: `pictures:`."
        ) from None
    return {"sha256": sha256, "file": name}
