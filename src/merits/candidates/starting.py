"""What a model had learned, in a folder that another one begins with: its files, and which inputs it had learned from.

The folder's hash is in the recipe of whoever begins there, so that what it comes to can be made again. Nothing in it is
run or unpickled. Knows nothing about who learns.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from merits.candidates.keeping import keep_json, kept_json
from merits.core.errors import CandidateError
from merits.core.identity import content_hash
from merits.media.files import file_hash

__all__ = ["Start", "start_in", "written_start"]

_MODEL, _LEARNED = "model", "learned.json"


class Start:
    """A start that was looked at: the folder `model` that a model's `keep` wrote, and the hashes of what it learned."""

    def __init__(self, folder: Path) -> None:
        self.model = folder / _MODEL
        self.learned = frozenset(kept_json(folder / _LEARNED, list[str]))


def start_in(folder: Path, hash: str) -> Start:
    """The start in a folder; CandidateError where it is not there, or not the one of this hash.

    >>> kept, home = (Path(tempfile.mkdtemp()) for _ in range(2))
    >>> _ = (kept / "labels.json").write_text("[]")
    >>> place, hash = written_start(home, kept, ["an input's hash"])
    >>> sorted(start_in(place, hash).learned), start_in(place, hash).model.name
    (["an input's hash"], 'model')
    """
    if not folder.is_dir():
        raise CandidateError(
            f"there is no folder {folder.name!r} to begin with.", "Copy it there, or train again: merits retrain"
        )
    if _hash(folder) != hash:
        raise CandidateError(
            f"what is in {folder.name!r} is not what the recipe names.", "Copy it again, or train again: merits retrain"
        )
    return Start(folder)


def written_start(home: Path, kept: Path, learned: Collection[str]) -> tuple[Path, str]:
    """The folder that was written in `home`, which is named by its hash, and that hash.

    `kept` is what a model's `keep` wrote, `learned` the hashes of the inputs that it learned from. OSError where it
    cannot be written.
    """
    home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home))
    try:
        shutil.copytree(kept, draft / _MODEL)
        keep_json(sorted(learned), draft / _LEARNED)
        hash = _hash(draft)
        place = home / f"start-{hash[:16]}"
        if not place.is_dir():
            draft.chmod(0o755)
            draft.rename(place)
        return place, hash
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _hash(folder: Path) -> str:
    """One hash of all files in a folder, with their names."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return content_hash([[file.relative_to(folder).as_posix(), file_hash(file)] for file in files])
