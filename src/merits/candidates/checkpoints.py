"""What a training has come to, in a file that a killed run leaves whole, so that the next one goes on from there.

A file is named by a hash of everything that training depends on, so none is ever taken for another's. Knows nothing
about what is trained.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.candidates.registry import LoadContext

__all__ = ["Checkpoint", "KeepsCheckpoints", "checkpoint_of"]

KeepsCheckpoints = Annotated[
    bool, msgspec.Meta(description="Keep checkpoints in .merits/checkpoints, so that a killed training goes on.")
]


class Checkpoint:
    """A state (tensors, numbers, texts; lists and mappings of these) in one file.

    The file is written beside and put into place, so it is the old one or the new one. It is read without unpickling
    anything but such values; one that cannot be read is as good as none.
    """

    def __init__(self, file: Path, note: Callable[[str], None]) -> None:
        self._file = file
        self._note = note
        self._writes = True

    @property
    def running(self) -> Path | None:
        """A folder for what a training on its way keeps, of the same name; None, which is said, where none can be."""
        folder = self._file.with_suffix(".running")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            self._cannot_write(problem)
            return None
        return folder

    def load(self, device: Any) -> dict[str, Any] | None:
        """The state as it was saved, on a device; None where there is none."""
        if not self._file.is_file():
            return None
        import torch

        try:
            state: dict[str, Any] = torch.load(self._file, map_location=device, weights_only=True)
        except Exception:  # noqa: BLE001  torch raises whatever a broken file makes it stumble on
            self._note(f"the checkpoint {self._file.name} cannot be read; training begins anew")
            return None
        return state

    def save(self, state: dict[str, Any]) -> None:
        """The state is on disk when this returns; where nothing can be written, that is said once and is no error."""
        if not self._writes:
            return
        import torch

        content = io.BytesIO()
        torch.save(state, content)
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}.partial")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._file)
        except OSError as problem:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            self._cannot_write(problem)

    def _cannot_write(self, problem: OSError) -> None:
        self._writes = False
        self._note(f"no checkpoint can be written ({problem.strerror}); a training that is killed begins anew")


def checkpoint_of(context: LoadContext, kind: str, training: str, *, kept: bool) -> Checkpoint | None:
    """The checkpoint of a training, in `.merits/checkpoints` of the task's folder; None where none is to be kept.

    `training` is a hash of all that the training depends on: the recipe, the code, the seed and the examples.
    """
    folder = Path(context.folder) / ".merits" / "checkpoints"
    return Checkpoint(folder / f"{kind}-{training}.pt", context.note) if kept else None
