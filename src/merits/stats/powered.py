"""A mean that a cheap judge scored on all rows and people labelled on some: the judge's error is in the interval.

Prediction-powered inference with a tuned weight: Angelopoulos, Duchi & Zrnic (2023), "PPI++", arXiv 2311.01453.
Knows nothing about why rows are labelled: it is for the caller to see that chance alone decided it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merits.core.estimate import Estimate
from merits.stats.clusters import clustered
from merits.stats.critical import Bools, Floats, Ints, t_critical
from merits.stats.sequences import time_uniform

__all__ = ["FEWEST_LABELS", "METHOD", "Powered", "expected_reach", "labels_for", "powered", "powered_mean"]

FEWEST_LABELS = 10
"""Independent labelled rows below which nothing is claimed: the judge's error is hardly known."""

METHOD = "prediction-powered (PPI++): the judge on all, corrected on the rows that people labelled"


@dataclass(frozen=True)
class Powered:
    """Values (rows,) whose mean over `counted` is the corrected mean, and whose spread holds the judge's error.

    `weight` is how far the judge was relied on, from 0 (the labels alone) to 1. `n` labelled independent rows of
    `n_rows`; fewer than FEWEST_LABELS leave everything open. `stretch` is what a labelled row stands for: rows over
    labelled rows. `centre` is the mean of human minus weighted judge.
    """

    values: Floats
    counted: Bools
    weight: float
    n: int
    n_labelled: int
    stretch: float
    centre: float

    @property
    def df(self) -> float:
        """Degrees of freedom: those of a regression line through the labelled rows."""
        return self.n - 2.0

    @property
    def inflation(self) -> float:
        """What the variance is multiplied by, for the line that was fitted to it."""
        return self.n / (self.n - 2.0) if self.n >= FEWEST_LABELS else np.inf


def powered(judge: Floats, human: Floats, labelled: Bools, counted: Bools, groups: Ints | None = None) -> Powered:
    """The corrected values of one candidate. `judge` and `human` (rows,) are in one unit, in which 1 is a whole case.

    θ = λ·mean_N(f) + mean_n(y - λf), f the judge's value, y the human's, λ = cov(y, f)/var(f) on the labelled rows (a
    made-up row says that the judge is no help), in 0..1: the rows of which all N are one sample, n of them labelled.
    A row's value is λf + r̄ + (N/n)(y - λf - r̄ where labelled), r̄ the mean of y - λf: its mean is θ and its spread
    over N that of θ, so paired differences of candidates are differences of values, whichever rows are labelled.

    >>> f = np.array([1.0, 1.0, 0.0, 0.0] * 25)
    >>> found = powered(f, f, np.arange(100) < 40, np.ones(100, dtype=bool))
    >>> round(float(found.values.mean()), 2), found.n, found.weight > 0.8
    (0.5, 40, True)
    """
    known = labelled & counted
    n_labelled, n_all = int(known.sum()), int(counted.sum())
    n = n_labelled if groups is None else len(np.unique(groups[known]))
    if n < FEWEST_LABELS:
        plain = np.where(counted, judge, 0.0)
        return Powered(plain, counted, 0.0, n, n_labelled, np.inf, 0.0)
    y, f = human[known], judge[known]
    apart = f - f.mean()
    weight = min(max(float(apart @ (y - y.mean())) / (float(apart @ apart) + 1.0), 0.0), 1.0)
    residual = y - weight * f
    centre = float(residual.mean())
    stretch = n_all / n_labelled
    values = np.where(counted, weight * judge + centre, 0.0)
    values[known] += stretch * (residual - centre)
    return Powered(values, counted, weight, n, n_labelled, stretch, centre)


