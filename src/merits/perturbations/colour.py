"""Other light, another camera: the picture's colours are stronger or weaker, its contrast higher or lower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: brightness, contrast and saturation up to 10, 20, 30, 40 or 60 % higher or lower"
LEVELS = SEVERITIES
VERSION = 1
_MOST = (0.1, 0.2, 0.3, 0.4, 0.6)  # 0.4 is usual in training ("colour jitter": Krizhevsky et al. 2012, Howard 2013)


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture with each of the three multiplied by a factor that is drawn, in this order.

    >>> from PIL import Image
    >>> perturb(Image.new("RGB", (1, 1), (100, 100, 100)), 0, np.random.default_rng(0)).getpixel((0, 0))
    (100, 100, 100)
    """
    from PIL import ImageEnhance

    most = at_severity(_MOST, strength)
    picture = value.convert("RGB")
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = change(picture).enhance(float(random.uniform(1.0 - most, 1.0 + most)))
    return picture
