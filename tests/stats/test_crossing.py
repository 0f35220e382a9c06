"""Where two means meet, and sums from which any combination follows."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats.clusters import clustered
from merits.stats.critical import t_critical
from merits.stats.crossing import crossing, moments
from merits.stats.paired import compare_all

A, B = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def columns(n: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.stack([-0.02 * generator.random(n), (generator.random(n) < 0.3) * 1.0 - (generator.random(n) < 0.2)])


def test_limits_without_made_up_rows_are_students() -> None:
    """Read off the sums, the interval is that of the rows."""
    values = columns(50)
    middle, half = values[0].mean(), t_critical(0.95, 49) * values[0].std(ddof=1) / np.sqrt(50)
    assert moments(values).limits(A, 0.95) == pytest.approx((middle - half, middle + half))


def test_limits_with_made_up_rows_are_bonett_and_prices() -> None:
    """The same as the comparison of all pairs."""
    values = columns(50)[1]
    pairs = compare_all(np.stack([values, np.zeros(50)]), np.ones((2, 50), dtype=bool))
    reach = pairs.reach(0.95)[0, 1]
    low, high = moments(values[None, :]).limits(np.array([1.0, 0.0]), 0.95, 1.0)
    assert (low, high) == pytest.approx((pairs.centre[0, 1] - reach, pairs.centre[0, 1] + reach))


def test_grouped_limits_are_those_between_groups() -> None:
    """t(G - 1) on sums of groups, whatever their sizes."""
    values, groups = columns(60)[0], np.random.default_rng(1).integers(0, 12, 60)
    slow = clustered(values, groups)
    half = t_critical(0.95, slow.n_groups - 1) * np.sqrt(slow.variance)
    limits = moments(values[None, :], groups).limits(np.array([1.0, 0.0]), 0.95)
    assert limits == pytest.approx((slow.mean - half, slow.mean + half))


def test_the_ends_are_where_the_interval_of_the_mean_begins_to_leave_out_zero() -> None:
    """The definition, tried on both sides of each end."""
    found = moments(columns(400))
    where = crossing(found, A, B, 0.95, made_up=(0.0, 1.0))
    assert where.low is not None
    assert where.high is not None
    for end in (where.low, where.high):
        inside = []
        for amount in (end * 0.999, end * 1.001):
            low, high = found.limits(A + amount * B, 0.95, amount * 1.0)
            inside.append(low <= 0.0 <= high)
        assert sorted(inside) == [False, True]


def test_an_end_is_open_where_the_slope_may_be_nothing() -> None:
    """A dearer candidate that may be no better may never be worth it."""
    gain = np.array([1.0, -1.0] * 20 + [1.0])
    where = crossing(moments(np.stack([np.full(41, -0.01), gain])), A, B, 0.95, made_up=(0.0, 1.0))
    assert where.value is not None
    assert where.high is None


def test_what_never_crosses_is_not_possible() -> None:
    """Better and cheaper: no worth of a solved case turns that."""
    gain = np.array([1.0, 0.0] * 100)
    where = crossing(moments(np.stack([np.full(200, 0.01), gain])), A, B, 0.95, made_up=(0.0, 1.0))
    assert where.value is None
    assert not where.possible


def test_candidates_that_never_differed_may_still_cross_anywhere() -> None:
    """Twenty equal answers do not show that two are equal."""
    where = crossing(moments(np.stack([np.full(20, -0.01), np.zeros(20)])), A, B, 0.95, made_up=(0.0, 1.0))
    assert where.value is None
    assert where.possible
    assert where.low is not None
    assert where.high is None


def test_one_row_tells_nothing() -> None:
    """No interval from one piece of evidence."""
    assert moments(np.ones((1, 1))).limits(np.array([1.0, 0.0]), 0.95) == (None, None)
    where = crossing(moments(np.ones((2, 1))), A, B, 0.95)
    assert (where.value, where.low, where.high) == (None, None, None)
