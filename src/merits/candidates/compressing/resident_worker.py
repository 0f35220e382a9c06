"""The process of `resident`: loads the model in a folder that it wrote, answers what lies there, and says what it took.

The pickles that it reads are the temporary files of the process that started it, and of nobody else.
"""

from __future__ import annotations

import json
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main"]


def main(place: Path) -> None:
    """Prints one line of JSON: bytes beyond those of Python and NumPy, now and at the most."""
    asked = _read(place / "asked.pickle")
    before = _bytes("VmRSS")
    answer = _loaded(place)
    for one in asked:
        np.asarray(answer(one))
    took = {"n_bytes": _bytes("VmRSS") - before, "peak_bytes": _bytes("VmHWM") - before}
    sys.stdout.write(json.dumps(took) + "\n")


def _loaded(place: Path) -> Callable[[Any], Any]:
    if (place / "model.onnx").is_file():
        return _graph(place)
    if (place / "estimator.pickle").is_file():
        estimator = _read(place / "estimator.pickle")
        predict: Callable[[Any], Any] = estimator.predict
        return predict
    import torch

    torch.set_num_threads(1)
    module = torch.load(place / "module.pt", weights_only=False)
    some = next(iter(module.parameters()), torch.empty(0))

    def computed(arrays: dict[str, Any]) -> Any:
        given = {name: torch.from_numpy(each) for name, each in arrays.items()}
        with torch.inference_mode():
            moved = {
                name: each.to(some.device, some.dtype) if each.is_floating_point() else each.to(some.device)
                for name, each in given.items()
            }
            return module(**moved).float().cpu().numpy()

    return computed


def _graph(place: Path) -> Callable[[Any], Any]:
    import onnxruntime

    beside = _read(place / "beside.pickle")  # held, as whoever answers with them does
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(place / "model.onnx"), options, providers=["CPUExecutionProvider"])
    return lambda arrays: (session.run(None, arrays)[0], beside)[0]


def _read(file: Path) -> Any:
    with file.open("rb") as opened:
        return pickle.load(opened)


def _bytes(name: str) -> int:
    """A figure of this process that Linux tells (proc_pid_status(5)): VmRSS now, VmHWM at the most, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
