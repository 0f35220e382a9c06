"""A picture taken in the dark: every pixel is off by chance, by a Gaussian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity, from_pixels, pixels_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: noise with a standard deviation of 8, 12, 18, 26 or 38 % of white"
LEVELS = SEVERITIES
VERSION = 1
_DEVIATION = (0.08, 0.12, 0.18, 0.26, 0.38)  # ImageNet-C's gaussian_noise


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture with noise in each pixel and colour, independent of each other; clipped at black and white.

    >>> from PIL import Image
    >>> noisy = pixels_of(perturb(Image.new("RGB", (200, 200), (128, 128, 128)), 1, np.random.default_rng(0)))
    >>> round(float(noisy.std()), 2)
    0.08
    """
    pixels = pixels_of(value)
    return from_pixels(pixels + random.normal(0.0, at_severity(_DEVIATION, strength), pixels.shape))
