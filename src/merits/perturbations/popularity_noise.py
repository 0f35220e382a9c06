"""Choices that say little of the user: what is popular, shown by default, or chosen by another in the house."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from merits.core.identity import JSON
from merits.core.interactions import items_of, n_events
from merits.core.kinds import Reads

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "Drawn", "perturb", "study"]

READS: Reads = "events"
STRENGTH = "share of the history"
LEVELS = (0.1, 0.3, 0.5)
VERSION = 1
_TRIES = 20  # at an item that is not in the history yet

Drawn = tuple[tuple[str, ...], tuple[float, ...]]
"""Items and the probability that each is drawn."""


def study(inputs: Sequence[JSON]) -> Drawn:
    """The items of all histories, and what share of the choices each has.

    >>> study([{"items": ["a", "b"]}, {"items": ["a"]}, {"items": ["a"]}])
    (('a', 'b'), (0.75, 0.25))
    """
    counts = Counter(item for input in inputs for item in items_of(input))
    total = counts.total()
    return tuple(counts), tuple(n / total for n in counts.values())


def perturb(
    value: Mapping[str, JSON], strength: float, random: np.random.Generator, studied: Drawn | None = None
) -> dict[str, JSON]:
    """The history with that share of its items replaced by items drawn by popularity, which are not in it yet.

    Times and ratings stay. The number of items replaced is the nearest whole one to the share; where all popular items
    are in the history already, fewer are. Without anything studied, items are drawn from the history itself: nothing
    changes.

    >>> drawn = study([{"items": ["hit", "hit of old"]}, {"items": ["hit"]}])
    >>> perturb({"user": "7", "items": ["a", "b"], "times": [1, 2]}, 0.5, np.random.default_rng(0), drawn)
    {'user': '7', 'items': ['a', 'hit'], 'times': [1, 2]}
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"a share of the history is from 0 to 1, not {strength:g}")
    n = n_events(value)
    given = value.get("items")
    places = random.choice(n, size=round(strength * n), replace=False) if n else np.zeros(0, np.int64)
    items = list(given) if n and isinstance(given, Sequence) else []
    names, shares = studied or ((), ())
    there = set(items_of(value))
    for place in places.tolist():
        for at in random.choice(len(names), size=_TRIES, p=shares).tolist() if names else ():
            if names[at] not in there:
                items[place] = names[at]
                there.add(names[at])
                break
    return {**value, "items": items} if n else dict(value)
