"""Bounds of a paired difference to gate on: exactly enumerated, and simulated where rows are grouped."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import gammaln, ndtri

from merits.stats.critical import Bools, Floats
from merits.stats.noninferiority import difference_bounds, score_bound, score_bounds
from merits.stats.paired import bonett_price


def passing(n: int, margin: float, level: float) -> tuple[Floats, Floats, Bools]:
    """All outcomes of n rows (only the first, only the second), and which of them pass the gate."""
    wins, losses = (part.ravel() for part in np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), indexing="ij"))
    there = wins + losses <= n
    wins, losses = wins[there], losses[there]
    # The gate passes exactly where the score test excludes -margin: so the slow search of the bound is not needed.
    c, rows, d = losses + 0.5, n + 0.5, -margin
    b = (2 * rows - wins + c) * d - wins - c
    likely = (np.sqrt(np.maximum(b * b + 8 * rows * c * d * (1 - d), 0)) - b) / (2 * rows)
    z = (wins - c - rows * d) / np.sqrt(np.maximum(rows * (likely + d * (1 - d)), 1e-300))
    return wins, losses, z >= ndtri(level)


def probability(wins: Floats, losses: Floats, n: int, p10: float, p01: float) -> Floats:
    """Of each outcome, by the trinomial distribution."""
    ways = gammaln(n + 1) - gammaln(wins + 1) - gammaln(losses + 1) - gammaln(n - wins - losses + 1)
    rest = (n - wins - losses) * math.log(1 - p10 - p01) + losses * math.log(p01)
    first = wins * math.log(p10) if p10 > 0 else np.where(wins > 0, -np.inf, 0.0)
    return np.asarray(np.exp(ways + rest + first))


@pytest.mark.parametrize("level", [0.95, 1 - 0.05 / 12])
@pytest.mark.parametrize("n", [10, 20, 50, 100, 200])
def test_one_that_is_worse_by_the_margin_passes_at_most_as_often_as_promised(n: int, level: float) -> None:
    """Exactly, for every share of rows that one of the two alone solves."""
    for margin in (0.01, 0.02, 0.03, 0.05, 0.10, 0.20):
        wins, losses, passes = passing(n, margin, level)
        for discordant in (margin, margin + 0.002, margin + 0.01, margin + 0.04, 0.3, 0.6):
            p10, p01 = (discordant - margin) / 2, (discordant + margin) / 2
            found = float(probability(wins, losses, n, p10, p01)[passes].sum())
            assert found <= 1 - level + 1e-9, (margin, discordant, found)


def test_the_interval_to_show_would_pass_too_many() -> None:
    """Why a gate has a bound of its own: Bonett and Price's passes one that only ever loses, in 9 % of 200 rows."""
    n, margin = 200, 0.02
    ways = np.array([math.comb(n, k) * margin**k * (1 - margin) ** (n - k) for k in range(n + 1)])
    shown = [bonett_price(0, k, n, 0.90).low or 0.0 for k in range(n + 1)]
    assert float(ways[np.array(shown) >= -margin].sum()) > 0.08
    gated = np.array([score_bound(0, k, n, 0.95) for k in range(n + 1)])
    assert float(ways[gated >= -margin].sum()) <= 0.05


def test_the_bound_is_where_the_test_turns() -> None:
    """The fast test of the enumeration and the bound agree on every outcome."""
    for margin in (0.01, 0.05, 0.2):
        wins, losses, passes = passing(25, margin, 0.95)
        bounds = np.array([score_bound(b, c, 25, 0.95) for b, c in zip(wins, losses, strict=True)])
        assert np.array_equal(bounds >= -margin - 1e-12, passes)


def test_the_two_ends_mirror_each_other() -> None:
    """Who is not inferior to whom is a matter of names only."""
    one, other = score_bounds(7, 12, 90), score_bounds(12, 7, 90)
    assert (one.low, one.high) == pytest.approx((-(other.high or 0), -(other.low or 0)))


