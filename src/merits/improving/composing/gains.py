"""Who gains how much on the cheapest candidate: what every forecast from the input is about.

What is foretold is the gain, never that the cheap one is wrong: going on to a dear one that is wrong too is money lost
(on MMLU the area under the recovered gap is .63 against .60). A table of categories first: it has the least to learn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from merits.core.identity import JSON
from merits.improving.composing.pool import Floats, Pool

__all__ = ["ROWS_A_CATEGORY", "Forecast", "Learner", "gains_of"]

ROWS_A_CATEGORY = 20
"""Of a category with fewer rows nothing is learned that could be told from luck."""


class Forecast(Protocol):
    """How much each part but the cheapest gains on it: (candidates - 1, rows); and the recipe's parameters.

    `looks` is whether the embedding of the text is asked for first, which costs something.
    """

    @property
    def looks(self) -> bool: ...

    def on(self, pool: Pool) -> Floats: ...

    def params(self, prices: Floats) -> dict[str, JSON]:
        """Those of a router that takes the part of the highest forecast, less its price (candidates - 1,)."""
        ...


Learner: TypeAlias = Callable[[Pool], Forecast]
"""Learns a forecast from the rows of a pool."""


def gains_of(pool: Pool) -> Floats:
    """The gain of every candidate but the cheapest on it: (candidates - 1, rows)."""
    return np.asarray(pool.value[1:] - pool.value[0])
