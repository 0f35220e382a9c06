"""Characters that do not belong: what a bad scan, a broken encoding or a wet keyboard leaves."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "stray characters for each character"
LEVELS = (0.02, 0.05, 0.1)
VERSION = 1
_STRAY = "~^*_|\\<>§°¤¨¬=+#@%&"


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with so many stray characters in it, the nearest whole number; nothing is taken away.

    They stand between any two characters but not inside a number, which would then be another one.

    >>> perturb("12 apples, all good", 0.1, np.random.default_rng(5))
    '12 apples, all# g~ood'
    """
    share_of(strength, "characters")
    gaps = [place for place in range(len(value) + 1) if not _in_number(value, place)]
    if not value.strip():
        return value
    places = random.choice(gaps, size=round(strength * len(value)))
    out = value
    for place in sorted((int(at) for at in places), reverse=True):
        out = out[:place] + _STRAY[int(random.integers(len(_STRAY)))] + out[place:]
    return out


def _in_number(value: str, place: int) -> bool:
    """Whether a place touches a digit: "12%" is not 12, "=5" not 5."""
    return any(character.isdigit() for character in value[max(0, place - 1) : place + 1])
