"""Differences of two means that may be looked at any time: pairs, and two samples of any sizes. Values are from 0 to 1.

A fair bet against "ours is better than theirs by no more than a floor" cannot be expected to win; where what was won
reaches 1/alpha the floor is given up, and that happens wrongly, at any time, with probability at most alpha (Ville).
Stakes are a fixed mixture, so neither the order of the values nor how often one looks matters.
Waudby-Smith & Ramdas (2024), doi:10.1093/jrsssb/qkad009; for two samples, `unpaired_log_wealth`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from merits.stats.critical import Floats
from merits.stats.sequences import time_uniform

__all__ = [
    "Weighted",
    "bounded_limits",
    "one_log_wealth",
    "paired_after",
    "paired_limits",
    "paired_log_wealth",
    "paired_mean_limits",
    "times_more",
    "two_log_wealth",
    "unpaired_after",
    "unpaired_limits",
    "unpaired_log_wealth",
    "unpaired_mean_limits",
]

_STAKES = np.array([0.0, 0.004, 0.01, 0.025, 0.06, 0.12, 0.22, 0.36, 0.55, 0.75, 0.93])
# A quarter is not bet: of two samples, one side need not bet where the other alone can tell.
_WEIGHTS = np.array([0.25, *[0.075] * 10])
_BINS = 256  # of values that are no rates: rounded to the side that wins less
_HALVINGS = 22  # 2**-21 of the range from -1 to 1
_PLACES, _ROUNDS = 33, 6  # of a convex function; each round looks into a sixteenth: 4e-8 of the range
_MOST_TIMES = 1e4


@dataclass(frozen=True)
class Weighted:
    """Distinct values from 0 to 1, and how often each was seen, (values,); that may be a fraction.

    Counts of shape (samples, values) are of many samples, whose wealths are reckoned at once.
    """

    values: Floats
    counts: Floats

    @classmethod
    def of(cls, values: ArrayLike, *, up: bool = False) -> Weighted:
        """The values; many different ones are rounded down (or `up`) to 256ths.

        >>> Weighted.of([0.0, 1.0, 1.0]).counts.tolist()
        [1.0, 2.0]
        """
        given = np.clip(np.asarray(values, np.float64), 0.0, 1.0)
        ones = np.count_nonzero(given == 1.0)
        if ones + np.count_nonzero(given == 0.0) == len(given) > 0:  # counted in a tenth of the time that sorting takes
            return cls(np.array([0.0, 1.0]), np.array([len(given) - ones, ones], np.float64))
        distinct, counts = np.unique(given, return_counts=True)
        if len(distinct) > _BINS:
            rounded = np.ceil(given * _BINS) if up else np.floor(given * _BINS)
            distinct, counts = np.unique(rounded / _BINS, return_counts=True)
        return cls(distinct, counts.astype(np.float64))

    @property
    def mirrored(self) -> Weighted:
        """One minus each value."""
        return Weighted(1.0 - self.values, self.counts)

    def times(self, factor: float) -> Weighted:
        """As if there were so many times as many."""
        return Weighted(self.values, self.counts * factor)


def paired_log_wealth(differences: ArrayLike, floor: float) -> float:
    """The log of what betting on "the mean difference is above the floor" has won; differences are from -1 to 1.

    >>> alike = np.tile([0.0, 0.0, 0.0, 0.0, 1.0, -1.0], 100)
    >>> [bool(paired_log_wealth(alike, floor) > np.log(20)) for floor in (-0.1, 0.0)]
    [True, False]
    """
    return _one_log_wealth(_halved(differences), (floor + 1.0) / 2.0)


def unpaired_log_wealth(ours: ArrayLike, theirs: ArrayLike, floor: float) -> float:
    """The log of what betting on "the mean of ours exceeds that of theirs by more than the floor" has won.

    If it does not, and theirs is b, then betting on "ours is above b + floor" cannot be expected to win, nor can
    betting on "theirs is below b", nor the product of the two, for the samples are independent. b is not known: the
    product is taken at the b at which it is least, which is no more than at the true one. Its log is convex in b.

    >>> rng = np.random.default_rng(0)
    >>> bool(unpaired_log_wealth(rng.random(100) < 0.9, rng.random(900) < 0.6, 0.0) > np.log(20))
    True
    """
    return _two_log_wealth(Weighted.of(ours), Weighted.of(theirs, up=True), floor)


def paired_limits(differences: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The ends of a confidence sequence of a mean difference of pairs: both hold at all times at once at this level.

    >>> low, high = paired_limits(np.ones(30))
    >>> low > 0.5, round(high, 6)
    (True, 1.0)
    """
    halves, bar = _halved(differences), float(np.log(2.0 / (1.0 - level)))
    low = _edge(lambda floor: _one_log_wealth(halves, (floor + 1.0) / 2.0) >= bar)
    high = _edge(lambda floor: _one_log_wealth(halves.mirrored, (floor + 1.0) / 2.0) >= bar)
    return low, -high


