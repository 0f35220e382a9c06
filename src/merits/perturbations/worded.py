"""Words of a text exchanged for others: what perturbations by a list of words share."""

from __future__ import annotations

import re
from collections.abc import Callable, Container

import numpy as np

__all__ = ["exchanged"]

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def exchanged(
    value: str, share: float, known: Container[str], other: Callable[[str], str], random: np.random.Generator
) -> str:
    """The text with that share of its known words exchanged, at least one where there is any and the share is not 0.

    `known` holds words in lower case, and `other` gives what stands for one. Capitals at the beginning stay.

    >>> exchanged("Red is red.", 1.0, {"red"}, lambda word: "blue", np.random.default_rng(0))
    'Blue is blue.'
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share of the words is from 0 to 1, not {share:g}")
    places = [match for match in _WORD.finditer(value) if match[0].casefold() in known]
    n = min(len(places), max(1, round(share * len(places)))) if share > 0 else 0
    chosen = sorted(random.choice(len(places), size=n, replace=False)) if n else ()
    for place in reversed([places[at] for at in chosen]):
        word = other(place[0].casefold())
        word = word[:1].upper() + word[1:] if place[0][:1].isupper() else word
        value = value[: place.start()] + word + value[place.end() :]
    return value
