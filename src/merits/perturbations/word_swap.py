"""Words in the wrong order, as when one writes in haste: a word changes places with the next one."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import chosen, plain_words, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the places between two words"
LEVELS = (0.1, 0.2, 0.4)
VERSION = 1


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of its words exchanged with the next one, where only a space is between them.

    Random swap of Wei and Zou, "EDA", EMNLP 2019, of neighbours only. Numbers and names stay where they are.

    >>> perturb("the parcel did not arrive on time", 0.3, np.random.default_rng(1))
    'the parcel did arrive not on time'
    """
    share_of(strength, "words")
    words = plain_words(value)
    pairs = [n for n in range(len(words) - 1) if value[words[n].end() : words[n + 1].start()] == " "]
    out, free = value, len(words)
    for at in reversed(chosen(len(pairs), strength, random)):
        n = pairs[at]
        if n + 1 >= free:  # the next one was exchanged already
            continue
        free = n
        first, second = words[n], words[n + 1]
        out = out[: first.start()] + second[0] + " " + first[0] + out[second.end() :]
    return out
