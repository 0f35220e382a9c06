"""A picture that was saved with loss: squares and ghosts of JPEG compression."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: JPEG of quality 25, 18, 15, 10 or 7"
LEVELS = SEVERITIES
VERSION = 1
_QUALITY = (25.0, 18.0, 15.0, 10.0, 7.0)  # ImageNet-C's jpeg_compression
_BEST = 95.0


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture as it comes back from a JPEG file of low quality. Draws nothing.

    >>> from PIL import Image
    >>> perturb(Image.new("RGB", (30, 20), (9, 99, 9)), 5, np.random.default_rng(0)).size
    (30, 20)
    """
    from PIL import Image

    quality = at_severity(_QUALITY, strength, nothing=_BEST)
    if not strength:
        return value.copy()
    file = io.BytesIO()
    value.convert("RGB").save(file, "JPEG", quality=round(quality))
    with Image.open(file) as saved:
        return saved.convert("RGB")
