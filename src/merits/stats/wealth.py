"""What bets against "nothing changed" have won, when nobody knows when a change will come.

A bet that was opened long before a change has lost most of its stake by then. So a new bet is opened at every event,
with a part of the money: an e-detector of Shin, Ramdas & Rinaldo (2023), "E-detectors: a nonparametric framework for
sequential change detection", arXiv 2203.03532. Of all bets opened so far only their sum need be kept:

    A[t] = (A[t-1] + opened[t]) · factor[t]

Knows nothing about what is bet on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from merits.stats.critical import Bools, Floats, Ints

__all__ = ["Promise", "Wealth", "opened_at"]

Promise: TypeAlias = Literal["ever", "run length"]

_LATE = 10.0
_SCALE = 2.2  # the sum over all t >= 0 of 1 / ((t + 10) ln²(t + 10)) is below 1/(10 ln² 10) + 1/ln 10 = 0.4535
_BLOCK = 64  # factors multiplied before the sum is taken: none may over- or underflow
_MOST, _LEAST_FACTOR = 1e200, 1e-3


def opened_at(n_before: Ints) -> Floats:
    """The share of the money that is bet from an event on, by how many came before; all shares sum to less than 1.

    It falls hardly faster than 1/t, so that a change after 100,000 events is found nearly as soon as one after 100.

    >>> shares = opened_at(np.arange(1_000_000))
    >>> bool(0.8 < shares.sum() < 1.0)
    True
    """
    late = n_before + _LATE
    return np.asarray(_SCALE / (late * np.log(late) ** 2))


class Wealth:
    """The wealth of several kinds of bets (`n_bets`) on each of `n_streams`, mixed in the proportions `weights`.

    `weights` has shape (streams, bets) and sums to 1 over bets. Where the factors of a stream cannot be expected to
    exceed 1 while nothing has changed, the promise "ever" is that its wealth reaches 1/alpha at any time, however long
    it is watched, with probability at most alpha (Ville's inequality). With "run length" a whole unit of money is
    opened at every event (Shiryaev and Roberts), and the promise is that it takes 1/alpha events or more on average
    until a false alarm; a change is found sooner, and a false alarm will come some day.
    """

    def __init__(self, weights: Floats, promise: Promise = "ever") -> None:
        self._weights = weights
        self._ever = promise == "ever"
        self.n_seen: Ints = np.zeros(len(weights), np.int64)
        self.bets = np.zeros_like(weights)
        self.idle = np.full(len(weights), 1.0 if self._ever else 0.0)
        self.now = self.idle.copy()
        self.peak = self.idle.copy()

    def take(self, factors: Floats, seen: Bools) -> None:
        """Bets on events, oldest first: `factors` (events, streams, bets); `seen` (events, streams) says on which."""
        for first in range(0, len(factors), _BLOCK):
            self._take(factors[first : first + _BLOCK], seen[first : first + _BLOCK])

    def _take(self, factors: Floats, seen: Bools) -> None:
        before = self.n_seen + np.cumsum(seen, axis=0) - seen
        opened = np.where(seen, opened_at(before) if self._ever else 1.0, 0.0)
        if not seen.all():
            factors = np.where(seen[:, :, None], factors, 1.0)
        path = np.cumprod(np.maximum(factors, _LEAST_FACTOR), axis=0)
        bets = np.empty_like(
            path
        )  # what is opened at an event, by what it takes to have been worth that from the start
        bets[0] = opened[0][:, None] + self.bets
        np.divide(opened[1:, :, None], path[:-1], out=bets[1:])
        np.cumsum(bets, axis=0, out=bets)
        bets *= path
        idle = self.idle - np.cumsum(opened, axis=0) if self._ever else np.zeros_like(opened)
        mixed = np.einsum("tsb,sb->ts", bets, self._weights) + idle
        self.peak = np.maximum(self.peak, mixed.max(axis=0))
        self.now = np.minimum(mixed[-1], _MOST)
        self.bets, self.idle = np.minimum(bets[-1], _MOST), idle[-1]
        self.n_seen = self.n_seen + seen.sum(axis=0)

    def arrays(self) -> dict[str, Floats | Ints]:
        """What it goes on from: see `restore`."""
        return {name: getattr(self, name) for name in ("n_seen", "bets", "idle", "now", "peak")}

    def restore(self, arrays: Mapping[str, Floats | Ints]) -> None:
        """Goes on from what `arrays` gave."""
        for name in ("n_seen", "bets", "idle", "now", "peak"):
            setattr(self, name, np.array(arrays[name]))

    def restart(self, streams: Bools) -> None:
        """Begins anew on some streams: what comes is a test of its own."""
        self.n_seen = np.where(streams, 0, self.n_seen)
        self.bets = np.where(streams[:, None], 0.0, self.bets)
        self.idle = np.where(streams, 1.0 if self._ever else 0.0, self.idle)
        self.now = np.where(streams, self.idle, self.now)
        self.peak = np.where(streams, self.idle, self.peak)
