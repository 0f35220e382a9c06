"""Everybody is asked the same examples in one random order, in rounds, until a budget ends: a schedule without a race.

What is there at the end is then a random part of the examples, the same for all candidates, and not the first rows of
the file for whoever answers fastest.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from merits.core.evaluation import Evaluation, Raced
from merits.core.racing import UNLIMITED, Allowance, Round, Schedule, largest, places

__all__ = ["in_rounds"]


def in_rounds(*, seed: int, at_once: int) -> Schedule:
    """The schedule. The first round is of `at_once` units (groups of rows) and shows what answers cost.

    Each further one takes half of what the budget still affords, so that the last ones can be exact.
    """

    def schedule(known: Evaluation, allowance: Allowance = UNLIMITED) -> Generator[Round, Evaluation, Raced | None]:
        place, everybody = places(known.group, seed), tuple(range(len(known.candidates)))
        n_units, done = int(place.max()) + 1, 0

        def rows(n: int) -> NDArray[np.intp]:
            return np.flatnonzero((place >= done) & (place < done + n))

        while done < n_units and not allowance.ended:
            most = n_units - done if done else min(at_once, n_units)
            affordable = largest(lambda n: allowance.affords(everybody, rows(n)), most)
            if not affordable:
                break
            size = affordable if affordable <= at_once else max(at_once, affordable // 2)
            yield Round(everybody, rows(size))
            done += size
        return None

    return schedule
