"""Attributes in a text exchanged for others of their sort: red for blue, small for large, left for right.

A prompt that asks for something else: a model that draws what it is told must follow, and its picture is judged beside
what was asked first. How far it moves is read as a drop of agreement with the old target.
"""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.worded import exchanged

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the colours, sizes, sides and counts"
LEVELS = (0.5, 1.0)
VERSION = 1
_SORTS = (
    ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"),
    ("gray", "blue", "red", "green", "yellow"),
    ("light", "dark"),
    ("small", "large"),
    ("little", "big"),
    ("tiny", "huge"),
    ("short", "tall"),
    ("thin", "thick"),
    ("narrow", "wide"),
    ("left", "right"),
    ("top", "bottom"),
    ("above", "below"),
    ("front", "back"),
    ("up", "down"),
    ("upper", "lower"),
    ("one", "two", "three", "four", "five", "six", "seven"),
    ("open", "closed"),
    ("old", "young"),
    ("happy", "sad"),
    ("smiling", "crying"),
    ("round", "square"),
)
_SORT_OF = {word: sort for sort in reversed(_SORTS) for word in sort}


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of its attributes exchanged, at least one where it has any; English.

    >>> perturb("A small red car on the left", 1.0, np.random.default_rng(0))
    'A large blue car on the right'
    """
    return exchanged(value, strength, _SORT_OF, lambda word: _other(word, random), random)


def _other(word: str, random: np.random.Generator) -> str:
    others = [other for other in _SORT_OF[word] if other != word]
    return others[int(random.integers(len(others)))]
