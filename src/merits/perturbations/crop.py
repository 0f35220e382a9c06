"""A picture taken from nearer, or pointed a little beside: part of it is all that is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: 10, 20, 30, 40 or 50 % of the picture is cut away"
LEVELS = SEVERITIES
VERSION = 1
_CUT = (0.1, 0.2, 0.3, 0.4, 0.5)  # ours: ImageNet-C does not crop


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """A part of the picture in its own proportions, at a place that is drawn, in the size of the whole.

    >>> from PIL import Image
    >>> perturb(Image.new("RGB", (40, 20)), 3, np.random.default_rng(0)).size
    (40, 20)
    """
    from PIL.Image import Resampling

    side = (1.0 - at_severity(_CUT, strength)) ** 0.5
    width, height = (max(1, round(side * length)) for length in value.size)
    left = int(random.integers(value.width - width + 1))
    top = int(random.integers(value.height - height + 1))
    part = value.convert("RGB").crop((left, top, left + width, top + height))
    return part.resize(value.size, Resampling.BICUBIC)
