"""What searches for better candidates came to, beside a store: the latest of each task, in a file of its own.

The answers that a search asked for are in the store; this is only what was made of them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from merits.core.errors import StoreError
from merits.core.improvement import Improvement
from merits.core.secrets import redact_values

__all__ = ["keep_search", "kept_search"]


def keep_search(improvement: Improvement, store: str | Path) -> None:
    """Keeps what a search came to beside a store, in the place of an earlier one of the task; not where that is memory.

    Raises StoreError where it cannot be written.
    """
    path = _path(store, improvement.task)
    if path is None:
        return
    text = redact_values(msgspec.json.encode(improvement).decode())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, suffix=".part")  # whole, or not at all
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(beside).replace(path)
    except OSError as problem:
        raise StoreError(
            f"what the search came to cannot be written to {path}: {problem.strerror}.", "Make room, or check rights."
        ) from None


def kept_search(task: str, store: str | Path) -> Improvement | None:
    """What the latest search of a task (by its id) came to; None where there was none. StoreError for a broken file."""
    path = _path(store, task)
    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Improvement)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as problem:
        raise StoreError(f"cannot read {path}: {problem}.", "Remove it; `merits improve` writes it anew.") from None


def _path(store: str | Path, task: str) -> Path | None:
    return None if str(store) == ":memory:" else Path(store).parent / "improvements" / f"{task}.json"
