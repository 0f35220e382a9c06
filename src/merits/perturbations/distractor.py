"""A sentence that has nothing to do with the question, somewhere in it."""

from __future__ import annotations

import re

import numpy as np

from merits.core.kinds import Reads

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "irrelevant sentences"
LEVELS = (1, 2, 3)
VERSION = 1
_GAP = re.compile(r"(?<=[.!?])\s+")
_WHO = ("My neighbour", "A friend of mine", "Somebody at the station", "The man next door", "My cousin", "The baker")
_WHAT = (
    "bought a green umbrella last spring",
    "is learning to play the clarinet",
    "prefers tea to coffee in the afternoon",
    "painted the garden fence again",
    "keeps old newspapers in the attic",
    "once saw a heron by the canal",
    "walks to work when the weather allows it",
    "repairs clocks in the winter",
)


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with so many irrelevant sentences, each before it or between two of its sentences.

    Never at its end, where a question is asked and an answer begins. The sentences hold no number, no opinion and no
    name. Shi et al. (2023), "Large Language Models Can Be Easily Distracted by Irrelevant Context", arXiv 2302.00093.

    >>> perturb("Tom has 3 apples. How many has he?", 1, np.random.default_rng(3))
    'My neighbour walks to work when the weather allows it. Tom has 3 apples. How many has he?'
    """
    if strength < 0 or strength != int(strength) or strength > len(_WHAT):
        raise ValueError(f"a number of sentences is a whole one from 0 to {len(_WHAT)}, not {strength:g}")
    if not value.strip():
        return value
    n = int(strength)
    facts = random.choice(len(_WHAT), size=n, replace=False)
    out = value
    for fact in facts:
        sentence = f"{_WHO[int(random.integers(len(_WHO)))]} {_WHAT[int(fact)]}."
        places = [0, *(gap.end() for gap in _GAP.finditer(out) if gap.end() < len(out))]
        at = places[int(random.integers(len(places)))]
        out = f"{out[:at]}{sentence} {out[at:]}"
    return out
