"""Pruning: what weighs least is taken away, and the rest trained again (Han et al. 2015, arXiv 1506.02626).

Single weights become 0 where they are: the network is as large and as slow as before, unless what runs it skips zeros.
Units (see `units`) are really removed.
"""

from __future__ import annotations

from typing import Any

from merits.candidates.compressing.forms import Copy, Torch
from merits.candidates.compressing.methods import Method, Taught
from merits.candidates.compressing.units import remove_units

__all__ = ["make"]


def make(copy: Copy, method: Method, taught: Taught) -> Copy:
    """The network without its least weights or units, trained on dev afterwards."""
    from torch.nn.utils import prune

    assert isinstance(copy, Torch)
    settings = taught.settings
    library: Any = prune
    masked: list[tuple[Any, str]] = []
    if settings.structure == "weights":
        masked = _weights(copy.module)
        library.global_unstructured(masked, pruning_method=prune.L1Unstructured, amount=settings.share)
    else:
        remove_units(copy.module, settings.structure, settings.share)
    if settings.epochs and copy.tune is not None:
        copy.tune(copy.module, taught.examples, settings.epochs)
    for layer, name in masked:
        library.remove(layer, name)
    copy.module.eval()
    return copy


def _weights(module: Any) -> list[tuple[Any, str]]:
    """The weights of linear and convolutional layers that learn."""
    from torch import nn

    return [
        (layer, "weight")
        for layer in module.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and layer.weight.requires_grad
    ]
