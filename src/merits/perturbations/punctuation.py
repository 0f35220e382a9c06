"""Punctuation that is lost, or another mark than was meant."""

from __future__ import annotations

import re

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.words import chosen, share_of

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the punctuation marks"
LEVELS = (0.25, 0.5, 1.0)
VERSION = 1
# Not inside numbers, words, addresses or JSON: a mark between two letters or digits is part of what is said.
_MARK = re.compile(r"(?<![^\s\w])[.,;:!?](?=\s|$|[\"')\]])|[.,;:!?](?=\s|$)")
_OTHERS = ".,;:!?"


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of its marks (. , ; : ! ?) at the ends of words left out or changed, evenly.

    Marks inside numbers ("1,234.5") and words stay. At strength 1 all are left out.

    >>> perturb("Well, it costs 1,234.50. Really?", 0.67, np.random.default_rng(0))
    'Well, it costs 1,234.50; Really.'
    """
    everywhere = share_of(strength, "marks") == 1
    marks = [mark.start() for mark in _MARK.finditer(value)]
    out = list(value)
    for at in chosen(len(marks), strength, random):
        mark = value[marks[at]]
        others = _OTHERS.replace(mark, "")
        out[marks[at]] = "" if everywhere or random.integers(2) else others[int(random.integers(len(others)))]
    return "".join(out)
