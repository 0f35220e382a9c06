"""The cost of a solved case: Fieller's interval, and its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merits.core.estimate import Estimate
from merits.stats import combined_limits, cost_per_solved, ratio_limits, wilson


def estimate(value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=0.95, n=9, unit="money", method="")


def test_with_symmetric_ends_it_is_fieller() -> None:
    """The published formula: (r - g·s12/s22 ± t/|b|·√(…))/(1 - g), here without covariance."""
    c, s, half_c, half_s = 2.0, 0.5, 0.3, 0.1
    g = (half_s / s) ** 2
    root = math.sqrt(half_c**2 + (c / s) ** 2 * half_s**2 - g * half_c**2) / s
    expected = ((c / s - root) / (1 - g), (c / s + root) / (1 - g))
    found = ratio_limits(estimate(c, c - half_c, c + half_c), estimate(s, s - half_s, s + half_s))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.7])
def test_an_end_is_where_the_difference_begins_to_leave_out_nought(rho: float) -> None:
    """The slow definition: scan ratios R for those where top - R·bottom may be 0."""
    top, bottom = estimate(1.0, 0.8, 1.3), estimate(0.6, 0.45, 0.7)
    low, high = ratio_limits(top, bottom, rho)
    grid = np.linspace(0.5, 6, 550_001)
    gap = 1.0 - grid * 0.6
    a, b = np.where(gap > 0, 0.2, 0.3), np.where(gap > 0, 0.1, 0.15) * grid
    inside = grid[gap**2 <= a**2 + b**2 - 2 * rho * a * b]
    assert (low, high) == pytest.approx((inside[0], inside[-1]), abs=2e-5)


def test_a_constant_cost_gives_the_interval_of_the_rate() -> None:
    """0.01 a call, 17 of 20 solved: 0.01 over Wilson's ends."""
    share = wilson(17, 20)
    found = cost_per_solved(np.full(20, 0.01), np.arange(20) < 17)
    assert (found.low, found.high) == pytest.approx((0.01 / (share.high or 1), 0.01 / (share.low or 1)))


def test_nothing_solved_has_a_lower_end_only() -> None:
    """Infinite would be a claim; the lower bound is what the data say."""
    found = cost_per_solved(np.full(20, 0.01), np.zeros(20, dtype=bool))
    assert (found.value, found.high) == (None, None)
    assert found.low == pytest.approx(0.01 / (wilson(0, 20).high or 1))


def test_a_free_candidate_costs_nothing_per_solved_case() -> None:
    """A known price of 0 is a price."""
    found = cost_per_solved(np.zeros(20), np.arange(20) < 5)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_one_row_has_no_upper_end() -> None:
    """The spread of one cost is not known."""
    assert cost_per_solved(np.array([0.3]), np.array([True])).high is None


def test_sum_over_sum_not_mean_of_ratios() -> None:
    """Failures and dear cases count in full."""
    found = cost_per_solved(np.array([1.0, 9.0, 5.0, 5.0]), np.array([True, False, True, False]))
    assert found.value == 10.0


def test_an_end_that_is_open_stays_open() -> None:
    """A difference of two estimates is no better known than they are."""
    assert combined_limits(estimate(1.0, 0.5, None), estimate(0.2, 0.1, 0.3))[1] is None
