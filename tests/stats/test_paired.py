"""Paired differences: slow definitions beside the fast formulas."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from merits.stats import bonett_price, compare_all, holm, mcnemar_exact, mcnemar_mid_p, paired_scores, sign_flip_p


def test_bonett_price_adds_one_row_to_each_side() -> None:
    """The slow definition: Wald's interval on the data with (1, 0) and (0, 1) added, as in the paper."""
    differences = np.r_[np.ones(12), -np.ones(5), np.zeros(83), 1.0, -1.0]
    error = differences.std() / math.sqrt(102)
    estimate = bonett_price(12, 5, 100)
    assert estimate.value == pytest.approx(0.07)
    ends = differences.mean() - 1.959964 * error, differences.mean() + 1.959964 * error
    assert (estimate.low, estimate.high) == pytest.approx(ends)


def test_all_pairs_at_once_are_the_pairs_one_by_one() -> None:
    """Missing rows included: each pair is compared on the rows that both have."""
    generator = np.random.default_rng(3)
    values = (generator.random((4, 80)) < 0.6).astype(float)
    counted = generator.random((4, 80)) < 0.8
    pairs = compare_all(values, counted)
    for i, j in itertools.combinations(range(4), 2):
        both = counted[i] & counted[j]
        padded = np.r_[values[i][both] - values[j][both], 1.0, -1.0]
        assert pairs.n[i, j] == both.sum()
        assert pairs.difference[i, j] == pytest.approx((values[i] - values[j])[both].mean())
        assert pairs.centre[i, j] == pytest.approx(padded.mean())
        assert pairs.error[i, j] == pytest.approx(padded.std() / math.sqrt(len(padded)))


def test_groups_of_one_row_give_nearly_what_independent_rows_give() -> None:
    """The grouped formula is the ungrouped one but for the factor for few groups and one degree of freedom."""
    generator = np.random.default_rng(4)
    values = (generator.random((3, 200)) < 0.6).astype(float)
    counted = np.ones((3, 200), dtype=bool)
    alone, grouped = compare_all(values, counted), compare_all(values, counted, np.arange(200))
    above = np.triu_indices(3, 1)
    assert grouped.error[above] == pytest.approx(alone.error[above], rel=0.02)
    assert grouped.centre[above] == pytest.approx(alone.centre[above], abs=1e-3)


def test_repeats_add_no_certainty_to_a_difference() -> None:
    """Ten identical repeats of each example leave the standard error where it was."""
    generator = np.random.default_rng(5)
    values = (generator.random((2, 100)) < 0.6).astype(float)
    alone = compare_all(values, np.ones((2, 100), dtype=bool))
    again = compare_all(np.repeat(values, 10, axis=1), np.ones((2, 1000), dtype=bool), np.repeat(np.arange(100), 10))
    assert again.error[0, 1] == pytest.approx(alone.error[0, 1], rel=0.03)


def test_candidates_that_agree_everywhere_are_not_certainly_equal() -> None:
    """A zero-width interval from near twins covers 0.2 to 7 % of the time; ours has a width."""
    same = np.ones((2, 30))
    for groups in (None, np.arange(30) // 3):
        pairs = compare_all(same, np.ones((2, 30), dtype=bool), groups)
        assert pairs.p_values[0, 1] == 1.0
        assert pairs.reach(0.95)[0, 1] > 0.05
    assert (paired_scores(np.zeros(100)).high or 0) > 0.01


def test_p_values_and_intervals_say_the_same() -> None:
    """p <= alpha exactly where the interval at 1 - alpha leaves out 0: a reader never sees them disagree."""
    generator = np.random.default_rng(6)
    values = (generator.random((12, 60)) < np.linspace(0.3, 0.9, 12)[:, None]).astype(float)
    pairs = compare_all(values, np.ones((12, 60), dtype=bool))
    for level in (0.8, 0.95, 0.999):
        excludes = np.abs(pairs.centre) > pairs.reach(level)
        assert (excludes == (pairs.p_values < 1 - level)).all()


def test_no_common_row_is_no_evidence() -> None:
    """Candidates that were asked different questions cannot be compared."""
    counted = np.array([[True, False], [False, True]])
    pairs = compare_all(np.ones((2, 2)), counted)
    assert pairs.p_values[0, 1] == 1.0
    assert np.isinf(pairs.reach(0.95)[0, 1])


@pytest.mark.parametrize(("n10", "n01"), [(0, 0), (5, 0), (12, 3), (3, 12), (8, 8), (40, 22)])
def test_mcnemar_is_the_binomial_test(n10: int, n01: int) -> None:
    """The slow definition: sum the binomial probabilities."""
    n, m = n10 + n01, min(n10, n01)
    pmf = [math.comb(n, k) / 2**n for k in range(n + 1)]
    assert mcnemar_exact(n10, n01) == pytest.approx(min(1.0, 2 * sum(pmf[: m + 1])))
    assert mcnemar_mid_p(n10, n01) == pytest.approx(1.0 if n10 == n01 else 2 * sum(pmf[: m + 1]) - pmf[m])


def test_sign_flips_agree_with_trying_all_of_them() -> None:
    """The slow definition: all 2^10 flips."""
    differences = np.array([0.3, -0.1, 0.4, 0.2, 0.25, -0.05, 0.3, 0.1, 0.2, -0.15])
    flips = np.array(list(itertools.product([1, -1], repeat=10)))
    exact = np.mean(np.abs(flips @ differences) >= abs(differences.sum()) - 1e-12)
    assert sign_flip_p(differences, np.random.default_rng(0)) == pytest.approx(exact, abs=0.006)


def test_sign_flips_move_whole_groups() -> None:
    """Ten copies of the same five differences are five pieces of evidence."""
    differences = np.repeat([0.2, 0.3, 0.1, 0.4, 0.2], 10)
    generator = np.random.default_rng(0)
    assert sign_flip_p(differences, generator, groups=np.repeat(np.arange(5), 10)) > 0.04
    assert sign_flip_p(differences, generator) < 0.001


def test_holm_is_step_down_bonferroni() -> None:
    """The slow definition: reject the smallest at alpha/m, the next at alpha/(m-1), until one fails."""
    generator = np.random.default_rng(7)
    for _ in range(50):
        p = generator.random(6) ** 3
        rejected, m = set(), 6
        for k in np.argsort(p):
            if p[k] > 0.05 / (m - len(rejected)):
                break
            rejected.add(int(k))
        assert set(np.flatnonzero(holm(p) <= 0.05).tolist()) == rejected
