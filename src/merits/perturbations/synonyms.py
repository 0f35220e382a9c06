"""Other words for the same, off a list of common English ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import chosen, listed, plain_words, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the words that have a synonym on the list"
LEVELS = (0.25, 0.5, 1.0)
VERSION = 1


@cache
def _others() -> Mapping[str, tuple[str, ...]]:
    """The other words of each word's group."""
    groups = listed("synonyms.txt")
    return {word: tuple(other for other in group if other != word) for group in groups for word in group}


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with another word for that share of those of its words that are on the list; capitals are kept.

    Numbers, names and words that are on no list stay, so a text without common English words stays as it is.

    >>> perturb("Please fix the big problem quickly", 1, np.random.default_rng(0))
    'Please repair the large issue rapidly'
    """
    share_of(strength, "words")
    others = _others()
    words = [word for word in plain_words(value) if word[0].lower() in others]
    out = value
    for at in reversed(chosen(len(words), strength, random)):
        word = words[at][0]
        possible = others[word.lower()]
        other = possible[int(random.integers(len(possible)))]
        start, end = words[at].span()
        out = out[:start] + (other.capitalize() if word[0].isupper() else other) + out[end:]
    return out
