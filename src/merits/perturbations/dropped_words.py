"""Words left out, as in notes, headlines and hurried messages."""

from __future__ import annotations

import re

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import chosen, plain_words, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the words"
LEVELS = (0.05, 0.1, 0.2)
VERSION = 1
_NEGATIONS = frozenset({"no", "not", "nor", "never", "none", "nothing", "nobody", "without", "cannot"})
_GAP = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)|^[ \t]+(?=\S)")


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text without that share of the words that may go. Numbers, names and negations stay.

    Without a "not" it would be another question, with another right answer.

    >>> perturb("The parcel did not arrive in Bern on 3 May", 0.4, np.random.default_rng(0))
    'The parcel did not Bern on 3 May'
    """
    share_of(strength, "words")
    words = [word for word in plain_words(value) if not _negates(word[0].lower())]
    out = value
    for at in reversed(chosen(len(words), strength, random)):
        start, end = words[at].span()
        end += out[end : end + 1] == " "
        out = out[:start] + out[end:]
    return _GAP.sub(lambda gap: " " if gap.start() else "", out) if out != value else value


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith(("n't", "n’t"))
