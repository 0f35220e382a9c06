"""Kappa and the slope of errors beside their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats.agreement import cohen_kappa, slope


def pairs(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(2)
    human = generator.random(n) < 0.6
    return np.where(generator.random(n) < 0.8, human, ~human), human


def test_kappa_is_what_its_table_says() -> None:
    """Cohen's formula over the four cells."""
    judge, human = pairs()
    a, b, c, d = ((judge & human).sum(), (judge & ~human).sum(), (~judge & human).sum(), (~judge & ~human).sum())
    agree, chance = (a + d) / 200, ((a + b) * (a + c) + (c + d) * (b + d)) / 200**2
    found = cohen_kappa(judge, human)
    assert found.value == pytest.approx((agree - chance) / (1 - chance))


def test_the_width_of_kappa_is_that_of_the_bootstrap() -> None:
    """The influence of each pair beside 4,000 resamples."""
    judge, human = pairs()
    generator = np.random.default_rng(3)
    rows = generator.integers(0, 200, (4000, 200))
    drawn = [cohen_kappa(judge[row], human[row]).value for row in rows[:1500]]
    found = cohen_kappa(judge, human)
    assert found.low is not None
    assert found.high is not None
    error = (found.high - found.low) / 2 / 1.972
    assert error == pytest.approx(float(np.std([value for value in drawn if value is not None])), rel=0.08)


def test_repeated_pairs_of_a_group_are_one_piece_of_evidence() -> None:
    """Each pair four times, as a group: the interval is that of the pairs once, not half as wide."""
    judge, human = pairs(100)
    once = cohen_kappa(judge, human)
    four = cohen_kappa(np.repeat(judge, 4), np.repeat(human, 4), np.repeat(np.arange(100), 4))
    assert four.low is not None
    assert four.high is not None
    assert once.low is not None
    assert once.high is not None
    assert four.n == 100
    assert four.high - four.low == pytest.approx(once.high - once.low, rel=0.05)


def test_perfect_agreement_is_not_certain_and_none_at_all_has_no_kappa() -> None:
    """30 of 30 is no proof; and where both always say yes there is no agreement beyond chance to speak of."""
    human = np.arange(30) % 2 == 0
    found = cohen_kappa(human, human)
    assert found.value == 1.0
    assert found.low is not None
    assert found.low < 0.95
    assert cohen_kappa(np.ones(30, dtype=bool), np.ones(30, dtype=bool)).value is None


def test_the_slope_and_its_jackknife_are_those_of_a_loop() -> None:
    """Least squares on all rows, and on all but each group."""
    generator = np.random.default_rng(4)
    x = generator.normal(7, 1, 60)
    y = 0.1 * (x - 7) + generator.normal(0, 0.3, 60)
    groups = np.arange(60) // 3
    without = [np.polyfit(x[groups != g], y[groups != g], 1)[0] for g in range(20)]
    found = slope(y, x, groups)
    assert found is not None
    assert found.value == pytest.approx(np.polyfit(x, y, 1)[0])
    spread = 19 / 20 * np.sum((np.array(without) - np.mean(without)) ** 2) + 2 / 62**2 / x.var()
    assert found.high is not None
    assert found.value is not None
    assert found.high - found.value == pytest.approx(2.10092 * np.sqrt(spread), rel=1e-4)


def test_lengths_that_do_not_vary_say_nothing() -> None:
    """No slope without two lengths."""
    assert slope(np.ones(20), np.full(20, 5.0)) is None
