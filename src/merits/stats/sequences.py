"""Intervals that hold at every look: for figures that a race may have stopped on.

An interval for a fixed sample is broken by whoever looks until he likes what he sees. These cover at all times at once,
and are wider for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from merits.stats.critical import Floats, Limits

__all__ = ["STAKES", "rate_sequence_bound", "rate_sequence_limits", "time_uniform", "time_uniform_p"]

_TIGHTEST_AT = 200.0  # the number of examples at which the interval of a mean is narrowest
_RHO2 = (-2.0 * np.log(0.05) + np.log(-2.0 * np.log(0.05)) + 1.0) / _TIGHTEST_AT
_HALVINGS = 40

STAKES = np.array([0.03, 0.08, 0.18, 0.35, 0.60, 0.90])
"""What is bet on "the rate is above a floor", as shares of what a success brings; mixed in equal parts."""


def rate_sequence_limits(successes: ArrayLike, n: ArrayLike, level: float = 0.95) -> Limits:
    """The ends of a confidence sequence of a rate, elementwise; 0 and 1 where n is 0.

    A rate p is given up once the uniform mixture of the likelihoods of all rates reaches 1/alpha times that of p, which
    happens at any time with probability at most alpha (Robbins 1970, doi:10.1214/aoms/1177696786; Ville). Each end
    alone holds at `level` too. Counts may be fractional, as effective sample sizes are.

    >>> low, high = rate_sequence_limits([0, 17, 20], 20)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.529, 0.739], [0.261, 0.986, 1.0])
    """
    count, total = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    bar = np.log(1.0 / (1.0 - level)) - scipy.special.betaln(count + 1.0, total - count + 1.0)

    def given_up(rate: Floats) -> Floats:
        return np.asarray(-scipy.special.xlogy(count, rate) - scipy.special.xlog1py(total - count, -rate) >= bar)

    middle = np.where(total > 0, count / np.where(total > 0, total, 1.0), 0.5)
    low = _edge(given_up, np.zeros_like(middle), middle)
    high = _edge(given_up, np.ones_like(middle), middle)
    return np.where(count > 0, low, 0.0), np.where(count < total, high, 1.0)


def rate_sequence_bound(
    successes: ArrayLike, n: ArrayLike, level: float = 0.95, *, side: Literal["low", "high"] = "low"
) -> Floats:
    """The one-sided bound of a rate that holds at every look, elementwise: what a gate in a race is judged on.

    The highest floor q that bets on "above q" refute: a success multiplies a stake by 1 + s(1 - q)/q, anything else by
    1 - s; the mixture reaches 1/alpha at any time with probability at most alpha where the rate is at most q.
    Waudby-Smith & Ramdas (2024), doi:10.1093/jrsssb/qkad009. The trivial bound where n is 0.

    >>> float(rate_sequence_bound(107, 107).round(3)), float(rate_sequence_bound(0, 20, side="high").round(3))
    (0.955, 0.217)
    """
    if side == "high":
        other = np.asarray(n, np.float64) - np.asarray(successes, np.float64)
        return np.asarray(1.0 - rate_sequence_bound(other, n, level))
    count, total = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    lost = (total - count)[..., None] * np.log1p(-STAKES)
    bar = np.log(1.0 / (1.0 - level)) + np.log(len(STAKES))

    def refuted(floor: Floats) -> Floats:
        odds = (1.0 - floor) / np.maximum(floor, 1e-300)
        return np.asarray(
            scipy.special.logsumexp(count[..., None] * np.log1p(STAKES * odds[..., None]) + lost, axis=-1) >= bar
        )

    middle = np.where(total > 0, count / np.where(total > 0, total, 1.0), 0.0)
    return np.where(count > 0, _edge(refuted, np.zeros_like(middle), middle), 0.0)


def time_uniform(level: float, n: ArrayLike) -> Floats:
    """How many standard errors the interval of a mean of n values reaches, at all times at once; inf for n < 2.

    √(2(nρ² + 1)/(nρ²) · ln(√(nρ² + 1)/alpha)): the Gaussian mixture's, asymptotically valid for any distribution.
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), doi:10.1214/24-AOS2408. ρ makes it narrowest at 200 values.
    With Bonett and Price's centre and standard error it holds from the first value on (`tests/simulation`).

    >>> time_uniform(0.95, [1, 50, 200, 10_000]).round(2).tolist()
    [inf, 3.23, 3.04, 3.48]
    """
    size = np.asarray(n, np.float64)
    scaled = np.maximum(size, 2.0) * _RHO2
    reach = np.sqrt(2.0 * (scaled + 1.0) / scaled * np.log(np.sqrt(scaled + 1.0) / (1.0 - level)))
    return np.where(size < 2.0, np.inf, reach)


def time_uniform_p(z: ArrayLike, n: ArrayLike) -> Floats:
    """The p-value that belongs to `time_uniform`: at most alpha, at any time, with probability at most alpha.

    >>> p = time_uniform_p(time_uniform(0.95, 200), 200)
    >>> round(float(p), 6)
    0.05
    """
    scaled = np.maximum(np.asarray(n, np.float64), 2.0) * _RHO2
    square = np.asarray(z, np.float64) ** 2
    p = np.sqrt(scaled + 1.0) * np.exp(-square * scaled / (2.0 * (scaled + 1.0)))
    return np.where(np.asarray(n) < 2.0, 1.0, np.minimum(p, 1.0))


def _edge(given_up: Callable[[Floats], Floats], outside: Floats, inside: Floats) -> Floats:
    """Where what is given up ends, between a place outside and one inside."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2.0
        out = given_up(middle)
        outside, inside = np.where(out, middle, outside), np.where(out, inside, middle)
    return np.asarray(outside)
