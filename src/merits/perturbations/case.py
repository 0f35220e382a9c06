"""Words in other case: all capitals, all small, or capitals here and there, as on a telephone or in anger."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import WORD, chosen, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the words"
LEVELS = (0.25, 0.5, 1.0)
VERSION = 1


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of its words in another case than they are; nothing else changes.

    A word that has small letters becomes all capitals or loses its own capitals, whichever is drawn and differs; one
    in capitals becomes small. At strength 1 all words are in capitals, unless they were.

    >>> perturb("Please call Ada back", 0.5, np.random.default_rng(1))
    'Please CALL ADA back'
    """
    words = list(WORD.finditer(value))
    everywhere = share_of(strength, "words") == 1
    out = value
    for at in reversed(chosen(len(words), strength, random)):
        start, end = words[at].span()
        out = out[:start] + _other(words[at][0], everywhere or bool(random.integers(2))) + out[end:]
    return out


def _other(word: str, capitals: bool) -> str:
    forms = (word.upper(), word.lower()) if capitals else (word.lower(), word.upper())
    return next((form for form in forms if form != word and len(form) == len(word)), word)
