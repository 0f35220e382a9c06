"""Floors on rates while items come in: who certainly meets them and who misses one, at whatever time one looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from merits.stats.critical import Bools, Floats, Ints
from merits.stats.sequences import STAKES

__all__ = ["Gates"]

_CHUNK = 4096


class Gates:
    """Floors (gates,) that every candidate is held to.

    For a floor q the wealth of betting that values in 0..1 lie above it is a supermartingale if their mean is at most
    q, so P(it ever reaches 1/alpha) <= alpha: then the floor is certainly met. The mirrored bets (1 - x above 1 - q)
    certify that it is missed. Waudby-Smith & Ramdas (2024), doi:10.1093/jrsssb/qkad009. `meet` and `miss` (gates,) are
    the alphas of the two. A gate is `implied` where whoever is better in the race meets it too, such as a floor on what
    is raced by. What is certain is certain of future traffic, whatever is still to come of the examples.

    >>> gates = Gates(2, [0.8], meet=[0.05], miss=[0.05])
    >>> gates.see(np.array([[[1.0] * 40, [0.0] * 40]]), np.array([0, 1]))
    >>> gates.met.tolist(), gates.missed.tolist()
    ([True, False], [False, True])
    """

    def __init__(
        self,
        n_candidates: int,
        floors: Sequence[float],
        *,
        meet: Sequence[float],
        miss: Sequence[float],
        implied: Sequence[bool] | None = None,
    ) -> None:
        self.floors = np.asarray(floors, dtype=np.float64)
        shape = (len(floors), n_candidates)
        self._bars = (-np.log(np.asarray(meet)), -np.log(np.asarray(miss)))
        self._binding = ~np.asarray([False] * len(floors) if implied is None else implied, dtype=np.bool_)
        self._won = (np.zeros((*shape, len(STAKES))), np.zeros((*shape, len(STAKES))))
        self.certain = np.zeros(shape, np.int8)
        """For each gate and candidate: 1 certainly met, -1 certainly missed, 0 not known."""

    @property
    def met(self) -> Bools:
        """Who certainly meets every floor (candidates,)."""
        return np.asarray((self.certain == 1).all(axis=0))

    @property
    def cleared(self) -> Bools:
        """Who certainly meets every floor that is not implied: who may drop others (candidates,)."""
        return np.asarray((self.certain[self._binding] == 1).all(axis=0))

    @property
    def missed(self) -> Bools:
        """Who certainly misses a floor (candidates,)."""
        return np.asarray((self.certain == -1).any(axis=0))

    def see(self, values: Floats, who: Ints) -> None:
        """Takes the next values (gates, candidates, items), each in 0..1, a row for each of `who`."""
        for start in range(0, values.shape[2], _CHUNK):
            for gate in range(len(self.floors)):
                for row, k in enumerate(who.tolist()):
                    self._one(gate, k, values[gate, row, start : start + _CHUNK])

    def _one(self, gate: int, k: int, values: Floats) -> None:
        if self.certain[gate, k]:
            return
        floor = float(self.floors[gate])
        met = _reaches(self._won[0][gate, k], values, floor, self._bars[0][gate])
        missed = _reaches(self._won[1][gate, k], 1.0 - values, 1.0 - floor, self._bars[1][gate])
        self.certain[gate, k] = 1 if met and not missed else -1 if missed and not met else 0


def _reaches(won: Floats, values: Floats, floor: float, bar: float) -> bool:
    """Whether bets on "above the floor" reach the bar on the way; `won` (stakes,) is carried on in place.

    Stakes are shares of 1/floor, so that a value of 0 loses that share. A floor of 0 is reached whatever comes.
    """
    if floor <= 0.0:
        return True
    factors = np.log1p(STAKES[None, :] * ((values - floor) / floor)[:, None])
    path = won[None, :] + np.cumsum(factors, axis=0)
    won[:] = path[-1]
    return bool((scipy.special.logsumexp(path, axis=1) - np.log(len(STAKES))).max() >= bar)
