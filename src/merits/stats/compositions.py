"""Whether the shares of many categories are as they were, where none of them changed much by itself.

Bets on single categories (`merits.stats.change`) find that one of them became frequent. Where a hundred subjects give
way to a hundred others, each moves by a point. Here a look learns from one half of the latest events which categories
became more frequent, and asks whether the other half agrees: the likelihood ratio of Fisher's noncentral against the
central multivariate hypergeometric distribution (Fog 2008, doi:10.1080/03610910701790236), given all that is compared.
Its mean is at most 1 while events are exchangeable with the reference, however few they are. Looks do not depend on
each other in any known way, so they are added up rather than multiplied, with weights that sum to 1: the sum reaches
1/alpha at any time with probability at most alpha (Markov).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy

from merits.core.estimate import Estimate
from merits.stats.critical import Floats, Ints
from merits.stats.proportions import wilson
from merits.stats.shifts import Shift

__all__ = ["Compositions", "log_likelihood_ratio"]

_EVERY = 64  # events of a stream between looks
_LONGEST = 1_024  # events that a look goes back
_STRENGTH = 30.0  # events that what is learned is held back by
_MOST_LOG = 460.0  # of what is won: 1e200


class Compositions:
    """Tests of some streams of categories. `counts` (bins,) each are the reference's, `shares` (bins,) those elsewhere.

    `shares` are positive and were estimated on other data than the counts. `won` (streams,) is what has been won of a
    unit of money, after any number of events: 1/alpha or more with probability at most alpha while nothing changes, for
    each stream by itself. It never falls.
    """

    def __init__(self, counts: Sequence[Ints], shares: Sequence[Floats]) -> None:
        self._all = [_One(np.array(n, np.int64), np.array(p) / np.sum(p)) for n, p in zip(counts, shares, strict=True)]

    @property
    def won(self) -> Floats:
        """What has been won, by stream."""
        return np.array([one.won for one in self._all])

    def see(self, bins: Ints) -> None:
        """Takes events, oldest first: the bin of each stream's value (events, streams), -1 where there is none."""
        for number, one in enumerate(self._all):
            one.see(bins[:, number][bins[:, number] >= 0])

    def shift(self, stream: int, level: float = 0.95) -> tuple[Ints, Shift] | None:
        """Which categories of a stream became more frequent, and their share together, now and in the reference.

        They are picked by one half of the latest events and counted in the other, so that the shift is not made by the
        picking. Of the last 64, 128, ... events those whose shift lies most clearly above 0; None before 64.
        """
        return self._all[stream].shift(level)

    def restart(self, stream: int) -> None:
        """Begins anew on a stream."""
        one = self._all[stream]
        self._all[stream] = _One(one.counts, one.shares)

    def arrays(self) -> dict[str, Floats | Ints]:
        """What it goes on from: see `restore`."""
        found: dict[str, Floats | Ints] = {}
        for number, one in enumerate(self._all):
            found[f"{number} latest"], found[f"{number} older"] = one.latest, one.older
            found[f"{number} sums"] = np.array([one.won, one.n_looks, one.n_seen])
        return found

    def restore(self, arrays: Mapping[str, Floats | Ints]) -> None:
        """Goes on from what `arrays` gave."""
        for number, one in enumerate(self._all):
            one.latest, one.older = (np.array(arrays[f"{number} {name}"], np.int64) for name in ("latest", "older"))
            won, n_looks, n_seen = arrays[f"{number} sums"].tolist()
            one.won, one.n_looks, one.n_seen = float(won), int(n_looks), int(n_seen)


def log_likelihood_ratio(drawn: Ints, pool: Ints, log_odds: Floats) -> float:
    """The log of how much likelier a draw is if categories have these odds than if all have the same; given the pool.

    `drawn` (categories,) were drawn without replacement from `pool` (categories,). The mean of the odds' product over
    all draws is an elementary symmetric polynomial: after tilting it is a binomial sum's probability at its own mean,
    which is taken by its Edgeworth series (an error far below 1 % where the variance is above 3).

    >>> round(log_likelihood_ratio(np.array([5, 1]), np.array([10, 10]), np.array([1.0, 0.0])), 3)
    1.457
    """
    m, total = float(drawn.sum()), float(pool.sum())
    if not 0.0 < m < total:
        return 0.0
    tilt = _tilt(pool, log_odds, m)
    normal = scipy.special.gammaln([total + 1.0, m + 1.0, total - m + 1.0])
    mean = float(pool @ np.logaddexp(0.0, log_odds + tilt)) - m * tilt + _log_at_mean(pool, log_odds + tilt)
    return float(drawn @ log_odds) - mean + float(normal[0] - normal[1] - normal[2])


