"""Known truth: intervals of measures of all answers together cover what they promise, from 20 to 1,000 answers.

Of a Fréchet distance the truth is its mean over sets of as many pictures: it is biased, and of more pictures is less.
"""

from __future__ import annotations

import numpy as np
import pytest

from merits import stats
from merits.scorers.counted import STATISTICS
from tests.simulation.measures import MEASURES
from tests.simulation.test_coverage import at_least

LEAST = {"rmse": 0.88, "r2": 0.89, "real_time_factor": 0.90, "pinball": 0.93, "kid": 0.86}
"""What the interval of 95 % keeps where few examples make most of a measure."""


def misses(name: str, n: int, runs: int) -> tuple[float, float, float]:
    """How often the low end lies above the truth, the high end below it, and the mean width."""
    measure, generator = MEASURES[name], np.random.default_rng(n)
    statistic, truth, found = STATISTICS[measure.statistic], measure.alone(n), []
    for _ in range(runs):
        counts = measure.draw(n, generator)[0]
        of = stats.jackknifed(statistic.value, counts[None], generator)
        rows = float(counts[:, statistic.given].sum())
        one = stats.statistic_of_sums(of, rows=rows, method="", unit=statistic.unit, scale=statistic.scale)
        low, high = -np.inf if one.low is None else one.low, np.inf if one.high is None else one.high
        found.append((low > truth, high < truth, high - low))
    low, high, width = np.mean(found, axis=0)
    return float(low), float(high), float(width)


@pytest.mark.parametrize("name", [name for name in MEASURES if not MEASURES[name].of_so_many])
def test_the_interval_of_a_measure_is_about_where_the_truth_is(name: str) -> None:
    """A quick look."""
    low, high, _ = misses(name, 100, 25)
    assert 1.0 - low - high >= at_least(LEAST.get(name, 0.93), 25)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_the_interval_of_a_measure_covers_it(name: str) -> None:
    """The table."""
    for n in (20, 50, 200) if MEASURES[name].of_so_many else (20, 50, 200, 1000):
        runs = 400 if n <= 200 else 150
        low, high, width = misses(name, n, runs)
        print(f"{name:16} n {n:4}: low {low:.4f}, high {high:.4f}, covers {1 - low - high:.4f}, width {width:.4g}")
        assert 1.0 - low - high >= at_least(LEAST.get(name, 0.93), runs)
