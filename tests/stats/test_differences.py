"""Differences that may be looked at any time: the fast formulas beside the slow definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merits.stats.differences import (
    Weighted,
    bounded_limits,
    paired_after,
    paired_limits,
    paired_log_wealth,
    paired_mean_limits,
    times_more,
    unpaired_after,
    unpaired_limits,
    unpaired_log_wealth,
    unpaired_mean_limits,
)

STAKES = (0.0, 0.004, 0.01, 0.025, 0.06, 0.12, 0.22, 0.36, 0.55, 0.75, 0.93)


def slow_wealth(values: np.ndarray, mean: float) -> float:
    """Each stake bets on each value in turn; the money is shared out among the stakes."""
    total = 0.0
    for stake, weight in zip(STAKES, (0.25, *[0.075] * 10), strict=True):
        money = 1.0
        for value in values:
            money *= 1.0 - stake + stake * value / mean
        total += weight * money
    return total


def test_the_wealth_of_pairs_is_that_of_one_bet_after_the_other() -> None:
    """The definition, value by value."""
    values = np.random.default_rng(0).choice([-1.0, -0.5, 0.0, 0.25, 1.0], 30)
    expected = math.log(slow_wealth((values + 1.0) / 2.0, (0.1 + 1.0) / 2.0))
    assert paired_log_wealth(values, 0.1) == pytest.approx(expected)


@pytest.mark.parametrize("floor", [-0.3, -0.02, 0.0, 0.2])
def test_of_two_samples_it_is_the_least_over_what_theirs_may_be(floor: float) -> None:
    """The search finds what a fine grid finds."""
    rng = np.random.default_rng(1)
    ours, theirs = (rng.random(40) < 0.8).astype(float), (rng.random(25) < 0.7).astype(float)
    grid = np.linspace(max(0.0, -floor), min(1.0, 1.0 - floor), 3001)[1:-1]
    least = min(math.log(slow_wealth(ours, b + floor) * slow_wealth(1.0 - theirs, 1.0 - b)) for b in grid)
    assert unpaired_log_wealth(ours, theirs, floor) == pytest.approx(least, abs=1e-4)


def test_nothing_is_known_of_nothing() -> None:
    """No values, no bets; the intervals are everything there is."""
    assert paired_log_wealth([], 0.0) == unpaired_log_wealth([], [], 0.0) == 0.0
    assert np.allclose([paired_limits([]), unpaired_limits([], [])], (-1.0, 1.0), atol=1e-5)
    assert np.allclose(bounded_limits([]), (0.0, 1.0), atol=1e-5)
    assert unpaired_mean_limits([1.0], [1.0, 2.0]) == paired_mean_limits([]) == (-np.inf, np.inf)


def test_the_limits_are_where_the_wealth_reaches_the_bar() -> None:
    """The interval is what has not been given up."""
    rng = np.random.default_rng(2)
    ours, theirs = (rng.random(300) < 0.8).astype(float), (rng.random(300) < 0.7).astype(float)
    low, high = unpaired_limits(ours, theirs, 0.9)
    bar = math.log(20.0)
    assert unpaired_log_wealth(ours, theirs, low) == pytest.approx(bar, abs=1e-2)
    assert unpaired_log_wealth(theirs, ours, -high) == pytest.approx(bar, abs=1e-2)
    low, high = paired_limits(ours - theirs, 0.9)
    assert paired_log_wealth(ours - theirs, low) == pytest.approx(bar, abs=1e-2)
    assert paired_log_wealth(theirs - ours, -high) == pytest.approx(bar, abs=1e-2)


def test_many_different_values_are_rounded_to_the_side_that_wins_less() -> None:
    """A rounding must not break a promise."""
    values = np.random.default_rng(3).random(2000)
    low, high = Weighted.of(values), Weighted.of(values, up=True)
    assert len(low.values) <= 257
    assert low.values @ low.counts <= values.sum() <= high.values @ high.counts
    assert low.counts.sum() == high.counts.sum() == 2000


def test_times_more_is_how_much_more_of_the_same_it_takes() -> None:
    """With so many times as much, the bar is reached; with a little less it is not."""
    values = np.tile([0.0] * 18 + [1.0, -1.0], 5)
    times = times_more(paired_after(values, -0.05), 0.05)
    assert times is not None
    n = math.ceil(times * 5)
    assert paired_log_wealth(np.tile([0.0] * 18 + [1.0, -1.0], n), -0.05) >= math.log(20.0)
    assert paired_log_wealth(np.tile([0.0] * 18 + [1.0, -1.0], n - 1), -0.05) < math.log(20.0)
    assert times_more(unpaired_after([1.0, 0.0], [1.0, 0.0], 0.0), 0.05) is None


def test_a_mean_of_any_size_is_bounded_by_the_normal_law() -> None:
    """Money and seconds have no upper end."""
    rng = np.random.default_rng(4)
    ours, theirs = rng.exponential(2.0, 4000), rng.exponential(1.0, 4000)
    low, high = unpaired_mean_limits(ours, theirs)
    assert 0.8 < low < 1.0 < high < 1.2
    assert paired_mean_limits(ours - theirs) == pytest.approx((low, high), rel=0.05)
