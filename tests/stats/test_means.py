"""Means: t where it is good, an interval that is always valid where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import mean, mean_score
from merits.stats.betting import betting_limits, log_wealth
from merits.stats.means import normal_enough


def test_t_interval_is_the_textbook_one() -> None:
    """mean ± t·s/√n with n - 1 degrees of freedom."""
    values = np.array([2.0, 4.0, 4.5, 5.0, 7.0])
    half = 2.7764451 * values.std(ddof=1) / np.sqrt(5)
    estimate = mean(values)
    assert (estimate.low, estimate.high) == pytest.approx((4.5 - half, 4.5 + half))


@pytest.mark.parametrize("n", [0, 1])
def test_no_interval_from_none_or_one(n: int) -> None:
    """One value has no spread; none has no value."""
    estimate = mean(np.full(n, 3.0))
    assert (estimate.value, estimate.low, estimate.high) == (3.0 if n else None, None, None)


def test_scores_that_do_not_vary_yet_are_not_certain() -> None:
    """Zero variance in few scores is no evidence that the next one is the same."""
    estimate = mean_score(np.full(12, 0.9))
    assert (estimate.high or 0) - (estimate.low or 0) > 0.2


def test_wealth_is_the_product_of_the_bets() -> None:
    """The slow definition: every stake, every value, one after the other."""
    values = np.array([0.2, 0.9, 1.0, 0.7])
    stakes = np.geomspace(min(0.1, 0.2 / 2), 0.99, 24)
    slow = np.mean([np.prod([1 + c * (x - 0.4) / 0.4 for x in values]) for c in stakes])
    assert log_wealth(values, np.ones(4), 0.4) == pytest.approx(np.log(slow))


def test_betting_does_not_depend_on_the_order() -> None:
    """The same scores in another order are the same evidence."""
    values = np.random.default_rng(0).random(40)
    assert betting_limits(values) == pytest.approx(betting_limits(values[::-1]))


def test_betting_is_symmetric() -> None:
    """Counting what was not achieved gives the mirrored interval."""
    values = np.random.default_rng(0).random(40) ** 2
    low, high = betting_limits(values)
    assert betting_limits(1 - values) == pytest.approx((1 - high, 1 - low))


def test_t_is_used_only_where_cochran_allows_it() -> None:
    """n >= 50, n > 25·skewness², and the values vary."""
    assert normal_enough(np.arange(100) % 2.0)
    assert not normal_enough(np.arange(49) % 2.0)
    assert not normal_enough(np.r_[np.ones(999), 0.0])
    assert not normal_enough(np.ones(1000))
