"""No picture: every cell that names one is empty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merits.core.identity import JSON
from merits.core.kinds import Reads
from merits.media.finding import names_picture
from merits.perturbations.missing import without

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "columns"
STRENGTH = "share of the inputs"
LEVELS = (0.25, 0.5, 1.0)
VERSION = 1


def perturb(value: Mapping[str, JSON], strength: float, random: np.random.Generator) -> dict[str, JSON]:
    """The columns without their pictures, in that share of the inputs.

    >>> perturb({"caption": "a cat", "picture": "1.png"}, 1.0, np.random.default_rng(0))
    {'caption': 'a cat', 'picture': ''}
    """
    return without(value, strength, _is_picture, random)


def _is_picture(cell: JSON) -> bool:
    return isinstance(cell, str) and names_picture(cell)
