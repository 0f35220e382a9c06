"""Typing errors: letters left out, doubled, swapped with the next one, or replaced."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the letters"
LEVELS = (0.02, 0.05, 0.1)
VERSION = 1
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of its letters mistyped, each one left out, doubled, swapped or replaced.

    The number of letters is the nearest whole one to the share; which letters, and how, is drawn. Digits and
    punctuation stay: what is asked must remain what is asked.

    >>> perturb("a perfectly good sentence", 0.1, np.random.default_rng(0))
    'a perfectly good ssenttence'
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"a share of letters is from 0 to 1, not {strength:g}")
    places = [place for place, character in enumerate(value) if character.isalpha()]
    chosen = random.choice(len(places), size=round(strength * len(places)), replace=False) if places else ()
    out = list(value)
    for place in sorted((places[at] for at in chosen), reverse=True):
        out[place : place + 2] = _mistyped(out[place], out[place + 1 : place + 2], random)
    return "".join(out)


def _mistyped(letter: str, following: list[str], random: np.random.Generator) -> list[str]:
    how = int(random.integers(4))
    if how == 0:
        return following
    if how == 1:
        return [letter, letter, *following]
    if how == 2 and following and following[0].isalpha():
        return [following[0], letter]
    other = _LETTERS[int(random.integers(len(_LETTERS)))]
    return [other.upper() if letter.isupper() else other, *following]
