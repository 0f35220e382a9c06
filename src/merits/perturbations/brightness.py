"""A picture that is too bright: light is added to every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity, from_pixels, pixels_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: 10, 20, 30, 40 or 50 % of white added to the brightness"
LEVELS = SEVERITIES
VERSION = 1
_ADDED = (0.1, 0.2, 0.3, 0.4, 0.5)  # ImageNet-C's brightness


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture with a higher value in HSV: hue and saturation stay until white is reached. Draws nothing.

    >>> from PIL import Image
    >>> perturb(Image.new("RGB", (1, 1), (100, 50, 0)), 2, np.random.default_rng(0)).getpixel((0, 0))
    (151, 76, 0)
    """
    pixels = pixels_of(value)
    before = pixels.max(axis=2, keepdims=True)  # the value of HSV
    after = np.minimum(before + at_severity(_ADDED, strength), 1.0)
    return from_pixels(np.where(before > 0, pixels * after / np.where(before > 0, before, 1.0), after))
