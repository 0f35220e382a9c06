"""Slips of the finger: a letter's neighbour on the keyboard instead of it."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import chosen, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the letters"
LEVELS = (0.02, 0.05, 0.1)
VERSION = 1
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # each row stands half a key to the right of the one above


def _neighbours() -> dict[str, str]:
    near: dict[str, str] = {}
    for y, row in enumerate(_ROWS):
        for x, letter in enumerate(row):
            beside = [(y, x - 1), (y, x + 1), (y - 1, x), (y - 1, x + 1), (y + 1, x - 1), (y + 1, x)]
            inside = [(b, a) for b, a in beside if 0 <= b < len(_ROWS) and 0 <= a < len(_ROWS[b])]
            near[letter] = "".join(_ROWS[b][a] for b, a in inside)
    return near


_NEAR = _neighbours()


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of its letters from a to z hit beside (an English keyboard); its length stays.

    Digits, punctuation and letters with accents stay: what is asked must remain what is asked.

    >>> perturb("a perfectly good sentence", 0.1, np.random.default_rng(0))
    'a perfectly good denyence'
    """
    share_of(strength, "letters")
    places = [place for place, character in enumerate(value) if character.lower() in _NEAR]
    out = list(value)
    for at in chosen(len(places), strength, random):
        letter = out[places[at]]
        near = _NEAR[letter.lower()]
        other = near[int(random.integers(len(near)))]
        out[places[at]] = other if letter.islower() else other.upper()
    return "".join(out)
