"""Hashes of files, remembered while the file stays as it is. Knows nothing about what is in them."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

__all__ = ["file_hash"]


def file_hash(file: Path) -> str:
    """The SHA-256 of a file, computed again only when its size or time of change differs."""
    status = file.stat()
    return _hashed(file.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _hashed(file: Path, size: int, changed: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
