"""Export to ONNX, which ONNX Runtime computes without torch or scikit-learn, and faster than these."""

from __future__ import annotations

import io
import logging
import warnings
from hashlib import blake2b
from typing import Any

import numpy as np

from merits.candidates.compressing.estimators import exported_estimator
from merits.candidates.compressing.forms import Copy, Fitted, Graph, Torch
from merits.candidates.compressing.methods import Method, Taught
from merits.candidates.shared import Shared
from merits.core.errors import CandidateError

__all__ = ["make"]

_OPSET = 18
_exported = Shared[bytes](most_bytes=256_000_000)  # the last graphs: an export takes some 10 s, whatever its size


def make(copy: Copy, method: Method, taught: Taught) -> Copy:
    """The graph; CandidateError where a layer or a step has no counterpart in ONNX."""
    inputs = [example.input for example in taught.examples]
    if isinstance(copy, Fitted):
        return exported_estimator(copy.opened, inputs)
    assert isinstance(copy, Torch)
    batch = next(iter(copy.reading.batches(inputs[:8])))
    sample = {name: np.concatenate([each, each]) for name, each in batch.arrays.items()}  # one row would be taken as 1
    module = copy.module
    key = _digest(module, sample)  # other methods compress what the same network becomes
    model = _exported.get(key, lambda: _traced(module, sample), n_bytes=len)
    return Graph(model, copy.reading)


def _digest(module: Any, sample: dict[str, Any]) -> str:
    """A hash of all that decides the graph: the layers, their settings and numbers, and what they take."""
    hashed = blake2b(repr((module, getattr(module, "config", ""))).encode(), digest_size=16)
    for name, tensor in module.state_dict().items():
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hashed.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    for name, each in sample.items():
        hashed.update(f"{name} {each.dtype} {each.shape[1:]}".encode())
    return hashed.hexdigest()


def _traced(module: Any, sample: dict[str, Any]) -> bytes:
    import torch

    content: Any = io.BytesIO()
    # Codes of tokens are as many as there are; of pixels only the number of pictures varies.
    free = {
        name: dict.fromkeys(range(each.ndim if each.dtype.kind == "i" else 1), _any()) for name, each in sample.items()
    }
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # that torchvision is not installed, which nobody needs
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.cpu().eval(),
                (),
                content,
                kwargs={name: torch.from_numpy(each) for name, each in sample.items()},
                input_names=list(sample),
                output_names=["logits"],
                dynamic_shapes=free,
                opset_version=_OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as problem:
        raise CandidateError(
            f"the network cannot be exported to ONNX: {str(problem).strip().splitlines()[0][:200]}.",
            "Take a method that stays in torch: int8-dynamic, fp16, bf16, pruned or low-rank.",
        ) from problem
    finally:
        logging.disable(before)
    return _bare(content.getvalue())


def _bare(model: bytes) -> bytes:
    """The graph without what only those need who mend exporters: of a small network that is the larger part."""
    import onnx

    read = onnx.load_from_string(model)
    del read.graph.value_info[:], read.graph.metadata_props[:]
    for node in read.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    stripped: bytes = read.SerializeToString()
    return stripped


def _any() -> Any:
    from torch.export import Dim

    return Dim.DYNAMIC
