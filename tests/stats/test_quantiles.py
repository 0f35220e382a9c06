"""Quantiles of latency from order statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merits.stats import quantile
from merits.stats.quantiles import quantile_ranks


@pytest.mark.parametrize(("n", "q"), [(10, 0.5), (30, 0.5), (80, 0.95), (300, 0.95), (40, 0.9)])
def test_ranks_cover_at_least_the_level_and_no_narrower_pair_does(n: int, q: float) -> None:
    """The slow definition: P(X_(l) <= quantile <= X_(u)) from the binomial, each tail at most 2.5 %."""
    pmf = [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]
    lower, upper = quantile_ranks(n, q)
    if lower is not None:
        assert sum(pmf[:lower]) <= 0.025 < sum(pmf[: lower + 1])
    if upper is not None:
        assert sum(pmf[upper:]) <= 0.025 < sum(pmf[upper - 1 :])


def test_no_upper_end_of_p95_under_59_answers() -> None:
    """At 58 even the slowest answer is below the true 95th percentile more than 5 % of the time."""
    values = np.arange(58.0)
    assert quantile(values, 0.95, level=0.90).high is None
    assert quantile(np.arange(59.0), 0.95, level=0.90).high == 58.0
    assert quantile(np.arange(71.0), 0.95).high is None
    assert quantile(np.arange(72.0), 0.95).high == 71.0


def test_large_samples_use_the_same_ranks_as_the_full_sum() -> None:
    """The window of ranks that is looked at is wide enough."""
    from scipy.special import bdtr

    n, q = 20_000, 0.95
    below = bdtr(np.arange(0.0, n), n, q)
    assert quantile_ranks(n, q) == (int(np.flatnonzero(below <= 0.025)[-1]) + 1, int(np.argmax(below >= 0.975)) + 1)


def test_repeated_answers_widen_the_interval() -> None:
    """The same 100 latencies ten times are 100 pieces of evidence."""
    values = np.random.default_rng(0).random(200)
    alone = quantile(values, 0.5)
    repeated = quantile(np.repeat(values, 10), 0.5, np.repeat(np.arange(200), 10))
    naive = quantile(np.repeat(values, 10), 0.5)
    width = [(e.high or 0) - (e.low or 0) for e in (alone, repeated, naive)]
    assert width[1] == pytest.approx(width[0], rel=0.25)
    assert width[2] < 0.5 * width[0]


def test_nothing_has_no_quantile() -> None:
    """No answer, no latency."""
    estimate = quantile(np.zeros(0), 0.5)
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
