"""Half precision: the numbers of a network in 16 bits, as it is computed with too.

bf16 keeps the range of 32 bits and 8 bits of precision, fp16 11 bits of precision in a smaller range. Half the size;
faster on a GPU and on processors that compute in it, slower on others, where every step is converted.
"""

from __future__ import annotations

from merits.candidates.compressing.forms import Copy, Torch
from merits.candidates.compressing.methods import Method, Taught

__all__ = ["make"]


def make(copy: Copy, method: Method, taught: Taught) -> Copy:
    """The network in 16 bits."""
    import torch

    assert isinstance(copy, Torch)
    return copy.with_module(copy.module.to(torch.float16 if method == "fp16" else torch.bfloat16))
