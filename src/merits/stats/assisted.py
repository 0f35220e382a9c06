"""The mean score of an expensive candidate that answered a random part of the rows, with the help of cheap ones that
answered all: they stand in, as control variates, for the rows it did not answer.

Prediction-powered inference with a tuned weight: Angelopoulos, Duchi & Zrnic (2023), "PPI++", arXiv 2311.01453.
Knows nothing about why rows are missing: it is for the caller to see that chance alone decided it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merits.core.estimate import Estimate
from merits.stats.clusters import clustered
from merits.stats.critical import Bools, Floats, Ints, normal_critical, t_critical
from merits.stats.means import mean_score
from merits.stats.proportions import wilson_limits
from merits.stats.rates import rate
from merits.stats.sequences import time_uniform

__all__ = ["Assisted", "assisted_mean", "cross_fitted"]

WORTH_IT = 0.9
"""The ratio of variances from which the help is not used: what it saves is then less than it may mislead."""

_FEWEST = 50  # answered rows: with fewer the weight is mostly luck
_LEAST = 5.0  # n·p(1 - p): with two unsolved rows of 100 the interval would cover 91 %
_FOLDS = 5
_RIDGE = 1.0  # a made-up row for each candidate that says it does not help


@dataclass(frozen=True)
class Assisted:
    """The estimate, whether help was used in it, and the realised ratio of variances (1: no gain; None: not tried).

    `n` rows were answered, `n_all` there are. A ratio of 0.7 is worth 1/0.7 as many answered rows.
    """

    estimate: Estimate
    used: bool
    variance_ratio: float | None
    n: int
    n_all: int


def assisted_mean(
    values: Floats,
    answered: Bools,
    helpers: Floats,
    groups: Ints | None = None,
    level: float = 0.95,
    *,
    anytime: bool = False,
) -> Assisted:
    """The mean score over all rows of a candidate that answered the rows in `answered`, chosen by chance.

    `values` (rows,) are its scores from 0 to 1, meaningful where answered; `helpers` (candidates, rows) scores of
    others on all rows. θ = mean_n(y - λf) + λ·mean_N(f), with f a ridge regression of y on the helpers, fitted on
    other folds than it is used on, and λ = cov(y, f)/var(f) / (1 + n/(N - n)), which no choice beats when n rows are
    answered out of N: at n = N nothing is left to help with. Its variance is that of the answered rows' residuals
    plus that of the predictions on the rest (two independent samples: PPI++, section 6.1), with t(n - 1).

    The interval is Wilson's for as many rows as that variance is worth, never of zero width. The plain one (`rate`,
    or `mean_score` for scores between 0 and 1) stands where fewer than 50 rows are answered, hardly any of them differ
    from the others, or the ratio of the variances is above 0.9: then help is not worth its trouble. Approximate:
    covers 94 to 97 % at n = 60 to 250 and rates of 0.5 to 0.95 (`tests/simulation`). With `anytime`, for rows that a
    race may have stopped on, it reaches as far as `stats.sequences.time_uniform` says, to cover at every look.

    >>> generator = np.random.default_rng(0)
    >>> truth = generator.random(1000) < 0.8
    >>> helper = np.where(generator.random(1000) < 0.9, truth, generator.random(1000) < 0.8)
    >>> found = assisted_mean(truth * 1.0, np.arange(1000) < 200, helper[None] * 1.0)
    >>> found.used, 0.2 < found.variance_ratio < 0.6
    (True, True)
    """
    rows = np.flatnonzero(answered)
    own = values[rows]
    plain = (rate if np.isin(own, (0.0, 1.0)).all() else mean_score)(
        own, None if groups is None else groups[rows], level
    )
    n, n_all = len(rows), len(values)
    units = n if groups is None else len(np.unique(groups[rows]))
    average = float(own.mean()) if n else 0.0
    if units < _FEWEST or n == n_all or not len(helpers) or units * average * (1.0 - average) < _LEAST:
        return Assisted(plain, used=False, variance_ratio=None, n=n, n_all=n_all)
    codes = np.arange(n_all) if groups is None else np.unique(groups, return_inverse=True)[1]
    predicted = cross_fitted(values, answered, helpers, codes)
    value, ratio, variance = _powered(values, answered, predicted, codes)
    if not ratio <= WORTH_IT or not 0.0 <= value <= 1.0:
        return Assisted(plain, used=False, variance_ratio=min(ratio, 1.0), n=n, n_all=n_all)
    critical = float(time_uniform(level, units) if anytime else t_critical(level, units - 1))
    size = min(value * (1.0 - value) / variance, int(codes.max()) + 1) * (normal_critical(level) / critical) ** 2
    return Assisted(_wilson(value, size, ratio, level, units), used=True, variance_ratio=ratio, n=n, n_all=n_all)


def cross_fitted(values: Floats, answered: Bools, helpers: Floats, codes: Ints) -> Floats:
    """What the helpers predict of every row's value, (rows,): by a ridge regression that did not learn from its group.

    Groups (or rows) are dealt to five folds by their number; each fold is predicted from the answered rows of the
    other four, rows that were not answered too, so that answered and other rows are predicted alike.

    >>> values, answered = np.array([0.0, 1.0, 0.0, 1.0] * 5), np.ones(20, dtype=bool)
    >>> cross_fitted(values, answered, values[None], np.arange(20)).round(1)[:4].tolist()
    [0.1, 0.9, 0.1, 0.9]
    """
    design = np.concatenate([np.ones((1, helpers.shape[1])), helpers]).T
    fold = np.random.default_rng(0).permutation(int(codes.max()) + 1)[codes] % _FOLDS
    penalty = _RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 1e-9
    predicted = np.zeros(len(values))
    for number in range(_FOLDS):
        train, test = answered & (fold != number), fold == number
        known = design[train]
        weights = np.linalg.solve(known.T @ known + penalty, known.T @ values[train])
        predicted[test] = design[test] @ weights
    return predicted


def _powered(values: Floats, answered: Bools, predicted: Floats, codes: Ints) -> tuple[float, float, float]:
    """The assisted mean, its variance over that of the plain one, and its variance."""
    y, f, rest = values[answered], predicted[answered], predicted[~answered]
    n, n_rest = len(y), len(rest)
    spread = float(np.var(f))
    weight = float(np.mean((y - y.mean()) * (f - f.mean()))) / spread / (1.0 + n / n_rest) if spread > 1e-12 else 0.0
    weight = min(max(weight, 0.0), 1.0)
    own = clustered(y - weight * f, codes[answered]).variance
    other = clustered(weight * rest, codes[~answered]).variance
    plain = clustered(y, codes[answered]).variance
    if not (math.isfinite(own) and math.isfinite(other) and 0.0 < plain < math.inf):
        return float(y.mean()), math.inf, plain
    value = float(np.mean(y - weight * f) + weight * rest.mean())
    return value, (own + other) / plain, own + other


def _wilson(value: float, size: float, ratio: float, level: float, units: int) -> Estimate:
    """Wilson's interval for as many rows as the variance is worth."""
    low, high = wilson_limits(value * size, size, level)
    return Estimate(
        value=value,
        low=float(low),
        high=float(high),
        level=level,
        n=units,
        unit="rate",
        method=f"assisted by candidates that were asked more (PPI++), {100 * ratio:.0f} % of the plain variance",
    )
