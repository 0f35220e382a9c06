"""No text: every cell that holds words is empty. Names of pictures and sounds, and numbers, stay."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merits.core.identity import JSON
from merits.core.kinds import Reads
from merits.media.finding import is_media
from merits.perturbations.missing import without

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "columns"
STRENGTH = "share of the inputs"
LEVELS = (0.25, 0.5, 1.0)
VERSION = 1


def perturb(value: Mapping[str, JSON], strength: float, random: np.random.Generator) -> dict[str, JSON]:
    """The columns without their texts, in that share of the inputs.

    >>> perturb({"caption": "a cat", "picture": "1.png", "height": 12}, 1.0, np.random.default_rng(0))
    {'caption': '', 'picture': '1.png', 'height': 12}
    """
    return without(value, strength, _is_text, random)


def _is_text(cell: JSON) -> bool:
    return isinstance(cell, str) and any(map(str.isalpha, cell)) and not is_media(cell)
