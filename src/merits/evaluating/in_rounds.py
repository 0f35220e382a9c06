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

_LEAST = 24  # examples a round: after 20 answers a limiter knows how long one is worth waiting for
_WITH_EASE = 2  # times what is expected, by what answers cost so far
_WITH_EASE_UNSEEN = 10  # the same before there was any


def in_rounds(*, seed: int, at_once: int) -> Schedule:
    """The schedule. The first round is of `at_once` units (groups of rows), at least 24, and shows what answers cost.

    Each further one takes half of what the budget still affords, so that the last ones can be exact: these wait for
    everybody, for only then is it known what is left. Otherwise a round does not wait for a candidate that is far
    slower, which goes on at its own pace; what it was not asked yet is set aside for it (`Allowance`). What the budget
    affords with ease is asked in one, and the least are large enough to show which of their questions hang.
    """
    least = max(at_once, _LEAST)

    def schedule(known: Evaluation, allowance: Allowance = UNLIMITED) -> Generator[Round, Evaluation, Raced | None]:
        place, everybody = places(known.group, seed), tuple(range(len(known.candidates)))
        n_units, done = int(place.max()) + 1, 0

        def rows(n: int) -> NDArray[np.intp]:
            return np.flatnonzero((place >= done) & (place < done + n))

        while done < n_units and not allowance.ended:
            rest = n_units - done
            if allowance.affords(everybody, rows(rest), times=_WITH_EASE if done else _WITH_EASE_UNSEEN):
                size = rest
            else:
                affordable = largest(
                    lambda n: allowance.affords(everybody, rows(n)), rest if done else min(least, rest)
                )
                if not affordable and not allowance.waits_for(everybody).any():
                    break
                exact = affordable <= least
                if exact and done and allowance.waits_for(everybody).any():
                    yield Round.waiting()
                    continue
                size = affordable if exact else max(least, affordable // 2)
            yield Round(everybody, rows(size))
            done += size
        return None

    return schedule
