"""A picture seen in a mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = "chance that a picture is mirrored"
LEVELS = (1.0,)
VERSION = 1


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture, left and right exchanged with that probability. Not for letters, digits and arrows.

    >>> from PIL import Image
    >>> picture = Image.new("RGB", (2, 1)); picture.putpixel((0, 0), (9, 9, 9))
    >>> perturb(picture, 1.0, np.random.default_rng(0)).getpixel((1, 0))
    (9, 9, 9)
    """
    from PIL import ImageOps

    if not 0 <= strength <= 1:
        raise ValueError(f"a chance is from 0 to 1, not {strength:g}")
    return ImageOps.mirror(value) if random.random() < strength else value.copy()
