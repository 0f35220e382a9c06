"""A picture with something before it: a grey square at a place that is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: a grey square over 5, 10, 15, 20 or 30 % of the picture"
LEVELS = SEVERITIES
VERSION = 1
_SHARE = (0.05, 0.10, 0.15, 0.20, 0.30)  # ours: ImageNet-C covers nothing
_GREY = (128, 128, 128)


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture under a grey rectangle of its own proportions, which lies wholly inside it.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, cover pictures in this way.

    >>> from PIL import Image
    >>> perturb(Image.new("RGB", (100, 100)), 1, np.random.default_rng(0)).getcolors()
    [(484, (128, 128, 128)), (9516, (0, 0, 0))]
    """
    side = at_severity(_SHARE, strength) ** 0.5
    width, height = (round(side * length) for length in value.size)
    left = int(random.integers(value.width - width + 1))
    top = int(random.integers(value.height - height + 1))
    covered = value.convert("RGB")
    if width and height:
        covered.paste(_GREY, (left, top, left + width, top + height))
    return covered
