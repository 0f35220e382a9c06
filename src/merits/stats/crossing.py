"""Where a mean that depends on an amount crosses zero: the amount at which one candidate becomes the better one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merits.stats.critical import Floats, Ints, t_critical

__all__ = ["Crossing", "Moments", "crossing", "moments"]


@dataclass(frozen=True)
class Moments:
    """Sums of columns (d, rows) over independent rows or groups: enough for the mean of any combination of them.

    `total` (d,) and `square` (d, d) are of the columns and, last, of the number of rows; `n_groups` counts the
    independent pieces of evidence.
    """

    total: Floats
    square: Floats
    n_groups: int

    @property
    def n_rows(self) -> float:
        """The number of rows."""
        return float(self.total[-1])

    def mean(self, weights: Floats) -> float:
        """The mean of a combination: weights (d + 1,), the last one of a constant."""
        return float(weights @ self.total) / self.n_rows if self.n_rows else 0.0

    def limits(
        self, weights: Floats, level: float, made_up: float = 0.0, middle: float = 0.0
    ) -> tuple[float | None, float | None]:
        """The ends of the interval of the mean of a combination; None without evidence.

        With `made_up` two rows at middle ± made_up are added and t(n + 1) is used: Bonett & Price (2012), as
        `merits.stats.paired.compare_all`. Without it, Student's t(n - 1). Between groups t(G - 1).
        """
        if self.n_groups < 2:
            return None, None
        shifted = weights.astype(np.float64)
        shifted[-1] -= middle if made_up else self.mean(weights)
        centre, variance = self.made_up(shifted[None, :], np.array([made_up]))
        squares, df, value = float(variance[0, 0]), self.df, float(centre[0]) + middle
        if not made_up:
            size = 1.0 + 2.0 / self.n_groups
            squares *= size**2 * self.n_groups / (self.n_groups - 1.0)
            df, value = self.n_groups - 1.0, self.mean(weights)
        half = float(t_critical(level, df)) * math.sqrt(max(squares, 0.0))
        return value - half, value + half

    @property
    def df(self) -> float:
        """Degrees of freedom of Student's t."""
        grouped = self.square[-1, -1] > self.n_rows
        return self.n_groups - 1.0 if grouped else self.n_groups + 1.0

    def made_up(self, weights: Floats, reach: Floats) -> tuple[Floats, Floats]:
        """The centres and the covariance of combinations (c, d + 1), with two made-up rows or groups at ±reach (c,)."""
        size = self.n_rows / self.n_groups
        rows = self.n_rows + 2.0 * size
        centre = weights @ self.total / rows
        around = weights - np.outer(centre, np.eye(len(self.total))[-1])
        squares = around @ self.square @ around.T
        squares += 2.0 * size**2 * (np.outer(reach, reach) + np.outer(centre, centre))
        return centre, squares / rows**2


@dataclass(frozen=True)
class Crossing:
    """The amount >= 0 at which a mean crosses zero; None for what the data do not tell.

    `possible` is False where no amount makes it cross, at the level; `value` None where none does as it looks.
    """

    value: float | None
    low: float | None
    high: float | None
    possible: bool


def moments(columns: Floats, groups: Ints | None = None) -> Moments:
    """The sums of columns (d, rows) over rows or groups.

    >>> moments(np.array([[1.0, 2.0, 3.0]])).mean(np.array([1.0, 0.0]))
    2.0
    """
    whole = np.vstack([columns, np.ones(columns.shape[1])])
    if groups is not None:
        codes = np.unique(groups, return_inverse=True)[1]
        whole = np.stack([np.bincount(codes, weights=row) for row in whole])
    return Moments(whole.sum(axis=1), whole @ whole.T, whole.shape[1] if columns.shape[1] else 0)


def crossing(
    found: Moments, constant: Floats, slope: Floats, level: float, *, made_up: tuple[float, float] = (0.0, 0.0)
) -> Crossing:
    """Where mean(constant) + amount · mean(slope) = 0, both combinations of the columns (weights as in `Moments`).

    Fieller's set: the amounts at which the interval of the mean does not leave out zero. Where the slope may be 0 it
    has no upper end; where it is in two pieces, its hull is given. `made_up` is how far one row can move each of the
    two, for Bonett and Price's made-up rows: so that candidates which never differed yet are not certain to be equal.
    Fieller (1954), doi:10.1111/j.2517-6161.1954.tb00159.x.

    >>> gain = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0] * 20)
    >>> cost = np.full(160, -0.05)
    >>> where = crossing(moments(np.stack([cost, gain])), np.array([1.0, 0, 0]), np.array([0.0, 1, 0]), 0.95)
    >>> round(where.value, 2), round(where.low, 2), round(where.high, 2)
    (0.1, 0.09, 0.12)
    """
    if found.n_groups < 2:
        return Crossing(None, None, None, possible=True)
    x, y = found.mean(constant), found.mean(slope)
    value = -x / y if y != 0.0 and -x / y >= 0.0 else None
    weights = np.stack([constant, slope]).astype(np.float64)
    (cx, cy), variance = found.made_up(weights, np.asarray(made_up, dtype=np.float64))
    t2 = float(t_critical(level, found.df)) ** 2
    a = float(cy * cy - t2 * variance[1, 1])
    b = float(2.0 * (cx * cy - t2 * variance[0, 1]))
    c = float(cx * cx - t2 * variance[0, 0])
    low, high, possible = _at_least_zero(a, b, c)
    if value is not None:  # the made-up rows move the centre: the interval still holds what was measured
        possible, low = True, value if low is None else min(low, value)
        high = None if high is None else max(high, value)
    return Crossing(value, low, high, possible)


def _at_least_zero(a: float, b: float, c: float) -> tuple[float | None, float | None, bool]:
    """The hull of {amount >= 0: a·amount² + b·amount + c <= 0} as (low, high or None for no end, whether any)."""
    inside = b * b - 4.0 * a * c
    if abs(a) < 1e-300:
        if b == 0.0:
            return (0.0, None, True) if c <= 0 else (None, None, False)
        root = -c / b
        return (max(root, 0.0), None, True) if b < 0 else (0.0, root, True) if root >= 0 else (None, None, False)
    if inside < 0.0:
        return (None, None, False) if a > 0 else (0.0, None, True)
    near, far = sorted(((-b - math.sqrt(inside)) / (2.0 * a), (-b + math.sqrt(inside)) / (2.0 * a)))
    if a > 0:
        return (None, None, False) if far < 0 else (max(near, 0.0), far, True)
    return (0.0 if near >= 0 else max(far, 0.0)), None, True
