"""Units that are really removed: attention heads and inner neurons of an encoder, channels of a convolutional network.

A unit weighs the norm of its numbers: filters as Li et al. (2017), arXiv 1608.08710; of heads and neurons the product
of the norms of what goes in and of what comes out. Of each layer the same share goes, and one unit at least stays.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from merits.candidates.compressing.methods import Structure
from merits.core.errors import CandidateError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["has_heads", "remove_units"]


def remove_units(module: Any, structure: Structure, share: float) -> None:
    """Nothing, once the share of units is gone; CandidateError for a network that has none of these."""
    n = 0
    if structure in ("units", "heads"):
        n += sum(_heads(layer, share) for layer in module.modules() if has_heads(layer))
    if structure in ("units", "neurons"):
        n += sum(_neurons(layer, share) for layer in module.modules() if _has_neurons(layer))
    if structure in ("units", "channels"):
        n += _channels(module, share)
    if not n:
        what = "units" if structure == "units" else structure
        raise CandidateError(
            f"no {what} can be removed from this network: it has none, or {share:.0%} of a layer is less than one.",
            "`structure: weights` prunes any network. BERT's family has heads and neurons, image-cnn channels.",
        )


def has_heads(layer: Any) -> bool:
    """Whether it is the attention of a layer of BERT's family: `self` with query, key and value, then `output`."""
    own = getattr(layer, "self", None)
    return all(hasattr(own, name) for name in ("query", "key", "value", "attention_head_size")) and hasattr(
        getattr(layer, "output", None), "dense"
    )


def _has_neurons(layer: Any) -> bool:
    """Whether it is a layer of BERT's family: `intermediate`, then `output`."""
    return hasattr(getattr(layer, "intermediate", None), "dense") and hasattr(getattr(layer, "output", None), "dense")


def _heads(attention: Any, share: float) -> int:
    own, out = attention.self, attention.output.dense
    width = int(own.attention_head_size)
    value = own.value.weight.detach().reshape(-1, width * own.value.in_features).norm(dim=1)
    n_heads = len(value)
    weighs = value * out.weight.detach().T.reshape(n_heads, -1).norm(dim=1)
    kept = _kept(weighs, share)
    rows = (kept[:, None] * width + kept.new_tensor(range(width))).reshape(-1)
    for name in ("query", "key", "value"):
        setattr(own, name, _linear(getattr(own, name), outputs=rows))
    attention.output.dense = _linear(out, inputs=rows)
    own.num_attention_heads, own.all_head_size = len(kept), len(rows)
    return n_heads - len(kept)


def _neurons(layer: Any, share: float) -> int:
    first, second = layer.intermediate.dense, layer.output.dense
    kept = _kept(first.weight.detach().norm(dim=1) * second.weight.detach().norm(dim=0), share)
    layer.intermediate.dense = _linear(first, outputs=kept)
    layer.output.dense = _linear(second, inputs=kept)
    return int(first.out_features) - len(kept)


def _channels(module: Any, share: float) -> int:
    """Removes filters of every convolution whose channels go straight into another one, or into a linear layer."""
    from torch import nn

    if not isinstance(module, nn.Sequential):
        return 0
    n, places = 0, [at for at, layer in enumerate(module) if isinstance(layer, nn.Conv2d | nn.Linear)]
    for here, there in pairwise(places):
        convolution, reader = module[here], module[there]
        if not isinstance(convolution, nn.Conv2d) or convolution.groups > 1:
            continue
        kept = _kept(convolution.weight.detach().abs().sum(dim=(1, 2, 3)), share)
        n += convolution.out_channels - len(kept)
        module[here] = _convolution(convolution, outputs=kept)
        for at in range(here + 1, there):
            if isinstance(module[at], nn.BatchNorm2d):
                module[at] = _normalisation(module[at], kept)
        is_linear = isinstance(reader, nn.Linear)
        module[there] = _linear(reader, inputs=kept) if is_linear else _convolution(reader, inputs=kept)
    return n


def _kept(weighs: Tensor, share: float) -> Tensor:
    """The numbers of the units that stay, in their order."""
    n = max(1, len(weighs) - int(len(weighs) * share))
    return weighs.topk(n).indices.sort().values


def _linear(layer: Any, *, inputs: Tensor | None = None, outputs: Tensor | None = None) -> Any:
    from torch import nn

    weight, bias = layer.weight.detach(), layer.bias
    weight = weight if inputs is None else weight[:, inputs]
    weight = weight if outputs is None else weight[outputs]
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device=weight.device)
    made.weight = nn.Parameter(weight.clone())
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone() if outputs is None else bias.detach()[outputs].clone())
    return made


def _convolution(layer: Any, *, inputs: Tensor | None = None, outputs: Tensor | None = None) -> Any:
    from torch import nn

    weight = layer.weight.detach()
    weight = weight if inputs is None else weight[:, inputs]
    weight = weight if outputs is None else weight[outputs]
    n_out, n_in = weight.shape[:2]
    made = nn.Conv2d(n_in, n_out, layer.kernel_size, layer.stride, layer.padding, bias=layer.bias is not None)
    made = made.to(weight.device)
    made.weight = nn.Parameter(weight.clone())
    if layer.bias is not None:
        made.bias = nn.Parameter(layer.bias.detach() if outputs is None else layer.bias.detach()[outputs].clone())
    return made


def _normalisation(layer: Any, kept: Tensor) -> Any:
    from torch import nn

    made = nn.BatchNorm2d(len(kept), layer.eps, layer.momentum).to(kept.device)
    made.load_state_dict({name: each[kept] if each.dim() else each for name, each in layer.state_dict().items()})
    return made