class _One:
    """One stream."""

    def __init__(self, counts: Ints, shares: Floats) -> None:
        self.counts, self.shares = counts, shares
        self.latest: Ints = np.empty(0, np.int64)  # the bins of the last events
        self.older: Ints = np.zeros(len(counts), np.int64)  # how often each came before those
        self.won, self.n_looks, self.n_seen = 0.0, 0, 0

    def see(self, bins: Ints) -> None:
        while len(bins):
            n = min(len(bins), _EVERY - self.n_seen % _EVERY)
            self.latest, bins = np.concatenate([self.latest, bins[:n]]), bins[n:]
            self.older += self._counted(self.latest[:-_LONGEST])
            self.latest = self.latest[-_LONGEST:]
            self.n_seen += n
            if self.n_seen % _EVERY == 0:
                self._look()

    def _look(self) -> None:
        span = _EVERY
        while True:
            self.n_looks += 1
            logs = [self._compared(span, halves) for halves in (1, -1)]
            won = float(np.mean(np.exp(np.minimum(logs, _MOST_LOG))))
            self.won += won / (self.n_looks * (self.n_looks + 1.0))
            if self.n_seen % (2 * span) or span == _LONGEST:
                return
            span *= 2

    def _compared(self, span: int, halves: int) -> float:
        """What is learned of one half, tried on the other: against the reference and all that came before the span."""
        learned, tried = self._halves(span)[::halves]
        odds = np.log((learned + _STRENGTH * self.shares) / (learned.sum() + _STRENGTH) / self.shares)
        before = self.older + self._counted(self.latest[: max(0, len(self.latest) - span)])
        return log_likelihood_ratio(tried, self.counts + before + tried, odds)

    def shift(self, level: float) -> tuple[Ints, Shift] | None:
        spans = [_EVERY << k for k in range(5) if _EVERY << k <= len(self.latest)]
        found = []
        for span in spans:
            learned, tried = self._halves(span)
            rise = learned / learned.sum() - self.shares
            more = rise > 0.0
            now, before = ((float(one[more].sum()), float(one.sum())) for one in (tried, self.counts))
            shift = _more(now, before, 1.0 - (1.0 - level) / len(spans))
            if (shift.shift.value or 0.0) > 0.0:
                which = np.flatnonzero(more)
                found.append((which[np.argsort(-rise[which], kind="stable")], shift))
        return max(found, key=lambda one: (one[1].shift.low or 0.0, one[1].shift.value or 0.0), default=None)

    def _halves(self, span: int) -> tuple[Ints, Ints]:
        last = self.latest[-span:]
        return self._counted(last[: span // 2]), self._counted(last[span // 2 :])

    def _counted(self, bins: Ints) -> Ints:
        return np.bincount(bins, minlength=len(self.counts))


def _more(now: tuple[float, float], before: tuple[float, float], level: float) -> Shift:
    """By how much a share rose, each given as so many of how many: Newcombe (1998), method 10."""
    one, other = wilson(*now, level), wilson(*before, level)
    rise = (one.value or 0.0) - (other.value or 0.0)
    down, up = _reach(one.value, one.low, other.high, other.value), _reach(one.high, one.value, other.value, other.low)
    shift = Estimate(
        value=max(0.0, rise),
        low=max(0.0, rise - down),
        high=min(1.0, rise + up),
        level=level,
        n=max(1, round(min(now[1], before[1]))),
        unit="points",
        method="Newcombe, categories picked on other events",
    )
    return Shift(0, shift, one, other)


def _reach(*ends: float | None) -> float:
    first, second, third, fourth = (end or 0.0 for end in ends)
    return float(np.hypot(first - second, third - fourth))


def _tilt(pool: Ints, log_odds: Floats, m: float) -> float:
    """What must be added to the log odds so that m are drawn on average, each by itself (Newton, kept in a bracket)."""
    low, high = -60.0 - float(log_odds.max()), 60.0 - float(log_odds.min())
    tilt = float(np.log(m / (pool.sum() - m)) - np.log(pool @ np.exp(log_odds) / pool.sum()))
    for _ in range(50):
        chance = scipy.special.expit(log_odds + tilt)
        gap, slope = float(pool @ chance) - m, float(pool @ (chance * (1.0 - chance)))
        if abs(gap) < 1e-6 * m:
            break
        low, high = (low, tilt) if gap > 0 else (tilt, high)
        step = tilt - gap / max(slope, 1e-300)
        tilt = step if low < step < high else (low + high) / 2.0
    return tilt


def _log_at_mean(pool: Ints, log_odds: Floats) -> float:
    """The log probability that a sum of binomials is just its mean, a whole number."""
    chance = scipy.special.expit(log_odds)
    each = chance * (1.0 - chance)
    variance = float(pool @ each)
    skew = float(pool @ (each * (1.0 - 2.0 * chance))) / variance**1.5
    excess = float(pool @ (each * (1.0 - 6.0 * each))) / variance**2
    return -0.5 * float(np.log(2.0 * np.pi * variance)) + float(np.log1p(excess / 8.0 - 5.0 * skew**2 / 24.0))
