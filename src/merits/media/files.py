"""Hashes of files, remembered while the file stays as it is. Knows nothing about what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

__all__ = ["file_hash", "size_of"]


def file_hash(file: Path) -> str:
    """The SHA-256 of a file, computed again only when anything in its status differs.

    The time of the last change of the status (ctime) is in it: what is moved or copied into place may keep its own
    time of modification, but not that.
    """
    status = file.stat()
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return _hashed(file.resolve(), status.st_size, status.st_ino, times)


@lru_cache(maxsize=16_384)
def _hashed(file: Path, size: int, number: int, times: tuple[int, int]) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def size_of(files: Iterable[Path]) -> int:
    """Bytes of the files together."""
    return sum(file.stat().st_size for file in files)
