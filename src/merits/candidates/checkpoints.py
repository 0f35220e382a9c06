"""Training that was interrupted goes on where it was: states of torch models on disk, under what they are made of.

A checkpoint is named by a hash of everything that training depends on, so none is ever taken for another's. Read with
`weights_only`: tensors and plain values, no code. Knows nothing about models.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.core.errors import StoreError

__all__ = ["CheckpointsFolder", "load_checkpoint", "save_checkpoint"]

CheckpointsFolder = Annotated[
    str,
    msgspec.Meta(description="The folder beside the task file that training is kept in, to go on; empty keeps none."),
]


def load_checkpoint(folder: Path, name: str) -> Mapping[str, Any] | None:
    """What was saved last under this name; None where there is nothing, or what cannot be read."""
    import pickle

    import torch

    file = folder / f"{name}.pt"
    if not file.is_file():
        return None
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):  # cut off, or of another version
        return None
    return found if isinstance(found, Mapping) else None


def save_checkpoint(folder: Path, name: str, state: Mapping[str, Any]) -> None:
    """Puts a state on disk, whole or not at all. StoreError where the disk says no."""
    import torch

    file = folder / f"{name}.pt"
    part = folder / f"{name}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(dict(state), part)
        part.replace(file)
    except OSError as problem:
        raise StoreError(f"training cannot be kept in {folder}: {problem.strerror}.", "Name another folder.") from None
