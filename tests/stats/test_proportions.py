"""Rates from counts: against slow definitions, and their exact coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merits.stats import (
    clopper_pearson_bound,
    clopper_pearson_bounds,
    clopper_pearson_limits,
    wilson,
    wilson_limits,
)


def binomial(n: int, p: float) -> np.ndarray:
    """P(X = 0..n), from the definition."""
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (17, 20), (20, 20), (50, 100)])
def test_wilson_ends_where_the_score_test_no_longer_rejects(k: int, n: int) -> None:
    """The definition: the rates p with |k/n - p| <= z·sqrt(p(1-p)/n), found on a fine grid."""
    grid = np.linspace(0, 1, 200_001)
    inside = grid[np.abs(k / n - grid) <= 1.959964 * np.sqrt(grid * (1 - grid) / n) + 1e-12]
    low, high = wilson_limits(k, n)
    assert (float(low), float(high)) == pytest.approx((inside[0], inside[-1]), abs=1e-5)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (17, 20), (20, 20)])
def test_clopper_pearson_ends_where_a_tail_reaches_alpha(k: int, n: int) -> None:
    """The definition: P(X >= k) = alpha at the lower bound, P(X <= k) = alpha at the upper one."""
    low, high = (float(clopper_pearson_bound(k, n, 0.95, side=side)) for side in ("low", "high"))
    assert binomial(n, low)[k:].sum() == pytest.approx(0.05 if k > 0 else 1.0, abs=1e-9)
    assert binomial(n, high)[: k + 1].sum() == pytest.approx(0.05 if k < n else 1.0, abs=1e-9)


@pytest.mark.parametrize("n", [5, 20, 100, 1000])
@pytest.mark.parametrize("p", [0.0, 0.02, 0.5, 0.98, 1.0])
def test_gate_bounds_hold_at_every_rate_and_size(n: int, p: float) -> None:
    """Exactly, by summing over all counts: a candidate whose true rate is p is shown to be above p at most 5 %."""
    counts = np.arange(n + 1)
    probability = np.exp(_log_binomial(n, p))
    low = clopper_pearson_bound(counts, n, 0.95, side="low")
    high = clopper_pearson_bound(counts, n, 0.95, side="high")
    assert probability[low > p + 1e-12].sum() <= 0.05 + 1e-9
    assert probability[high < p - 1e-12].sum() <= 0.05 + 1e-9


@pytest.mark.parametrize("n", [5, 20, 100, 1000])
def test_wilson_covers_nominally_on_average_and_never_badly(n: int) -> None:
    """Exactly: the mean over rates is close to 95 %, and no rate of the issue's list falls under 85 %."""
    counts = np.arange(n + 1)
    low, high = wilson_limits(counts, n)
    coverage = [
        float(np.exp(_log_binomial(n, p))[(low <= p + 1e-12) & (p - 1e-12 <= high)].sum())
        for p in np.linspace(0.0, 1.0, 201)
    ]
    assert np.mean(coverage) == pytest.approx(0.953, abs=0.012)
    for p in (0.0, 0.02, 0.5, 0.98, 1.0):
        assert coverage[round(p * 200)] >= 0.90


def test_nothing_counted_says_nothing() -> None:
    """n = 0 is no record, not a rate of 0."""
    assert (wilson(0, 0).value, wilson(0, 0).low, wilson(0, 0).high) == (None, None, None)
    assert [float(end) for end in clopper_pearson_limits(0, 0)] == [0.0, 1.0]


def test_a_perfect_rate_is_not_certain() -> None:
    """5 of 5 is not "100 %, certain"."""
    assert wilson(5, 5).low == pytest.approx(0.566, abs=0.001)
    assert clopper_pearson_bounds(5, 5).low == pytest.approx(0.549, abs=0.001)


def test_arrays_give_what_single_counts_give() -> None:
    """The vectorised functions are the scalar ones."""
    low, high = wilson_limits(np.array([3, 9]), np.array([10, 10]))
    assert [float(wilson(k, 10).low or 0) for k in (3, 9)] == pytest.approx(low.tolist())
    assert [float(wilson(k, 10).high or 0) for k in (3, 9)] == pytest.approx(high.tolist())


def _log_binomial(n: int, p: float) -> np.ndarray:
    counts = np.arange(n + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        success = np.where(counts > 0, counts * np.log(p), 0.0)
        failure = np.where(n - counts > 0, (n - counts) * np.log1p(-p), 0.0)
    choose = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in counts])
    return choose + success + failure
