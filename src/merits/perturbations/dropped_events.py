"""Events that were never recorded: another device, a blocked script, a lost log."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merits.core.identity import JSON
from merits.core.interactions import n_events, picked
from merits.core.kinds import Reads

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "events"
STRENGTH = "share of the history"
LEVELS = (0.1, 0.3, 0.5)
VERSION = 1


def perturb(value: Mapping[str, JSON], strength: float, random: np.random.Generator) -> dict[str, JSON]:
    """The history without that share of its events, drawn at random; the others stay in their order.

    The number of events left out is the nearest whole one to the share.

    >>> perturb({"user": "7", "items": ["a", "b", "c", "d"], "times": [1, 2, 3, 4]}, 0.5, np.random.default_rng(0))
    {'user': '7', 'items': ['a', 'b'], 'times': [1, 2]}
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"a share of the history is from 0 to 1, not {strength:g}")
    n = n_events(value)
    kept = np.ones(n, np.bool_)
    kept[random.choice(n, size=round(strength * n), replace=False)] = False
    return picked(value, np.flatnonzero(kept).tolist())
