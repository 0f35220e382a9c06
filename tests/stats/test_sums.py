"""Statistics of sums: resampled as their rows are, and bounded without jumps."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import jackknifed, resampled_sums, statistic_difference, statistic_of_sums


def ratio(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / sums[..., 1])


def errors(seed: int, n: int = 300, rate: float = 0.03) -> np.ndarray:
    """Ten words a row that are wrong independently of each other: (1, n, 2)."""
    generator = np.random.default_rng(seed)
    return np.stack([generator.binomial(10, rate, n), np.full(n, 10)], axis=-1)[None] * 1.0


def test_sums_of_resamples_are_sums_of_resampled_rows() -> None:
    """The slow definition: rows drawn with replacement, and added."""
    counts = np.random.default_rng(0).random((50, 3))
    fast = resampled_sums(counts, np.random.default_rng(1), resamples=4000)
    generator = np.random.default_rng(2)
    slow = np.array([counts[generator.integers(0, 50, 50)].sum(axis=0) for _ in range(4000)])
    assert fast.mean(axis=0) == pytest.approx(slow.mean(axis=0), rel=0.01)
    assert np.cov(fast.T) == pytest.approx(np.cov(slow.T), abs=0.4)


def test_many_rows_are_merged_without_changing_the_spread() -> None:
    """20,000 rows become 1,000 units; groups stay whole."""
    counts = np.random.default_rng(0).random((20_000, 1))
    merged = resampled_sums(counts, np.random.default_rng(1), resamples=2000)
    assert merged.mean() == pytest.approx(counts.sum(), rel=0.001)
    assert merged.std() == pytest.approx(np.sqrt(20_000 / 12), rel=0.08)
    grouped = resampled_sums(counts, np.random.default_rng(1), groups=np.arange(20_000) // 100, resamples=2000)
    assert grouped.std() == pytest.approx(np.sqrt(20_000 / 12), rel=0.3)


def test_intervals_of_like_samples_are_alike() -> None:
    """Errors that come a little more evenly than by chance do not make the interval jump."""
    widths = []
    for seed in range(40):
        found = jackknifed(ratio, errors(seed), np.random.default_rng(0))
        estimate = statistic_of_sums(found, rows=3000, method="word error rate")
        widths.append((estimate.high or 1.0) - (estimate.low or 0.0))
    assert max(widths) < 1.6 * min(widths)


def test_more_errors_than_words_have_an_interval_too() -> None:
    """An error rate has no end at 1."""
    counts = errors(0, 50, 0.5)
    counts[..., 0] += 10
    estimate = statistic_of_sums(jackknifed(ratio, counts, np.random.default_rng(0)), rows=500, method="")
    assert estimate.low is not None
    assert 1.3 < estimate.low < 1.5 < (estimate.high or 0) < 1.7


@pytest.mark.parametrize("n", [0, 1])
def test_none_or_one_has_no_interval(n: int) -> None:
    """One row has no spread."""
    found = jackknifed(ratio, errors(0)[:, :n].repeat(2, axis=0), np.random.default_rng(0))
    estimate = statistic_of_sums(found, rows=10, method="")
    difference = statistic_difference(found, 0, 1, method="")
    assert (estimate.low, estimate.high, difference.low, difference.high) == (None, None, None, None)
    assert found.p_value(0, 1) == 1.0


def test_the_variance_is_that_of_leaving_out_rows() -> None:
    """The slow definition, for one and for a difference; groups are left out whole."""
    counts = np.concatenate([errors(0, 40, 0.3), errors(1, 40, 0.2)])
    found = jackknifed(ratio, counts, np.random.default_rng(0))
    slow = np.stack([ratio(np.delete(counts, row, axis=1).sum(axis=1)) for row in range(40)])
    assert found.variance(0) == pytest.approx(39 * slow[:, 0].var())
    assert found.variance(0, 1) == pytest.approx(39 * (slow[:, 0] - slow[:, 1]).var())
    pairs = jackknifed(ratio, counts, np.random.default_rng(0), groups=np.arange(40) // 2)
    slow = np.stack([ratio(np.delete(counts, [row, row + 1], axis=1).sum(axis=1)) for row in range(0, 40, 2)])
    assert (pairs.n, pairs.variance(0)) == (20, pytest.approx(19 * slow[:, 0].var()))


def test_one_row_that_makes_most_of_a_value_widens_its_interval() -> None:
    """Its variance is then known by little more than that row."""
    even = np.stack([np.linspace(0.5, 1.5, 60), np.ones(60)], axis=1)[None]
    odd = even.copy()
    odd[0, 0, 0] = 40.0
    reach = [jackknifed(ratio, counts, np.random.default_rng(0)).critical(0.95, 0) for counts in (even, odd)]
    assert reach[0] == pytest.approx(2.0 * 60 / 58.04, rel=0.01)
    assert reach[1] > 1.3 * reach[0]


def test_p_values_and_intervals_agree() -> None:
    """The interval at 1 - p just touches 0."""
    found = jackknifed(ratio, np.concatenate([errors(0, 80, 0.3), errors(1, 80, 0.2)]), np.random.default_rng(0))
    p = found.p_value(0, 1)
    touching = statistic_difference(found, 0, 1, 1.0 - p, method="")
    assert 0.0 < p < 0.05
    assert touching.low == pytest.approx(0.0, abs=1e-9)


def test_rows_that_differ_a_little_say_how_much_others_may() -> None:
    """Where all differ by a hundredth, none is made up that differs by everything; where none does, one is."""
    generator, same = np.random.default_rng(0), errors(0, 100, 0.3)
    little = same.copy()
    little[..., 0] += generator.uniform(0.0, 0.1, 100)
    for other, most in ((little, 0.005), (same, 0.04)):
        found = jackknifed(ratio, np.concatenate([other, same]), np.random.default_rng(0))
        difference = statistic_difference(found, 0, 1, method="")
        assert difference.low is not None
        assert difference.high is not None
        assert 0.0 < difference.high - difference.low < 2.0 * most


def test_a_number_on_the_line_may_lie_below_nought_and_is_no_rate() -> None:
    """A kernel distance of pictures that are as good as can be."""

    def value(sums: np.ndarray) -> np.ndarray:
        return np.asarray(sums[..., 0] / sums[..., 1])

    counts = np.stack([np.random.default_rng(0).normal(-0.02, 0.05, 50), np.ones(50)], axis=1)[None]
    found = jackknifed(value, counts, np.random.default_rng(0))
    estimate = statistic_of_sums(found, rows=50, method="", unit="score", scale="line")
    assert estimate.low is not None
    assert estimate.high is not None
    assert -0.05 < estimate.low < (estimate.value or 0.0) < estimate.high < 0.02
