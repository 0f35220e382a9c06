"""The paired posterior: who is best with which probability, against slow definitions and known cases."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats.posterior import posterior


def rows(k: int, n: int, seed: int = 0) -> np.ndarray:
    """Values (k, n) that hang together."""
    generator = np.random.default_rng(seed)
    return generator.random(n) * 0.5 + generator.random((k, n)) * 0.5


def counted(values: np.ndarray) -> np.ndarray:
    return np.ones(values.shape, dtype=bool)


def test_the_covariance_is_that_of_the_differences_after_shrinking() -> None:
    """The slow definition: shrink the covariance of the rows, then take differences to the reference."""
    values, n = rows(4, 60), 60
    found = posterior(values, counted(values), reference=2, scale=3.0)
    assert found is not None
    c = np.cov(values)
    plain = np.mean((values - values.mean(axis=1, keepdims=True)) ** 2, axis=1)
    shrunk = (1 - 2 / n) * c + (2 / n) * np.diag(plain) + (0.25 / n) * 9.0 * np.eye(4)
    shrunk /= n
    to_two = np.eye(4) - np.eye(4)[2]
    assert found.covariance == pytest.approx(to_two @ shrunk @ to_two.T, rel=1e-6, abs=1e-9)
    assert found.mean == pytest.approx(values.mean(axis=1) - values[2].mean())


def test_groups_of_one_row_are_independent_rows() -> None:
    """A code of its own for each row changes nothing."""
    values = rows(3, 50)
    plain = posterior(values, counted(values))
    grouped = posterior(values, counted(values), np.arange(50))
    assert plain is not None
    assert grouped is not None
    assert grouped.covariance == pytest.approx(plain.covariance)


def test_copies_of_rows_in_groups_tell_nothing_new() -> None:
    """Ten copies of each row are one piece of evidence."""
    values = rows(3, 50)
    once = posterior(values, counted(values))
    copies = np.repeat(values, 10, axis=1)
    grouped = posterior(copies, counted(copies), np.repeat(np.arange(50), 10))
    assert once is not None
    assert grouped is not None
    assert grouped.n == 50
    assert grouped.covariance == pytest.approx(once.covariance, rel=1e-9)


def test_the_reference_does_not_matter() -> None:
    """P(best) is about differences, whoever they are taken to."""
    values = rows(4, 80)
    shares = []
    for reference in range(4):
        found = posterior(values, counted(values), reference=reference)
        assert found is not None
        shares.append(found.drawn(np.random.default_rng(0)).shares_best)
    assert np.abs(np.array(shares) - shares[0]).max() < 0.015


def test_identical_candidates_share_their_probability() -> None:
    """Neither is a winner by luck of the draws."""
    values = rows(3, 100)
    values[2] = values[1]
    found = posterior(values, counted(values))
    assert found is not None
    shares = found.drawn(np.random.default_rng(0)).shares_best
    assert shares[1] == shares[2]
    assert shares.sum() == pytest.approx(1.0)


def test_equal_means_on_different_rows_are_no_twins() -> None:
    """Two that solve as many, but not the same, are two candidates."""
    values = np.array([[1.0, 0.0] * 20, [0.0, 1.0] * 20])
    found = posterior(values, counted(values))
    assert found is not None
    assert found.twin.tolist() == [0, 1]


def test_near_twins_are_not_told_apart_by_nothing() -> None:
    """One row in 40 differs: without the shrinking the one ahead would be best for almost sure."""
    values = np.ones((2, 40))
    values[1, 0] = 0.0
    found = posterior(values, counted(values))
    assert found is not None
    assert found.drawn(np.random.default_rng(0)).p_best(0).value < 0.95


def test_a_candidate_that_was_dropped_early_is_compared_on_its_own_rows() -> None:
    """In a race the dropped ones have few rows; the others keep all of theirs."""
    values = rows(3, 400)
    values[2] -= 0.2
    asked = counted(values)
    asked[2, 40:] = False
    found = posterior(values, asked)
    assert found is not None
    assert found.mean[2] == pytest.approx((values[2] - values[0])[:40].mean())
    assert found.mean[1] == pytest.approx((values[1] - values[0]).mean())
    assert found.covariance[2, 2] > 5 * found.covariance[1, 1]


def test_too_few_rows_have_no_posterior() -> None:
    """One row or one group says nothing of how much rows vary."""
    assert posterior(np.ones((2, 1)), np.ones((2, 1), dtype=bool)) is None
    assert posterior(np.ones((2, 9)), np.ones((2, 9), dtype=bool), np.zeros(9, dtype=int)) is None


def test_more_information_is_worth_more_and_never_more_than_all_of_it() -> None:
    """EVSI rises with the number of examples, and ends at EVPI."""
    values = rows(4, 60)
    found = posterior(values, counted(values))
    assert found is not None
    sample = found.drawn(np.random.default_rng(0))
    worths = [sample.sample_information(n).value for n in (10, 100, 1000, 10_000_000)]
    assert worths == sorted(worths)
    assert worths[-1] == pytest.approx(sample.perfect_information().value, rel=1e-3)


def test_the_regret_of_the_best_looking_is_the_worth_of_knowing() -> None:
    """EVPI is the least expected regret of all choices."""
    values = rows(4, 60)
    found = posterior(values, counted(values))
    assert found is not None
    sample = found.drawn(np.random.default_rng(0))
    regrets = [sample.expected_regret(k).value for k in range(4)]
    assert min(regrets) == pytest.approx(sample.perfect_information().value)


def test_no_regret_in_any_draw_is_not_called_none() -> None:
    """The upper end says what so many draws cannot exclude."""
    values = np.stack([np.ones(500), np.zeros(500)])
    found = posterior(values, counted(values))
    assert found is not None
    sure = found.drawn(np.random.default_rng(0))
    assert sure.expected_regret(0).value == 0.0
    assert sure.expected_regret(0).high > 0.0
    assert sure.p_best(0).low < 1.0