def unpaired_limits(ours: ArrayLike, theirs: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The ends of a confidence sequence of a difference of two means: both hold at all times at once at this level.

    >>> low, high = unpaired_limits(np.ones(50), np.zeros(50))
    >>> low > 0.6, round(high, 6)
    (True, 1.0)
    """
    bar = float(np.log(2.0 / (1.0 - level)))
    above = Weighted.of(ours), Weighted.of(theirs, up=True)
    below = Weighted.of(theirs), Weighted.of(ours, up=True)
    low = _edge(lambda floor: _two_log_wealth(*above, floor) >= bar)
    high = _edge(lambda floor: _two_log_wealth(*below, floor) >= bar)
    return low, -high


def bounded_limits(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The ends of a confidence sequence of the mean of values from 0 to 1: both hold at all times at once.

    >>> low, high = bounded_limits(np.tile([1.0, 0.0], 50))
    >>> 0.3 < low < 0.5 < high < 0.7
    True
    """
    sample, bar = Weighted.of(values), float(np.log(2.0 / (1.0 - level)))
    other = Weighted.of(values, up=True).mirrored
    low = (_edge(lambda floor: _one_log_wealth(sample, (floor + 1.0) / 2.0) >= bar) + 1.0) / 2.0
    high = (_edge(lambda floor: _one_log_wealth(other, (floor + 1.0) / 2.0) >= bar) + 1.0) / 2.0
    return low, 1.0 - high


def paired_mean_limits(differences: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The ends of a confidence sequence of a mean difference of pairs of any size (seconds, money).

    By the normal law, so only asymptotically: see `time_uniform`. Nothing is known of fewer than 2.

    >>> paired_mean_limits([1.0])
    (-inf, inf)
    """
    given = np.asarray(differences, np.float64)
    n = len(given)
    if n < 2:
        return -np.inf, np.inf
    reach = float(time_uniform(level, n)) * float(given.std(ddof=1)) / n**0.5
    return float(given.mean()) - reach, float(given.mean()) + reach


def unpaired_mean_limits(ours: ArrayLike, theirs: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The ends of a confidence sequence of a difference of two means of any size, asymptotically, as above.

    >>> low, high = unpaired_mean_limits([1.0, 2.0] * 50, [3.0, 4.0] * 50)
    >>> -2.4 < low < -2.0 < high < -1.6
    True
    """
    one, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    fewer = min(len(one), len(other))
    if fewer < 2:
        return -np.inf, np.inf
    error = float(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)) ** 0.5
    difference, reach = float(one.mean() - other.mean()), float(time_uniform(level, fewer)) * error
    return difference - reach, difference + reach


def times_more(wealth: Callable[[float], float], alpha: float) -> float | None:
    """How many times as much of the same evidence it takes until the log wealth reaches 1/alpha; None if far more.

    `wealth` gives it for so many times as much. A guess: what comes need not be like what came.

    >>> round(times_more(lambda times: 0.5 * times, 0.05), 2)
    5.99
    """
    bar, high = float(np.log(1.0 / alpha)), 1.0
    if wealth(high) >= bar:
        return 1.0
    while wealth(high) < bar:
        high *= 2.0
        if high > _MOST_TIMES:
            return None
    low = high / 2.0
    for _ in range(12):
        middle = (low + high) / 2.0
        low, high = (low, middle) if wealth(middle) >= bar else (middle, high)
    return high


def paired_after(differences: ArrayLike, floor: float) -> Callable[[float], float]:
    """The log wealth of pairs as a function of how many times as many there were."""
    halves = _halved(differences)
    return lambda times: _one_log_wealth(halves.times(times), (floor + 1.0) / 2.0)


def unpaired_after(ours: ArrayLike, theirs: ArrayLike, floor: float) -> Callable[[float], float]:
    """The log wealth of two samples as a function of how many times as many there were."""
    one, other = Weighted.of(ours), Weighted.of(theirs, up=True)
    return lambda times: _two_log_wealth(one.times(times), other.times(times), floor)


def _halved(differences: ArrayLike) -> Weighted:
    return Weighted.of((np.asarray(differences, np.float64) + 1.0) / 2.0)


def one_log_wealth(sample: Weighted, mean: float) -> Floats:
    """The log of what betting on "above the mean" has won, () or (samples,).

    >>> one_log_wealth(Weighted(np.array([0.0, 1.0]), np.array([[5.0, 5.0], [0.0, 10.0]])), 0.5).round(1).tolist()
    [-0.3, 4.4]
    """
    return np.asarray(_log_wealths(sample, np.array([mean]))[..., 0])


def two_log_wealth(ours: Weighted, theirs: Weighted, floor: float) -> Floats:
    """The log of what `unpaired_log_wealth` bets on has won, () or (samples,)."""
    mirrored = theirs.mirrored
    low, high = np.array([[max(0.0, -floor)]]), np.array([[min(1.0, 1.0 - floor)]])
    least = np.array(np.inf)
    steps = np.linspace(0.0, 1.0, _PLACES)
    for _ in range(_ROUNDS):
        places = low + (high - low) * steps  # (samples, places)
        won = _log_wealths(ours, places + floor) + _log_wealths(mirrored, 1.0 - places)
        best = np.argmin(won, axis=-1)[:, None]
        least = np.minimum(least, won.min(axis=-1))
        places = np.broadcast_to(places, won.shape)
        low = np.take_along_axis(places, np.maximum(best - 1, 0), axis=-1)
        high = np.take_along_axis(places, np.minimum(best + 1, _PLACES - 1), axis=-1)
    return least if ours.counts.ndim > 1 else least[0]


def _one_log_wealth(sample: Weighted, mean: float) -> float:
    return float(one_log_wealth(sample, mean))


def _two_log_wealth(ours: Weighted, theirs: Weighted, floor: float) -> float:
    return float(two_log_wealth(ours, theirs, floor))


def _log_wealths(sample: Weighted, means: Floats) -> Floats:
    """Of betting on "above the mean", for each of `means` (places,) or (samples, places); convex in it.

    A stake c multiplies what is bet by 1 - c + c·value/mean. Nothing is above 1, so no bet is made on that.
    """
    counts = sample.counts
    if not len(sample.values):
        return np.zeros(means.shape)
    inside = np.clip(means, 1e-12, 1.0)
    factors = np.log1p(
        _STAKES[:, None] * (sample.values / inside[..., None, None] - 1.0)
    )  # (.., places, stakes, values)
    won = factors @ counts if counts.ndim == 1 else (factors @ counts[:, None, :, None])[..., 0]
    most = won.max(axis=-1)
    mixed = most + np.log(np.exp(won - most[..., None]) @ _WEIGHTS)
    impossible = np.where(counts @ sample.values > 0.0, np.inf, 0.0)[..., None]
    return np.where(means >= 1.0, 0.0, np.where(means <= 0.0, impossible, mixed))


def _edge(given_up: Callable[[float], bool]) -> float:
    """The highest floor from -1 on that is given up; what is won falls as the floor rises."""
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if given_up(middle) else (low, middle)
    return low
