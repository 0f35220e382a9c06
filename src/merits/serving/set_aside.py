"""What the store could not take, in files beside the journals for somebody to look at; until its time is over.

`refused.jsonl` has records that the store cannot hold, `*.damaged` journals that cannot be read to their end.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from merits.core.live import Feedback, Served

__all__ = ["forget_set_aside", "set_aside"]

_REFUSED = "refused.jsonl"


class _Refused(msgspec.Struct):
    kind: str
    why: str
    record: msgspec.Raw


class _At(msgspec.Struct):
    at: float


def set_aside(folder: Path, record: Served | Feedback, why: str) -> None:
    """Adds a record, and why it was refused, to the others. OSError where there is no room."""
    kind = "served" if isinstance(record, Served) else "feedback"
    line = msgspec.json.encode({"kind": kind, "why": why, "record": record}) + b"\n"
    with open(folder / _REFUSED, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line)


def forget_set_aside(folder: Path, before: float) -> int:
    """Takes away what is from before then (UNIX seconds); how many records and journals that were.

    A damaged journal is as old as its file.
    """
    n_forgotten = 0
    for path in folder.glob("*.damaged"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            n_forgotten += 1
    path = folder / _REFUSED
    return n_forgotten + (_forget_refused(path, before) if path.exists() else 0)


def _forget_refused(path: Path, before: float) -> int:
    with open(path, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other workers add to it
        lines = file.readlines()
        left = [line for line in lines if not _is_older(line, before)]
        if len(left) < len(lines):
            file.seek(0)
            file.write(b"".join(left))
            file.truncate()
            os.fsync(file.fileno())
    return len(lines) - len(left)


def _is_older(line: bytes, before: float) -> bool:
    try:
        return msgspec.json.decode(msgspec.json.decode(line, type=_Refused).record, type=_At).at < before
    except msgspec.MsgspecError:
        return False  # cut short by a full disk, or somebody else's