def test_agreement_on_every_row_is_not_certainty() -> None:
    """Two candidates that answered ten rows alike may still differ by a fifth of them."""
    found = difference_bounds(np.ones(10), np.ones(10))
    assert found.low is not None
    assert found.low < -0.2


@pytest.mark.parametrize(("difference", "n"), [(0.0, 800), (0.02, 300)])
def test_one_that_is_as_good_passes_with_enough_examples(difference: float, n: int) -> None:
    """Power where the truth is clear: 10 % discordant, a margin of 4 points."""
    wins, losses, passes = passing(n, 0.04, 0.95)
    p10, p01 = (0.1 + difference) / 2, (0.1 - difference) / 2
    assert float(probability(wins, losses, n, p10, p01)[passes].sum()) > 0.9


def test_no_rows_and_one_group_have_no_bounds() -> None:
    """Nothing is known of the difference then."""
    nothing = difference_bounds(np.zeros(0), np.zeros(0))
    assert (nothing.value, nothing.low, nothing.high) == (None, None, None)
    alone = difference_bounds(np.ones(9), np.zeros(9), np.zeros(9, dtype=np.int64))
    assert (alone.value, alone.low, alone.high) == (1.0, None, None)


def test_bounds_that_hold_at_every_look_are_wider() -> None:
    """A race stops on what it saw."""
    first, second = (np.arange(200) < 150).astype(float), (np.arange(200) < 155).astype(float)
    once, always = difference_bounds(first, second), difference_bounds(first, second, anytime=True)
    assert once.low is not None
    assert always.low is not None
    assert always.low < once.low
    assert "time-uniform" in always.method


def test_scores_between_0_and_1_are_compared_too() -> None:
    """Independent and grouped; the bounds hold the true difference."""
    generator = np.random.default_rng(0)
    base = generator.uniform(0.2, 0.9, 300)
    first, second = base + generator.normal(-0.02, 0.05, 300), base
    for groups in (None, np.repeat(np.arange(60), 5)):
        found = difference_bounds(first, second, groups)
        assert found.low is not None
        assert found.high is not None
        assert found.low < -0.02 < found.high < 0.0


def grouped_passes(
    generator: np.random.Generator, *, groups: int, size: int, own: float, runs: int, margin: float = 0.05
) -> float:
    """How often one that is worse by exactly the margin passes; `own` is how much groups favour one of the two."""
    codes, passed = np.repeat(np.arange(groups), size), 0
    for _ in range(runs):
        shared = generator.beta(4, 2, groups)[codes] * 0.8 + 0.1
        shift = np.clip(generator.normal(0, own, groups), -2 * own, 2 * own)[codes]
        first = np.clip(shared - margin + shift, 0, 1)
        draws = generator.random(groups * size)
        flip = generator.random(groups * size) < 0.3  # of these the two are drawn apart
        solved = draws < first
        other = np.where(flip, generator.random(groups * size), draws) < shared
        found = difference_bounds(solved.astype(float), other.astype(float), codes)
        passed += (found.low if found.low is not None else -1.0) >= -margin
    return passed / runs


@pytest.mark.parametrize(("groups", "size", "own"), [(20, 10, 0.05), (60, 5, 0.1)])
def test_groups_pass_no_more_often(groups: int, size: int, own: float) -> None:
    """Ten cases of one customer are not ten customers."""
    found = grouped_passes(np.random.default_rng(3), groups=groups, size=size, own=own, runs=200)
    assert found <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.slow
def test_groups_pass_no_more_often_anywhere() -> None:
    """The table: 8 to 100 groups, weak to strong favour."""
    generator, runs = np.random.default_rng(4), 2000
    for groups in (8, 20, 50, 100):
        for size in (2, 10):
            for own in (0.0, 0.05, 0.1):
                found = grouped_passes(generator, groups=groups, size=size, own=own, runs=runs)
                print(f"{groups:3} groups of {size:2}, own {own}: {found:.4f}")
                assert found <= 0.05 + 3.5 * math.sqrt(0.05 * 0.95 / runs)
