"""Whether streams of numbers or categories are still as a reference sample was: tests that may be looked at any time.

Each event is ranked among the reference and all that came since, ties broken at random. While nothing changes, these
ranks are independent and uniform whatever the distribution is, and however small the reference (conformal p-values);
bets against that win when something does. Vovk, Petej, Nouretdinov, Ahlberg, Carlsson & Gammerman (2021), "Retrain or
not retrain: conformal test martingales for change-point detection", arXiv 2102.10439. Values are put into bins first,
so that memory does not grow; the bins must have been drawn up on other data than the reference's counts.

It holds for events that are independent or exchangeable. A stream that has a daily rhythm is not, and its reference
must have that rhythm too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from merits.stats.critical import Bools, Floats, Ints
from merits.stats.wealth import Promise, Wealth

__all__ = ["CELLS", "WATCHED", "Changes", "category_bets", "number_bets"]

CELLS = 64  # equal parts of 0..1 in which a p-value may lie: a bet pays by its part
_BLOCK = 64
WATCHED = 6  # categories that are bet on one by one, the most frequent
_GRID = (np.arange(CELLS) + 0.5) / CELLS - 0.5


def number_bets() -> Floats:
    """What bets pay by the part of 0..1 that the rank of a number lies in, shape (14, CELLS); the mean of each is 1.

    Four on lower or higher values, two on a wider or narrower spread, eight on values at either end.
    """
    square = 12.0 * _GRID**2 - np.mean(12.0 * _GRID**2)
    shapes = [1.0 + slope * _GRID for slope in (-1.8, -0.6, 0.6, 1.8)]
    shapes += [1.0 + stake * square for stake in (0.45, -0.45)]
    return np.stack([*shapes, *_ends()])


def category_bets(shares: Sequence[float]) -> Floats:
    """What bets pay by the part of 0..1 that a category's rank lies in, shape (bets, CELLS); the mean of each is 1.

    `shares` are those of the categories in the order of their bins, estimated from other data than the reference's
    counts. Two bets on "more of it" and two on "less" for each of the six most frequent ones, and those on the ends: a
    category that was never seen before stands in the last bin.
    """
    edges = np.clip(np.concatenate([[0.0], np.cumsum(shares)]) / max(float(np.sum(shares)), 1e-12), 0.0, 1.0)
    order = np.argsort(-np.asarray(shares), kind="stable")
    watched = order[: WATCHED if len(shares) > 2 else 1]
    found: list[Floats] = []
    for number in watched:
        cover = _cover(float(edges[number]), float(edges[number + 1]))
        share = float(cover.mean())
        if not 0.0 < share < 1.0:
            continue
        above = cover / share - 1.0
        most = 1.0 / float(above.max())  # of a bet on less: all of it is lost where the category comes
        found += [1.0 + stake * above for stake in (0.15, 0.5)]
        found += [1.0 - stake * most * above for stake in (0.3, 0.8)]
    return np.stack([*found, *_ends()])


def _ends() -> list[Floats]:
    places = np.arange(CELLS)
    inside = [places < 4, places >= CELLS - 4, places < 1, places >= CELLS - 1]
    return [1.0 + stake * (part / part.mean() - 1.0) for part in inside for stake in (0.07, 0.25)]


def _cover(low: float, high: float) -> Floats:
    left, right = np.arange(CELLS) / CELLS, (np.arange(CELLS) + 1.0) / CELLS
    return np.asarray(np.maximum(0.0, np.minimum(right, high) - np.maximum(left, low)) * CELLS)


class Changes:
    """Tests of many streams at once. `counts` (streams, bins) are the reference's; padding of unused bins is 0.

    `bets` are as `number_bets` or `category_bets` give them, one array a stream. `seed` breaks ties; the same events
    in the same portions give the same result. `peak` and `now` (streams,) are what has been won, at most and now, after
    `n_seen` values: see `Wealth` for what it promises, which holds whatever the streams' distributions are, and for
    each stream by itself.
    """

    def __init__(self, counts: Ints, bets: Sequence[Floats], *, seed: int = 0, promise: Promise = "ever") -> None:
        self.counts = np.array(counts, np.int64)
        self._start = self.counts.copy()
        self._seed, self.n_events = seed, 0
        sizes = np.array([len(one) for one in bets])
        # streams with as many bets are reckoned together
        self._groups = [_Group(np.flatnonzero(sizes == size), bets, promise) for size in np.unique(sizes)]

    @property
    def peak(self) -> Floats:
        """The most that was ever won, by stream."""
        return self._joined("peak")

    @property
    def now(self) -> Floats:
        """What is won now, by stream."""
        return self._joined("now")

    @property
    def n_seen(self) -> Ints:
        """How many values came, by stream."""
        return self._joined("n_seen").astype(np.int64)

    def see(self, bins: Ints) -> None:
        """Takes events, oldest first: the bin of each stream's value (events, streams), -1 where there is none."""
        for first in range(0, len(bins), _BLOCK):
            self._see(np.asarray(bins[first : first + _BLOCK]))

    def ranks(self, bins: Ints) -> Floats:
        """The conformal p-values of up to 64 events that were not seen yet (events, streams); they are not taken."""
        draws = np.random.default_rng([self._seed, self.n_events]).random(bins.shape)
        seen = bins >= 0
        streams = np.arange(bins.shape[1])
        held = np.where(seen, bins, 0)
        upto = np.cumsum(self.counts, axis=1)
        same = self.counts[streams, held]
        below = upto[streams, held] - same
        earlier_below, earlier_same = _earlier(bins)
        n_before = upto[:, -1] + np.cumsum(seen, axis=0) - seen
        return np.asarray((below + earlier_below + draws * (same + earlier_same + 1.0)) / (n_before + 1.0))

    def arrays(self) -> dict[str, Floats | Ints]:
        """What it goes on from: see `restore`."""
        found: dict[str, Floats | Ints] = {"counts": self.counts, "n_events": np.array([self.n_events])}
        for number, group in enumerate(self._groups):
            found |= {f"{number} {name}": one for name, one in group.wealth.arrays().items()}
        return found

    def restore(self, arrays: Mapping[str, Floats | Ints]) -> None:
        """Goes on from what `arrays` gave."""
        self.counts, self.n_events = np.array(arrays["counts"], np.int64), int(arrays["n_events"][0])
        for number, group in enumerate(self._groups):
            own = f"{number} "
            group.wealth.restore({name[len(own) :]: one for name, one in arrays.items() if name.startswith(own)})

    def restart(self, streams: Bools) -> None:
        """Begins anew on some streams, against the reference alone."""
        self.counts = np.where(streams[:, None], self._start, self.counts)
        for group in self._groups:
            group.wealth.restart(streams[group.streams])

    def _joined(self, name: str) -> Floats:
        found = np.zeros(len(self.counts))
        for group in self._groups:
            found[group.streams] = getattr(group.wealth, name)
        return found

    def _see(self, bins: Ints) -> None:
        seen = bins >= 0
        cells = np.minimum((self.ranks(bins) * CELLS).astype(np.int64), CELLS - 1)
        for group in self._groups:
            group.take(cells[:, group.streams], seen[:, group.streams])
        flat = (np.arange(bins.shape[1]) * self.counts.shape[1] + bins)[seen]
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)
        self.n_events += len(bins)


