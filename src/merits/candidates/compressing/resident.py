"""What a copy takes in memory, measured: a fresh process loads it, answers some inputs, and says what it grew by.

Knows nothing about how a copy was made.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from merits.candidates.compressing.forms import Copy, Fitted, Graph, Torch
from merits.candidates.insides import Reading
from merits.candidates.memory import Resident
from merits.core.identity import JSON

__all__ = ["resident"]

_WORKER = [sys.executable, "-m", "merits.candidates.compressing.resident_worker"]
_INPUTS = 8
_LONGEST_S = 180.0
_NOT_MEASURED = (  # it cannot be written, or the process could not load it: its classes are the user's, a disk is full
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    pickle.PicklingError,
    subprocess.SubprocessError,
)


def resident(copy: Copy, inputs: Sequence[JSON]) -> Resident | None:
    """What a process that holds only this copy takes in memory (Linux: resident set size, on one thread).

    It reads the copy from files, and answers the first eight inputs one by one. What reads inputs of a network (its
    tokenizer) is not in it, and the same for parent and copy. None where the system does not tell, and for what cannot
    be written to a file, or computes elsewhere (a GPU).
    """
    if not Path("/proc/self/status").is_file() or not inputs or _is_elsewhere(copy):
        return None
    with tempfile.TemporaryDirectory(prefix="merits-") as place:
        try:
            _write(copy, inputs[:_INPUTS], Path(place))
            path = os.pathsep.join(entry for entry in sys.path if entry)  # its classes may be the user's own
            run = subprocess.run(
                [*_WORKER, place],
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_LONGEST_S,
                check=True,
            )
            return Resident(**json.loads(run.stdout.splitlines()[-1]))
        except _NOT_MEASURED:
            return None


def _is_elsewhere(copy: Copy) -> bool:
    return isinstance(copy, Torch) and any(each.device.type != "cpu" for each in copy.module.parameters())


def _write(copy: Copy, inputs: Sequence[JSON], place: Path) -> None:
    """Files for the worker: what answers, and what it is asked."""
    asked: list[Any]
    if isinstance(copy, Graph):
        (place / "model.onnx").write_bytes(copy.model)
        _pickled(list(copy.reading.beside), place / "beside.pickle")
        asked = _arrays(copy.reading, inputs)
    elif isinstance(copy, Fitted):
        _pickled(copy.opened.estimator, place / "estimator.pickle")
        rows = copy.opened.rows
        asked = [rows.matrix([rows.row(input)]) for input in inputs]
    else:
        import torch

        torch.save(copy.module, place / "module.pt")
        asked = _arrays(copy.reading, inputs)
    _pickled(asked, place / "asked.pickle")


def _arrays(reading: Reading, inputs: Sequence[JSON]) -> list[Any]:
    return [batch.arrays for input in inputs for batch in reading.batches([input])]


def _pickled(thing: object, file: Path) -> None:
    with file.open("wb") as opened:
        pickle.dump(thing, opened)
