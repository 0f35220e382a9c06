"""A picture out of focus: blurred by a Gaussian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: a Gaussian of 1, 2, 3, 4 or 6 pixels in a picture of 224"
LEVELS = SEVERITIES
VERSION = 1
_SIGMA = {  # by the shorter side: CIFAR-10-C's gaussian_blur, and ImageNet-C's
    32: (0.4, 0.6, 0.7, 0.8, 1.0),
    224: (1.0, 2.0, 3.0, 4.0, 6.0),
}


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture blurred; the width of the Gaussian grows with the picture's shorter side. Draws nothing.

    It is that of CIFAR-10-C at 32 pixels and that of ImageNet-C at 224, and goes straight from one to the other.

    >>> from PIL import Image
    >>> dot = Image.new("L", (224, 224))
    >>> dot.putpixel((100, 100), 255)
    >>> perturb(dot, 1, np.random.default_rng(0)).getpixel((100, 100)) in range(30, 60)
    True
    """
    from PIL import ImageFilter

    return value.filter(ImageFilter.GaussianBlur(_sigma(min(value.size), strength)))


def _sigma(side: int, strength: float) -> float:
    small, large = sorted(_SIGMA)
    of_small, of_large = (at_severity(_SIGMA[each], strength) for each in (small, large))
    if small < side < large:
        return float(np.interp(side, (small, large), (of_small, of_large)))
    return of_small * side / small if side <= small else of_large * side / large