class _Group:
    """Streams with equally many bets."""

    def __init__(self, streams: Ints, bets: Sequence[Floats], promise: Promise) -> None:
        self.streams = streams
        pays = np.stack([bets[number].T for number in streams])  # (streams, cells, bets)
        self._width = pays.shape[2]
        self._pays = np.ascontiguousarray(pays.reshape(-1, self._width))
        self._first = np.arange(len(streams)) * CELLS
        self.wealth = Wealth(np.full((len(streams), self._width), 1.0 / self._width), promise)

    def take(self, cells: Ints, seen: Bools) -> None:
        self.wealth.take(self._pays[self._first + cells], seen)


def _earlier(bins: Ints) -> tuple[Ints, Ints]:
    """How many of the events before each, of up to 64, lie in a lower bin and in the same one (events, streams)."""
    n = len(bins)
    held = np.full((bins.shape[1], _BLOCK), -1, np.int16)
    held[:, :n] = bins.T
    before = np.tri(_BLOCK, k=-1, dtype=np.bool_) & (held >= 0)[:, None, :]
    lower, same = held[:, None, :] < held[:, :, None], held[:, None, :] == held[:, :, None]
    return _count(lower & before)[:, :n].T, _count(same & before)[:, :n].T


def _count(flags: Bools) -> Ints:
    """How many of 64 flags are set: as one number of 64 bits, four times as fast as a sum."""
    bits: Ints = np.packbits(flags, axis=-1).view(np.uint64)[..., 0]
    return np.bitwise_count(bits).astype(np.int64)
