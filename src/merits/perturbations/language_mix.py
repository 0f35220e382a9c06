"""Words of another language in an English text, as people write who live in two."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import chosen, listed, plain_words, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the words that have a translation on the list"
LEVELS = (0.1, 0.25, 0.5)
VERSION = 1

_LANGUAGES = 3  # Spanish, German, French


@cache
def _translations() -> Mapping[str, tuple[str, ...]]:
    """Each English word in the languages."""
    return {word: tuple(others) for word, *others in listed("language_mix.txt")}


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of those of its words that are on the list in Spanish, German or French.

    One language is drawn for the whole text. Numbers, names and words that are on no list stay; a list of words is no
    translator: genders and endings may be off, as they are when people mix languages.

    >>> perturb("The film is very good", 0.6, np.random.default_rng(3))
    'Le film is très good'
    """
    share_of(strength, "words")
    translations = _translations()
    language = int(random.integers(_LANGUAGES))
    words = [word for word in plain_words(value) if word[0].lower() in translations]
    out = value
    for at in reversed(chosen(len(words), strength, random)):
        start, end = words[at].span()
        other = translations[words[at][0].lower()][language].replace("-", " ")
        out = out[:start] + (other[0].upper() + other[1:] if words[at][0][0].isupper() else other) + out[end:]
    return out
