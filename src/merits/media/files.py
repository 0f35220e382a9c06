"""Hashes of files, remembered while the file stays as it is, and checked. Knows nothing about what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from merits.core.errors import CandidateError
from merits.core.validate import did_you_mean

__all__ = ["check_hash", "check_hashes", "file_hash", "size_of"]


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


def check_hash(file: Path, sha256: str) -> None:
    """Nothing, where the file has this SHA-256 or none is given (""); else a CandidateError that says which it has."""
    if sha256 and file_hash(file) != sha256.lower():
        raise CandidateError(
            f"{file.name} has the SHA-256 {file_hash(file)}, not {sha256}.", "Fetch it again, or mend sha256."
        )


def check_hashes(files: Mapping[str, Path], sha256: str | Mapping[str, str]) -> None:
    """The same for a model of several files, by name: a mapping says which has which, one hash is the first one's."""
    for name, wanted in ({next(iter(files)): sha256} if isinstance(sha256, str) else sha256).items():
        if name not in files:
            raise CandidateError(
                f"sha256 speaks of {name!r}, which is no file of the model.", did_you_mean(name, files)
            )
        check_hash(files[name], wanted)


def size_of(files: Iterable[Path]) -> int:
    """Bytes of the files together."""
    return sum(file.stat().st_size for file in files)
