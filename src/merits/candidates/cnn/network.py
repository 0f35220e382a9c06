"""What the network is made of. Knows nothing about training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Sequential

__all__ = ["network"]


def network(mean: Tensor, deviation: Tensor, widths: Sequence[int], n_classes: int, *, seed: int) -> Sequential:
    """A fresh network: pixels from 0 to 255, shape (n, channels, height, width), to logits (n, n_classes).

    For each of `widths` two 3 x 3 convolutions of so many channels, each with batch normalisation (Ioffe and Szegedy
    2015) and ReLU, then the maximum over 2 x 2; at the end the mean over the places and a linear layer (VGG's blocks,
    Simonyan and Zisserman 2015, with the head of Lin et al. 2014). The first layer, which is not learned, takes the
    `mean` of each channel away and divides by its `deviation`. Weights are drawn as He et al. (2015) say, from a
    generator of their own: the process's is left alone, because other models may be drawing from it.
    """
    from torch import Generator, nn

    generator = Generator().manual_seed(seed)
    layers: list[Module] = [_standardised(mean, deviation)]
    before = len(mean)
    for width in widths:
        for _ in range(2):
            convolution = _undrawn(nn.Conv2d, before, width, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2, ceil_mode=True))  # a picture may be smaller than the pools together
    head = _undrawn(nn.Linear, before, n_classes)
    nn.init.normal_(head.weight, 0.0, 0.01, generator=generator)
    nn.init.zeros_(head.bias)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


def _standardised(mean: Tensor, deviation: Tensor) -> Module:
    from torch import nn

    channels = len(mean)
    layer = _undrawn(nn.Conv2d, channels, channels, 1, groups=channels)
    layer.weight.data[:, 0, 0, 0] = 1.0 / deviation
    layer.bias.data[:] = -mean / deviation
    layer.requires_grad_(False)
    return cast("Module", layer)


def _undrawn(kind: type, *arguments: object, **options: object) -> Any:
    """A layer whose weights are not filled yet."""
    from torch.nn.utils import skip_init

    return skip_init(kind, *arguments, **options)  # type: ignore[no-untyped-call]
