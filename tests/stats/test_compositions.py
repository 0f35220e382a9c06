"""Shares of many categories at once: the fast formula beside the slow definition, false alarms, and a shift."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from merits.stats.compositions import Compositions, log_likelihood_ratio
from tests.simulation.test_error_rates import at_most

ALPHA = 0.05


def test_the_ratio_is_that_of_all_draws_one_by_one() -> None:
    """The mean of the odds' product over every way to draw 8 of 16."""
    pool, drawn, log_odds = np.array([8, 5, 3]), np.array([6, 1, 1]), np.array([0.7, -0.4, 0.1])
    each = np.repeat(np.arange(3), pool)
    mean = np.mean([np.exp(log_odds[list(chosen)].sum()) for chosen in combinations(each.tolist(), 8)])
    assert log_likelihood_ratio(drawn, pool, log_odds) == pytest.approx(drawn @ log_odds - np.log(mean), abs=0.01)


def test_it_is_worth_at_most_one_on_average() -> None:
    """What makes it a bet that nobody can expect to win."""
    rng, share = np.random.default_rng(0), np.array([0.4, 0.3, 0.2, 0.1])
    odds = np.array([0.3, -0.2, 0.0, 0.4])
    values = []
    for _ in range(4_000):
        drawn = rng.multinomial(32, share)
        values.append(np.exp(log_likelihood_ratio(drawn, drawn + rng.multinomial(60, share), odds)))
    assert np.mean(values) == pytest.approx(1.0, abs=4 * np.std(values) / 4_000**0.5)


@pytest.mark.parametrize("n_reference", [30, 300])
def test_an_unchanged_stream_is_hardly_ever_accused(n_reference: int) -> None:
    """40 categories, whatever those shares are that it learns against."""
    rng, runs = np.random.default_rng(1), 60
    truth = rng.dirichlet(np.ones(40))
    elsewhere = rng.dirichlet(np.ones(40)) + 0.01
    of = Compositions([rng.multinomial(n_reference, truth) for _ in range(runs)], [elsewhere] * runs)
    of.see(rng.choice(40, (1_024, runs), p=truth))
    assert (of.won >= 1.0 / ALPHA).mean() <= at_most(ALPHA, runs)


def test_many_small_shifts_are_found_together_and_told_as_one() -> None:
    """Of 40 categories 20 become three times as frequent: none moves by 4 points, together they move by 25 points."""
    rng = np.random.default_rng(2)
    before = np.full(40, 1 / 40)
    after = np.where(np.arange(40) < 20, 3.0, 1.0) / 80
    of = Compositions([rng.multinomial(400, before)], [before])
    of.see(rng.choice(40, (512, 1), p=before))
    assert of.won[0] < 20.0
    of.see(rng.choice(40, (512, 1), p=after))
    assert of.won[0] > 60.0
    found = of.shift(0)
    assert found is not None
    which, shift = found
    assert shift.shift.low is not None
    assert shift.shift.low > 0.02
    assert (which < 20).mean() > 0.8


def test_it_goes_on_from_its_arrays_and_begins_anew() -> None:
    """In portions of any size, to the same numbers."""
    rng = np.random.default_rng(3)
    counts, shares = [rng.integers(1, 20, 10) for _ in range(2)], [np.full(10, 0.1)] * 2
    bins = rng.integers(-1, 10, (3_000, 2))
    once, again = Compositions(counts, shares), Compositions(counts, shares)
    once.see(bins)
    for first in range(0, 3_000, 700):
        taken = Compositions(counts, shares)
        taken.restore(again.arrays())
        taken.see(bins[first : first + 700])
        again = taken
    assert again.won.tolist() == once.won.tolist()
    once.restart(1)
    assert once.won[0] == again.won[0]
    assert once.won[1] == 0.0
