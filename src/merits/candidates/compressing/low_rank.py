"""Low rank: each linear layer as the product of two smaller ones, by its singular values (Eckart and Young 1936).

The truncated singular value decomposition is the best approximation of a matrix of that rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from merits.candidates.compressing.forms import Copy, Torch
from merits.candidates.compressing.methods import Method, Settings, Taught
from merits.core.errors import CandidateError

if TYPE_CHECKING:
    from torch.nn import Linear, Sequential

__all__ = ["make"]


def make(copy: Copy, method: Method, taught: Taught) -> Copy:
    """The network whose linear layers are factored wherever that takes fewer numbers; CandidateError where nowhere."""
    assert isinstance(copy, Torch)
    if not _factored(copy.module, taught.settings):
        kept = f"rank {taught.settings.rank}" if taught.settings.rank else f"{taught.settings.energy:.0%} of the energy"
        raise CandidateError(
            f"no linear layer takes fewer numbers as two factors that keep {kept}.",
            "Lower energy or rank, or take another method, such as pruned.",
        )
    if taught.settings.epochs and copy.tune is not None:
        copy.tune(copy.module, taught.examples, taught.settings.epochs)
    copy.module.eval()
    return copy


def _factored(module: Any, settings: Settings) -> int:
    """How many layers were replaced."""
    from torch import nn

    n = 0
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            factors = _factors(child, settings)
            if factors is not None:
                setattr(module, name, factors)
                n += 1
        else:
            n += _factored(child, settings)
    return n


def _factors(layer: Linear, settings: Settings) -> Sequential | None:
    """The two layers; None where they would hold as many numbers as the one."""
    import torch
    from torch import nn

    weight = layer.weight.detach()
    left, values, right = torch.linalg.svd(weight.double(), full_matrices=False)
    kept = torch.cumsum(values**2, 0) / (values**2).sum()
    rank = min(settings.rank or int((kept < settings.energy).sum()) + 1, len(values))
    if rank * (layer.in_features + layer.out_features) >= layer.in_features * layer.out_features:
        return None
    first = nn.Linear(layer.in_features, rank, bias=False, device=weight.device)
    second = nn.Linear(rank, layer.out_features, bias=layer.bias is not None, device=weight.device)
    root = values[:rank].sqrt()
    with torch.no_grad():
        first.weight.copy_(root[:, None] * right[:rank])
        second.weight.copy_(left[:, :rank] * root)
        if layer.bias is not None:
            second.bias.copy_(layer.bias)
    return nn.Sequential(first, second)
