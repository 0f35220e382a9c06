"""Dynamic int8 in torch: weights of linear layers in 8 bits, their inputs rounded as they come.

torch.ao.quantization is deprecated in favour of torchao (3 MB), whose int8 is slower than 32 bits on a processor unless
the network is compiled: torchao 0.18 with torch 2.13 takes 11 times the processor time of 32 bits for a MiniLM of
random weights and one text (360 ms, 33 ms), where this takes half (18 ms). Where torch no longer brings it, `onnx-int8`
does the same.
"""

from __future__ import annotations

import warnings
from typing import Any

from merits.candidates.compressing.forms import Copy, Torch
from merits.candidates.compressing.methods import Method, Taught
from merits.core.errors import CandidateError

__all__ = ["make"]


def make(copy: Copy, method: Method, taught: Taught) -> Copy:
    """The network with linear layers in int8, on the processor."""
    import torch

    assert isinstance(copy, Torch)
    try:
        from torch.ao import quantization
    except ImportError:
        raise CandidateError(
            f"torch {torch.__version__} no longer quantises dynamically by itself.", "Take the method onnx-int8."
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it is deprecated
        quantisation: Any = quantization
        return copy.with_module(quantisation.quantize_dynamic(copy.module.cpu(), {torch.nn.Linear}, dtype=torch.qint8))
