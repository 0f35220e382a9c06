"""Grouped rows: the between-group variance, and no certainty from repeating oneself."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import clustered, rate, rate_bounds, wilson
from merits.stats.clusters import effective_size


def test_variance_is_that_of_the_group_sums() -> None:
    """The slow definition: one loop over groups."""
    generator = np.random.default_rng(1)
    groups = generator.integers(0, 12, size=60)
    values = generator.random(60)
    present = np.unique(groups)
    total = sum((values[groups == g].sum() - values.mean() * (groups == g).sum()) ** 2 for g in present)
    expected = len(present) / (len(present) - 1) * total / 60**2
    assert clustered(values, groups).variance == pytest.approx(expected)


def test_asking_everything_ten_times_adds_no_certainty() -> None:
    """Ten identical repeats of 50 examples are worth 50 examples, not 500."""
    solved = np.arange(50) < 40
    repeated = rate(np.repeat(solved, 10), np.repeat(np.arange(50), 10))
    alone = wilson(40, 50)
    assert repeated.n == 50
    assert (repeated.high or 0) - (repeated.low or 0) >= (alone.high or 0) - (alone.low or 0)


@pytest.mark.parametrize("value", [False, True])
def test_a_rate_of_nought_or_one_in_groups_is_not_certain(value: bool) -> None:
    """Where nothing varies, each group counts as one row, so the interval is no narrower than of that many rows."""
    estimate = rate(np.full(200, value), np.arange(200) // 10)
    alone = wilson(20 * value, 20)
    assert (estimate.high or 0) - (estimate.low or 0) >= (alone.high or 0) - (alone.low or 0)


def test_groups_of_one_row_are_independent_rows() -> None:
    """Grouping that says nothing changes (almost) nothing."""
    solved = np.arange(100) < 70
    grouped, alone = rate(solved, np.arange(100)), rate(solved)
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high), abs=0.002)


def test_opposite_rows_of_a_group_are_never_worth_more_than_they_are() -> None:
    """A negative correlation inside groups is not taken on credit."""
    values = np.tile([1.0, 0.0], 30)
    assert effective_size(clustered(values, np.repeat(np.arange(30), 2)), 0.95) <= 60


def test_one_group_has_no_interval() -> None:
    """One customer says nothing about the next."""
    estimate = rate_bounds(np.array([True, False, True]), np.zeros(3, dtype=int))
    assert (estimate.value, estimate.low, estimate.high) == (pytest.approx(2 / 3), None, None)


def test_few_groups_are_named() -> None:
    """Under ten groups the method says so."""
    assert "few groups" in rate(np.arange(30) % 2 == 0, np.arange(30) // 5).method
