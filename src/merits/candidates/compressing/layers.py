"""A changed network of torch in files: its numbers, and how its layers differ from those that it was made of.

What was taken away, factored or put into 8 bits is written down layer by layer, so that a network that has not learned
can be changed in the same way and take the numbers. Nothing is pickled.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from merits.candidates.compressing.units import has_heads
from merits.candidates.keeping import keep_json, keep_network, kept_json, take_network
from merits.core.errors import CandidateError

__all__ = ["keep_layers", "take_layers"]

_LAYERS, _NUMBERS = "layers.json", "network.safetensors"
What: TypeAlias = Literal["linear", "factors", "convolution", "norm", "codes", "heads"]


class Layer(msgspec.Struct, frozen=True):
    """What a layer of a name has become, and its sizes: of most, what comes in and what goes out.

    Of `factors` the number between them is another one, of `heads` there are how many and how wide together.
    """

    name: str
    what: What
    sizes: tuple[int, ...]
    bias: bool = False


class Layers(msgspec.Struct, frozen=True):
    """All layers whose sizes may differ, a layer before those inside it, and in what the numbers are."""

    layers: tuple[Layer, ...]
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"


def keep_layers(module: Any, folder: Path) -> None:
    """Writes a network that `take_layers` makes again; CandidateError where it is of other numbers."""
    some = next((each for each in module.parameters() if each.is_floating_point()), None)
    dtype = "float32" if some is None else str(some.dtype).removeprefix("torch.")
    try:
        layers = msgspec.convert({"layers": _layers_of(module), "dtype": dtype}, Layers)
    except msgspec.ValidationError as problem:
        raise CandidateError(f"its numbers are not kept: {problem}.", "It learns again at the start.") from None
    keep_network(_with_codes(module), folder / _NUMBERS)
    keep_json(layers, folder / _LAYERS)


def take_layers(blank: Any, folder: Path) -> Any:
    """The network that `keep_layers` wrote, made of one that has not learned, which is changed.

    CandidateError where it was made of another one.
    """
    import torch

    kept = kept_json(folder / _LAYERS, Layers)
    if any(layer.what == "codes" for layer in kept.layers):
        blank = blank.cpu()  # nothing else computes with them
    blank = blank.to(getattr(torch, kept.dtype))
    for layer in kept.layers:
        try:
            _MAKERS[layer.what](blank, layer)
        except (AttributeError, LookupError, TypeError, ValueError) as problem:
            raise CandidateError(
                f"the kept layer {layer.name!r} is of another network: {problem}.", "Release it anew: merits release"
            ) from None
    take_network(blank, folder / _NUMBERS)
    return _quantised(blank).eval()


def _layers_of(module: Any) -> list[Layer]:
    from torch import nn

    found: list[Layer] = []
    for name, part in module.named_modules():
        if _is_factors(part) and name:
            found.append(
                Layer(name, "factors", (_inputs(part[0]), _outputs(part[0]), _outputs(part[1])), _bias(part[1]))
            )
        elif _is_codes(part):
            found.append(Layer(name, "codes", (part.in_features, part.out_features), _bias(part)))
        elif isinstance(part, nn.Linear):
            found.append(Layer(name, "linear", (part.in_features, part.out_features), _bias(part)))
        elif isinstance(part, nn.Conv2d) and part.groups == 1:
            found.append(Layer(name, "convolution", (part.in_channels, part.out_channels), _bias(part)))
        elif isinstance(part, nn.BatchNorm2d):
            found.append(Layer(name, "norm", (part.num_features,)))
        elif has_heads(part):
            own = part.self
            found.append(Layer(f"{name}.self", "heads", (own.num_attention_heads, own.all_head_size)))
    return found


def _is_factors(part: Any) -> bool:
    """Whether it is what `low_rank` puts in the place of a linear layer."""
    from torch import nn

    linear = isinstance(part, nn.Sequential) and all(isinstance(each, nn.Linear) or _is_codes(each) for each in part)
    return linear and len(part) == 2 and not _bias(part[0])


def _is_codes(part: Any) -> bool:
    """Whether it is a linear layer of torch in dynamic int8."""
    return type(part).__name__ == "Linear" and hasattr(part, "_packed_params")


def _bias(part: Any) -> bool:
    return (part.bias() if callable(part.bias) else part.bias) is not None


def _inputs(part: Any) -> int:
    return int(part.in_features)


def _outputs(part: Any) -> int:
    return int(part.out_features)


def _linear(blank: Any, layer: Layer) -> None:
    old, (inputs, outputs) = blank.get_submodule(layer.name), layer.sizes
    if (old.in_features, old.out_features) != (inputs, outputs):
        _put(blank, layer.name, _undrawn(inputs, outputs, layer.bias, old.weight))


def _factors(blank: Any, layer: Layer) -> None:
    from torch import nn

    old, (inputs, rank, outputs) = blank.get_submodule(layer.name), layer.sizes
    if isinstance(old, nn.Linear):
        first, second = _undrawn(inputs, rank, False, old.weight), _undrawn(rank, outputs, layer.bias, old.weight)
        _put(blank, layer.name, nn.Sequential(first, second))


def _convolution(blank: Any, layer: Layer) -> None:
    from torch import nn

    old, (inputs, outputs) = blank.get_submodule(layer.name), layer.sizes
    if (old.in_channels, old.out_channels) == (inputs, outputs):
        return
    made = nn.Conv2d(inputs, outputs, old.kernel_size, old.stride, old.padding, bias=layer.bias)
    _put(blank, layer.name, made.to(old.weight.device, old.weight.dtype))


def _norm(blank: Any, layer: Layer) -> None:
    from torch import nn

    old, (size,) = blank.get_submodule(layer.name), layer.sizes
    if old.num_features != size:
        _put(blank, layer.name, nn.BatchNorm2d(size, old.eps, old.momentum).to(old.weight.device, old.weight.dtype))


def _codes(blank: Any, layer: Layer) -> None:
    import torch

    inputs, outputs = layer.sizes
    weight = torch.zeros((outputs, inputs), dtype=torch.int8)
    _put(blank, layer.name, _holder(weight, 1.0, 0, torch.zeros(outputs) if layer.bias else None))


def _heads(blank: Any, layer: Layer) -> None:
    own, (heads, width) = blank.get_submodule(layer.name), layer.sizes
    own.num_attention_heads, own.all_head_size = heads, width


_MAKERS: dict[What, Callable[[Any, Layer], None]] = {
    "linear": _linear,
    "factors": _factors,
    "convolution": _convolution,
    "norm": _norm,
    "codes": _codes,
    "heads": _heads,
}


def _undrawn(inputs: int, outputs: int, bias: bool, like: Any) -> Any:
    from torch import nn

    return nn.Linear(inputs, outputs, bias=bias, device=like.device, dtype=like.dtype)


def _put(module: Any, name: str, part: Any) -> None:
    outer, _, last = name.rpartition(".")
    setattr(module.get_submodule(outer), last, part)


def _holder(weight: Any, scale: float, zero_point: int, bias: Any) -> Any:
    """A linear layer in int8 as a module that holds its numbers and cannot compute."""
    import torch

    holder = torch.nn.Module()
    holder.register_buffer("weight", weight)
    holder.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))
    holder.register_buffer("zero_point", torch.tensor(zero_point, dtype=torch.int64))
    holder.register_buffer("bias", bias)
    return holder


def _with_codes(module: Any) -> Any:
    """The network with holders for layers in int8; itself where there are none."""
    names = [name for name, part in module.named_modules() if _is_codes(part)]
    if not names:
        return module
    held = copy.deepcopy(module)
    for name in names:
        part = held.get_submodule(name)
        weight, bias = part.weight(), part.bias()
        _put(held, name, _holder(weight.int_repr(), weight.q_scale(), weight.q_zero_point(), bias))
    return held


def _quantised(module: Any) -> Any:
    """The network with layers in int8 for their holders, which are changed for them in place."""
    import warnings

    import torch

    holders = [name for name, part in module.named_modules() if "zero_point" in dict(part.named_buffers(recurse=False))]
    if not holders:
        return module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are deprecated: see `int8_torch`
        from torch.ao.nn.quantized import dynamic

        quantised: Any = dynamic
        for name in holders:
            held = module.get_submodule(name)
            made = quantised.Linear(held.weight.shape[1], held.weight.shape[0], dtype=torch.qint8)
            weight = torch._make_per_tensor_quantized_tensor(held.weight, float(held.scale), int(held.zero_point))
            made.set_weight_bias(weight, held.bias)
            _put(module, name, made)
    return module
