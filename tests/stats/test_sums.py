"""Statistics of sums: resampled as their rows are, and bounded without jumps."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import resample, resampled_sums, statistic_difference, statistic_of_sums


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
        found = resample(ratio, errors(seed), np.random.default_rng(0))
        estimate = statistic_of_sums(found, rows=3000, method="word error rate")
        widths.append((estimate.high or 1.0) - (estimate.low or 0.0))
    assert max(widths) < 1.6 * min(widths)


def test_more_errors_than_words_have_an_interval_too() -> None:
    """An error rate has no end at 1."""
    counts = errors(0, 50, 0.5)
    counts[..., 0] += 10
    estimate = statistic_of_sums(resample(ratio, counts, np.random.default_rng(0)), rows=500, method="")
    assert estimate.low is not None
    assert 1.3 < estimate.low < 1.5 < (estimate.high or 0) < 1.7


@pytest.mark.parametrize("n", [0, 1])
def test_none_or_one_has_no_interval(n: int) -> None:
    """One row has no spread."""
    found = resample(ratio, errors(0)[:, :n].repeat(2, axis=0), np.random.default_rng(0))
    estimate = statistic_of_sums(found, rows=10, method="")
    difference = statistic_difference(found, 0, 1, method="")
    assert (estimate.low, estimate.high, difference.low, difference.high) == (None, None, None, None)
    assert found.p_value(0, 1) == 1.0


def test_a_score_is_no_rate_even_between_0_and_1() -> None:
    """A distance of sets of pictures: around 0 an interval of a rate says from 0 to 1, which is nothing."""
    generator = np.random.default_rng(0)
    counts = np.stack([generator.normal(0.001, 0.02, 300), np.ones(300)], axis=-1)[None]
    found = resample(lambda sums: sums[..., 0] / sums[..., 1], counts, generator)
    estimate = statistic_of_sums(found, rows=300, method="kernel distance", unit="score")
    assert estimate.unit == "score"
    assert estimate.high is not None
    assert 0.0 < estimate.high < 0.01
