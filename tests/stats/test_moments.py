"""What is kept of values that came one by one says the same as the values."""

import numpy as np
import pytest

from merits.stats import mean
from merits.stats.moments import Moments


@pytest.mark.parametrize("values", [np.random.default_rng(1).lognormal(-9.0, 1.5, 300), np.array([5.0, 7.0, 7.5])])
def test_the_estimate_is_that_of_the_values_themselves(values):
    moments = Moments()
    for value in values.tolist():
        moments.take(value)
    ours, theirs = moments.estimate(currency="USD"), mean(values, currency="USD")
    assert (ours.n, ours.unit, ours.method, ours.currency) == (theirs.n, theirs.unit, theirs.method, theirs.currency)
    assert [ours.value, ours.low, ours.high] == pytest.approx([theirs.value, theirs.low, theirs.high], rel=1e-9)


def test_a_price_per_call_has_no_spread_and_one_value_no_interval():
    moments = Moments()
    assert moments.estimate().value is None
    moments.take(0.001)
    assert (moments.estimate().value, moments.estimate().low, moments.estimate().high) == (0.001, None, None)
    for _ in range(9_999):
        moments.take(0.001)
    assert moments.estimate().interval() == "no spread"
