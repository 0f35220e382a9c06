"""The mean of what comes one by one, with its interval, from four numbers that are kept of all of it."""

from __future__ import annotations

import math

import msgspec

from merits.core.estimate import Estimate, Unit
from merits.stats.clusters import Clustered
from merits.stats.means import skewed_limits

__all__ = ["Moments"]


class Moments(msgspec.Struct):
    """Count, mean, and sums of squares and cubes of the gaps to it, of all values taken so far.

    Taken up one by one without loss where values hardly vary: Pébay (2008), "Formulas for robust, one-pass parallel
    computation of covariances and arbitrary-order statistical moments", SAND2008-6212.

    >>> moments = Moments()
    >>> for value in (1.0, 1.0, 1.0, 1.0, 9.0):
    ...     moments.take(value)
    >>> print(moments.estimate(currency="USD"))
    2.6 USD [0.0368–13.4 USD], n = 5
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    cubes: float = 0.0

    def take(self, value: float) -> None:
        """Takes one value more."""
        self.n += 1
        gap = value - self.mean
        part = gap / self.n
        term = gap * part * (self.n - 1)
        self.mean += part
        self.cubes += term * part * (self.n - 2) - 3.0 * part * self.squares
        self.squares += term

    @property
    def spread(self) -> float:
        """The standard deviation; 0 of fewer than two."""
        return math.sqrt(self.squares / (self.n - 1)) if self.n > 1 else 0.0

    def estimate(self, level: float = 0.95, *, unit: Unit = "money", currency: str = "") -> Estimate:
        """The mean with the interval that `stats.mean` gives of the values themselves, each independent of the others.

        No value of nothing, no interval of one.
        """
        low, high = skewed_limits(self._all(), level) if self.n > 1 else (None, None)
        return Estimate(
            value=self.mean if self.n else None,
            low=low,
            high=high,
            level=level,
            n=self.n,
            unit=unit,
            method="t, corrected for skewness",
            currency=currency,
        )

    def _all(self) -> Clustered:
        n, variance = self.n, self.squares / self.n
        skewness = 0.0
        if n > 2 and variance > 1e-300:
            skewness = self.cubes / n / variance**1.5 * math.sqrt(n * (n - 1.0)) / (n - 2.0)
        return Clustered(self.mean, variance / (n - 1), variance, n, n, skewness)
