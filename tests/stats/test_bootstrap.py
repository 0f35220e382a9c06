"""Resampling: known variances, whole groups, the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import bootstrap_limits, bootstrap_rows, bootstrap_tables, jackknife_variance


def test_resampled_tables_vary_like_the_multinomial() -> None:
    """Known truth: the variance of a count is n·p·(1-p)."""
    cells = np.repeat([0, 1, 2], [50, 30, 20])
    tables = bootstrap_tables(cells, 3, np.random.default_rng(0), resamples=8000)
    assert tables.mean(axis=0) == pytest.approx([50, 30, 20], rel=0.02)
    assert tables.var(axis=0) == pytest.approx([25, 21, 16], rel=0.08)


def test_tables_and_rows_resample_alike() -> None:
    """Counts drawn at once have the spread of counts of resampled rows."""
    cells = np.repeat([0, 1], [70, 30])
    fast = bootstrap_tables(cells, 2, np.random.default_rng(0), resamples=4000)[:, 1] / 100
    slow = bootstrap_rows(lambda rows: float(cells[rows].mean()), 100, np.random.default_rng(1), resamples=4000)
    assert fast.std() == pytest.approx(slow.std(), rel=0.06)


def test_groups_are_drawn_whole() -> None:
    """Ten identical repeats vary as much as the examples they repeat."""
    cells = np.repeat(np.arange(40) % 2, 10)
    groups = np.repeat(np.arange(40), 10)
    generator = np.random.default_rng(0)
    tables = bootstrap_tables(cells, 2, generator, groups=groups, resamples=2000)[:, 1] / 400
    rows = bootstrap_rows(lambda r: float(cells[r].mean()), 400, generator, groups=groups, resamples=2000)
    assert tables.std() == pytest.approx(np.sqrt(0.25 / 40), rel=0.08)
    assert rows.std() == pytest.approx(np.sqrt(0.25 / 40), rel=0.08)


def test_percentile_interval_of_a_mean_is_the_normal_one() -> None:
    """Known truth: mean ± 1.96·s/√n at n = 400."""
    values = np.random.default_rng(2).normal(size=400)
    draws = bootstrap_rows(lambda rows: float(values[rows].mean()), 400, np.random.default_rng(3), resamples=4000)
    half = 1.96 * values.std() / 20
    ends = bootstrap_limits(draws, float(values.mean()))
    assert ends == pytest.approx((values.mean() - half, values.mean() + half), abs=0.012)


def test_acceleration_moves_a_skewed_interval_to_the_long_side() -> None:
    """BCa of an exponential mean reaches further up than the plain percentiles."""
    values = np.random.default_rng(4).exponential(size=40)
    draws = bootstrap_rows(lambda rows: float(values[rows].mean()), 40, np.random.default_rng(5), resamples=4000)
    left_out = np.array([np.delete(values, i).mean() for i in range(40)])
    plain = bootstrap_limits(draws, float(values.mean()))
    accelerated = bootstrap_limits(draws, float(values.mean()), jackknifed=left_out)
    assert (accelerated[1] or 0) > (plain[1] or 0)


def test_jackknife_of_a_mean_is_its_variance() -> None:
    """With every row its own block it is the textbook formula exactly."""
    values = np.random.default_rng(6).random(40)
    found = jackknife_variance(lambda rows: float(values[rows].mean()), 40, np.random.default_rng(0))
    assert found == pytest.approx(values.var(ddof=1) / 40)


def test_the_same_seed_gives_the_same_resamples() -> None:
    """A decision is a pure function."""
    cells = np.arange(10) % 3
    first, second = (bootstrap_tables(cells, 3, np.random.default_rng(9), resamples=5) for _ in range(2))
    assert (first == second).all()


def test_an_undefined_statistic_has_no_interval() -> None:
    """An AUC with one class is no number."""
    assert len(bootstrap_rows(lambda rows: None, 5, np.random.default_rng(0), resamples=5)) == 0
    assert bootstrap_limits(np.zeros(0), 0.5) == (None, None)
    assert jackknife_variance(lambda rows: None, 50, np.random.default_rng(0)) is None
