"""Control variates: help where it helps, nothing where it does not, and the slow definition beside the fast one."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import assisted_mean, rate


def drawn(seed: int, n: int = 1000, *, like: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """A candidate and three helpers that say the same on a share of the rows."""
    generator = np.random.default_rng(seed)
    truth = generator.random(n) < 0.8
    same = generator.random((3, n)) < like
    return truth * 1.0, np.where(same, truth, generator.random((3, n)) < 0.8) * 1.0


def first(n: int, n_all: int = 1000) -> np.ndarray:
    return np.arange(n_all) < n


def test_the_gain_is_the_one_there_is() -> None:
    """The variance that is claimed is that of the estimate over many draws."""
    claimed, errors, plain = [], [], []
    for seed in range(300):
        values, helpers = drawn(seed)
        found = assisted_mean(values, first(150), helpers)
        assert found.estimate.value is not None
        assert found.variance_ratio is not None
        claimed.append(found.variance_ratio)
        errors.append(found.estimate.value - 0.8)
        plain.append(values[:150].mean() - 0.8)
    assert np.var(errors) / np.var(plain) == pytest.approx(np.mean(claimed), rel=0.25)


def test_helpers_that_know_nothing_are_not_used() -> None:
    """Then the plain interval stands, and the ratio says why."""
    values, helpers = drawn(0, like=0.0)
    found = assisted_mean(values, first(200), helpers)
    assert not found.used
    assert found.estimate == rate(values[:200])
    assert (found.variance_ratio or 0) > 0.9


@pytest.mark.parametrize("answered", [first(20), first(1000)])
def test_few_or_all_answers_need_no_help(answered: np.ndarray) -> None:
    """Twenty rows are too few to learn from; with all of them nothing is left to say."""
    values, helpers = drawn(1)
    found = assisted_mean(values, answered, helpers)
    assert (found.used, found.variance_ratio) == (False, None)


def test_repeats_of_an_example_are_not_independent_help() -> None:
    """Ten copies of each row: the gain stays what it is, and so does the number of pieces of evidence."""
    values, helpers = drawn(2)
    alone = assisted_mean(values, first(200), helpers)
    copies = assisted_mean(
        np.repeat(values, 10), np.repeat(first(200), 10), np.repeat(helpers, 10, axis=1), np.repeat(np.arange(1000), 10)
    )
    assert copies.estimate.n == alone.estimate.n == 200
    assert copies.variance_ratio == pytest.approx(alone.variance_ratio, rel=0.1)
    assert copies.estimate.low == pytest.approx(alone.estimate.low, abs=0.01)
