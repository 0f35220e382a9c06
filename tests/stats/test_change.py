"""Conformal ranks and what is won by betting on them: the slow definition beside the fast one."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats.change import CELLS, Changes, category_bets, number_bets
from merits.stats.falls import Falls
from merits.stats.shifts import Recent, shift_between
from merits.stats.wealth import Wealth, opened_at


def test_ranks_are_those_among_the_reference_and_all_that_came_before() -> None:
    """One by one, by counting values; a portion of events at once gives the same."""
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 5, (3, 7))
    bins = generator.integers(-1, 7, (40, 3))
    changes = Changes(counts, [number_bets()] * 3, seed=4)
    found = changes.ranks(bins)
    draws = np.random.default_rng([4, 0]).random(bins.shape)
    for stream in range(3):
        pool = list(np.repeat(np.arange(7), counts[stream]))
        for event in range(40):
            value = bins[event, stream]
            if value < 0:
                continue
            below, same = sum(one < value for one in pool), sum(one == value for one in pool)
            assert found[event, stream] == pytest.approx((below + draws[event, stream] * (same + 1)) / (len(pool) + 1))
            pool.append(value)


def test_what_is_won_is_the_sum_over_all_beginnings() -> None:
    """The wealth is the mixture over when a bet was opened and which, by its definition."""
    generator = np.random.default_rng(1)
    factors = generator.uniform(0.4, 1.9, (150, 2, 3))
    seen = generator.random((150, 2)) < 0.8
    weights = np.array([[0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3]])
    wealth = Wealth(weights)
    wealth.take(factors[:70], seen[:70])
    wealth.take(factors[70:], seen[70:])
    for stream in range(2):
        mine = factors[seen[:, stream], stream]
        opened = opened_at(np.arange(len(mine)))
        won = sum(opened[j] * mine[j:].prod(axis=0) for j in range(len(mine))) @ weights[stream] + 1 - opened.sum()
        assert wealth.now[stream] == pytest.approx(won)
        assert wealth.n_seen[stream] == len(mine)


def test_bets_are_fair_and_never_lose_all() -> None:
    """The mean of each over uniform ranks is 1, so that nothing can be won while nothing changes."""
    for bets in (number_bets(), category_bets([0.5, 0.3, 0.2]), category_bets([0.995, 0.005]), category_bets([1.0])):
        assert bets.shape[1] == CELLS
        assert bets.mean(axis=1) == pytest.approx(1.0)
        assert bets.min() > 0.05


def test_begun_anew_a_stream_is_held_against_the_reference_alone() -> None:
    """What came before is forgotten, of that stream only."""
    changes = Changes(np.full((2, 4), 50), [number_bets()] * 2)
    changes.see(np.full((300, 2), 3))
    assert changes.peak.min() > 1e6
    changes.restart(np.array([True, False]))
    assert changes.peak[0] == 1.0
    assert changes.counts.tolist() == [[50] * 4, [50, 50, 50, 350]]
    assert changes.peak[1] > 1e6


def test_a_stream_without_values_neither_wins_nor_loses() -> None:
    """-1 is no value."""
    changes = Changes(np.full((1, 4), 50), [number_bets()])
    changes.see(np.full((300, 1), -1))
    assert changes.now.tolist() == [1.0]
    assert changes.counts.sum() == 200


def test_bars_of_0_and_1_are_no_division_by_zero() -> None:
    """Nothing lies below 0; one wrong answer refutes a mean of 1, nearly."""
    falls = Falls(np.array([0.0, 1.0, 1.0]))
    falls.see(np.array([[0.0, 1.0, 0.0]] * 3))
    assert falls.wealth.peak[:2].tolist() == [1.0, 1.0]
    assert falls.wealth.peak[2] > 20


def test_recent_shares_weigh_the_last_events_most() -> None:
    """The same in one portion and in many, and -1 is no event of that stream."""
    generator = np.random.default_rng(2)
    bins = generator.integers(-1, 5, (900, 3))
    once, bit = Recent(3, 5), Recent(3, 5)
    once.see(bins)
    for first in range(0, 900, 17):
        bit.see(bins[first : first + 17])
    assert once.counts == pytest.approx(bit.counts)
    assert once.squares == pytest.approx(bit.squares)
    slow = np.zeros(5)
    for value in bins[:, 1][bins[:, 1] >= 0]:
        slow = slow * (1 - 1 / 400)
        slow[value] += 1
    assert once.counts[1, 1] == pytest.approx(slow)


def test_the_effect_is_that_of_the_latest_events() -> None:
    """After a change that is 60 events old, the shortest memory shows it best."""
    recent = Recent(1, 2)
    recent.see(np.r_[np.tile([0, 1], 1000), np.ones(60, int)][:, None])
    found = recent.shift(0, np.array([500, 500]), ordered=True)
    assert found is not None
    assert found.shift.value is not None
    assert found.shift.value > 0.3
    assert (found.shift.low or 0.0) > 0.0
    assert Recent(1, 2).shift(0, np.array([5, 5]), ordered=True) is None


def test_categories_are_compared_one_by_one() -> None:
    """The one whose share moved most is named."""
    found = shift_between(np.array([10.0, 10.0, 80.0]), np.array([40, 20, 40]), ordered=False)
    assert found.cut == 2
    assert found.shift.value == pytest.approx(0.4)
