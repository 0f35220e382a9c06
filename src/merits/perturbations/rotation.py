"""A picture that was held at a slant: turned to the left or to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.severity import SEVERITIES, SEVERITY, at_severity

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "picture"
STRENGTH = f"{SEVERITY}: turned by 5, 10, 15, 20 or 30 degrees"
LEVELS = SEVERITIES
VERSION = 1
_DEGREES = (5.0, 10.0, 15.0, 20.0, 30.0)  # ours: ImageNet-C does not rotate


def perturb(value: Image, strength: float, random: np.random.Generator) -> Image:
    """The picture turned about its middle, to a side that is drawn; its size stays.

    The corners that come into view have the median colour of the picture's edge: black ones would give it away.

    >>> from PIL import Image
    >>> grey = Image.new("RGB", (30, 30), (7, 7, 7))
    >>> perturb(grey, 5, np.random.default_rng(0)).getcolors()
    [(900, (7, 7, 7))]
    """
    from PIL.Image import Resampling

    degrees = at_severity(_DEGREES, strength) * (1 if random.random() < 0.5 else -1)
    return value.convert("RGB").rotate(degrees, Resampling.BICUBIC, fillcolor=_edge(value))


def _edge(picture: Image) -> tuple[int, int, int]:
    pixels = np.asarray(picture.convert("RGB"))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = np.median(edge, axis=0).astype(int).tolist()
    return red, green, blue
