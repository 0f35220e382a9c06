"""Learning something once: from a checkpoint where it was learned before, else by training, here or in processes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.checkpoints import Checkpoint
from merits.candidates.cnn.held_out import held_out
from merits.candidates.fine_tuning.jobs import Job
from merits.candidates.fine_tuning.numbers import put, trained
from merits.candidates.fine_tuning.processes import in_processes
from merits.candidates.fine_tuning.settings import TrainerParams
from merits.candidates.registry import LoadContext
from merits.core.task import Example

__all__ = ["apart", "learn"]


def learn(
    network: Any,
    train: Callable[[Path], None],
    job: Callable[[], Job],
    *,
    n_processes: int,
    checkpoint: Checkpoint | None,
    context: LoadContext,
) -> None:
    """Nothing; the network's trained numbers are what was learned, and the checkpoint holds them.

    `train` trains the network and keeps in the folder that it is given what it has come to; `job` is the same for
    `n_processes` others.
    """
    known = None if checkpoint is None else checkpoint.load("cpu")
    if known is not None:
        put(network, known["trained"])
        return
    with tempfile.TemporaryDirectory(prefix="merits-") as place:
        folder = _folder(checkpoint, Path(place))
        if n_processes > 1:
            put(network, in_processes(job(), n_processes, folder=folder, env=context.env, note=context.note))
        else:
            train(folder)
        if checkpoint is not None:
            checkpoint.save({"trained": trained(network)})
        shutil.rmtree(folder, ignore_errors=True)


def apart(examples: Sequence[Example], params: TrainerParams, *, seed: int) -> NDArray[np.bool_]:
    """Where an example of a text is held out: about that share of all, groups and duplicates whole."""
    return held_out([msgspec.structs.replace(each, target="") for each in examples], params.held_out, seed=seed)


def _folder(checkpoint: Checkpoint | None, otherwise: Path) -> Path:
    """Where a training on its way is kept: beside its checkpoint, where that can be written."""
    if checkpoint is not None and checkpoint.running is not None:
        return checkpoint.running
    return otherwise