def powered_mean(
    found: Powered, groups: Ints | None = None, level: float = 0.95, *, one_sided: bool = False, anytime: bool = False
) -> Estimate:
    """The corrected mean of values from 0 to 1 with its interval, or with two one-sided bounds.

    Two made-up labelled rows, one where the judge is wholly wrong in either direction, keep the interval from having
    no width where people happened to agree with it: with 30 labels that all agree, it may still be wrong in 10 %.
    Student's t with n - 2 degrees of freedom. Covers 95 to 100 % at n = 30 to 300 labelled of 300 to 2,000 rows,
    whatever the judge's bias, where the judge alone covers 0 to 95 %; one-sided bounds at 95 % miss 0 to 6 %
    (`tests/simulation/test_judges.py`). With fewer than FEWEST_LABELS: 0 to 1.

    >>> f = np.array([1.0, 1.0, 0.0, 0.0] * 25)
    >>> print(powered_mean(powered(f, f * 0.0, np.arange(100) < 40, np.ones(100, dtype=bool))))
    0.0 % [0.0–7.3 %], n = 40
    """
    rows = np.flatnonzero(found.counted)
    values = found.values[rows]
    mean = float(values.mean()) if len(rows) else 0.0
    low, high = 0.0, 1.0
    if found.n >= FEWEST_LABELS:
        codes = np.arange(len(rows)) if groups is None else np.unique(groups[rows], return_inverse=True)[1]
        n, weight, centre = found.n, found.weight, found.centre
        shift = ((1.0 - weight) - 2.0 * centre) / (n + 2.0)
        made_up = ((1.0 - centre) ** 2 + (weight + centre) ** 2) / (n + 2.0) ** 2
        variance = (clustered(values, codes).variance + made_up) * found.inflation
        reach_level = 2.0 * level - 1.0 if one_sided else level
        reach = float(time_uniform(level, n) if anytime else t_critical(reach_level, found.df))
        half = reach * float(np.sqrt(variance))
        low, high = max(mean + shift - half, 0.0), min(mean + shift + half, 1.0)
    return Estimate(
        value=min(max(mean, 0.0), 1.0) if len(rows) else None,
        low=min(low, max(mean, 0.0)),
        high=max(high, min(mean, 1.0)),
        level=level,
        n=found.n,
        unit="rate",
        method=METHOD if found.n >= FEWEST_LABELS else f"fewer than {FEWEST_LABELS} labels of people: nothing is known",
    )


def expected_reach(n: int, n_rows: int, correlation: float, level: float = 0.95, *, share: float = 0.5) -> float:
    """How far the interval of a corrected share is likely to reach to either side, before anything is labelled.

    t(n - 2)·√(n/(n - 2)·(σ²·((1 - ρ²)/n + ρ²/N) + m)), with σ² = share·(1 - share), ρ the correlation of the judge's
    verdicts with people's (0: it is no help, and λ is 0) and n of N labelled: the variance of PPI++ at its best λ = ρ,
    and m that of the two made-up labels of `powered_mean`. A half is the widest share. 1 with fewer than FEWEST_LABELS.

    >>> [round(expected_reach(n, 1000, correlation), 3) for n in (30, 100) for correlation in (0.0, 0.8)]
    [0.199, 0.146, 0.101, 0.07]
    """
    if n < FEWEST_LABELS:
        return 1.0
    centre = (1.0 - correlation) * share
    made_up = ((1.0 - centre) ** 2 + (correlation + centre) ** 2) / (n + 2.0) ** 2
    spread = share * (1.0 - share) * ((1.0 - correlation**2) / n + correlation**2 / max(n_rows, n))
    return min(1.0, float(t_critical(level, n - 2.0)) * float(np.sqrt((spread + made_up) * n / (n - 2.0))))


def labels_for(reach: float, n_rows: int, correlation: float, level: float = 0.95) -> int | None:
    """How many of n_rows answers must be labelled for an interval that reaches so far; None where not even all do.

    >>> labels_for(0.05, 2000, 0.0), labels_for(0.05, 2000, 0.8), labels_for(0.05, 200, 0.0)
    (391, 179, None)
    """
    low, high = FEWEST_LABELS - 1, n_rows
    if n_rows < FEWEST_LABELS or expected_reach(high, n_rows, correlation, level) > reach:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if expected_reach(middle, n_rows, correlation, level) <= reach else (middle, high)
    return high
