"""The corrected mean beside its definition, and what it says where little is known."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats.paired import compare_all
from merits.stats.powered import FEWEST_LABELS, expected_reach, labels_for, powered, powered_mean


def drawn(n: int = 400, n_labels: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A judge, people, and who was labelled."""
    generator = np.random.default_rng(5)
    human = (generator.random(n) < 0.7).astype(np.float64)
    judge = np.where(generator.random(n) < 0.85, human, 1.0)
    labelled = np.zeros(n, dtype=np.bool_)
    labelled[generator.choice(n, n_labels, replace=False)] = True
    return judge, human, labelled


def test_the_mean_of_the_values_is_the_estimate_by_its_formula() -> None:
    """θ = λ·mean_N(f) + mean_n(y - λf), row by row."""
    judge, human, labelled = drawn()
    found = powered(judge, human, labelled, np.ones(400, dtype=np.bool_))
    y, f = human[labelled], judge[labelled]
    weight = np.sum((y - y.mean()) * (f - f.mean())) / (np.sum((f - f.mean()) ** 2) + 1.0)
    assert found.weight == pytest.approx(weight)
    assert found.values.mean() == pytest.approx(weight * judge.mean() + np.mean(y - weight * f))


def test_the_spread_of_the_values_is_the_variance_of_the_estimate() -> None:
    """Var = residual/n + λ²·(var f)/N + what the labelled rows share of both: the sum of squared influences."""
    judge, human, labelled = drawn()
    found = powered(judge, human, labelled, np.ones(400, dtype=np.bool_))
    residual = human - found.weight * judge
    influence = found.weight * (judge - judge.mean()) / 400
    influence = influence + np.where(labelled, residual - residual[labelled].mean(), 0.0) / 80
    spread = np.sum((found.values - found.values.mean()) ** 2) / 400**2
    assert spread == pytest.approx(np.sum(influence**2))


def test_a_judge_that_is_no_help_is_not_relied_on() -> None:
    """Where the judge answers at random, the labels alone decide, and nothing is lost but the made-up row."""
    generator = np.random.default_rng(1)
    _, human, labelled = drawn()
    found = powered((generator.random(400) < 0.5).astype(np.float64), human, labelled, np.ones(400, dtype=np.bool_))
    assert found.weight < 0.15
    estimate = powered_mean(found)
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.high - estimate.low < 1.15 * 2 * 1.99 * np.sqrt(human[labelled].var() / 80)


def test_too_few_labels_leave_everything_open() -> None:
    """Nine labels say next to nothing of a judge: no end is claimed."""
    judge, human, labelled = drawn(n_labels=FEWEST_LABELS - 1)
    estimate = powered_mean(powered(judge, human, labelled, np.ones(400, dtype=np.bool_)))
    assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_people_who_always_agree_do_not_make_a_judge_infallible() -> None:
    """30 labels that all agree: the judge may still be wrong in a tenth."""
    judge, _, labelled = drawn(n=2000, n_labels=30)
    estimate = powered_mean(powered(judge, judge, labelled, np.ones(2000, dtype=np.bool_)))
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.high - estimate.low > 0.1


def test_differences_of_values_are_paired_differences_of_the_estimates() -> None:
    """Two candidates with labels on different rows: the difference is that of the corrected means."""
    judge, human, labelled = drawn()
    everywhere = np.ones(400, dtype=np.bool_)
    one = powered(judge, human, labelled, everywhere)
    two = powered(1.0 - judge, 1.0 - human, ~labelled & (np.arange(400) % 4 == 0), everywhere)
    pairs = compare_all(np.stack([one.values, two.values]), np.ones((2, 400), dtype=np.bool_), scale=one.stretch)
    assert pairs.difference[0, 1] == pytest.approx(one.values.mean() - two.values.mean())


@pytest.mark.parametrize(("n", "n_rows", "wrong"), [(30, 300, 0.1), (100, 1000, 0.1), (100, 1000, 0.5), (30, 300, 0.5)])
def test_the_reach_that_is_expected_is_the_one_that_comes(n: int, n_rows: int, wrong: float) -> None:
    """For judges that are wrong in 10 % and in half of the answers, whose correlation with people is 1 - 2 · wrong."""
    generator = np.random.default_rng(n)
    reaches = []
    for _ in range(200):
        right = generator.random(n_rows) < 0.5
        said = np.where(generator.random(n_rows) < wrong, ~right, right).astype(np.float64)
        seen = np.zeros(n_rows, np.bool_)
        seen[generator.choice(n_rows, n, replace=False)] = True
        found = powered_mean(powered(said, right.astype(np.float64), seen, np.ones(n_rows, np.bool_)))
        assert found.low is not None
        assert found.high is not None
        reaches.append((found.high - found.low) / 2.0)
    assert expected_reach(n, n_rows, 1.0 - 2.0 * wrong) == pytest.approx(np.mean(reaches), rel=0.04)


def test_as_many_labels_as_are_said_to_be_needed_are_enough_and_one_less_is_not() -> None:
    """Against every number of labels in turn."""
    for correlation in (0.0, 0.5, 0.8):
        needed = labels_for(0.08, 900, correlation)
        assert needed == next(n for n in range(10, 901) if expected_reach(n, 900, correlation) <= 0.08)
    assert labels_for(0.01, 900, 0.8) is None
    assert labels_for(0.05, 5, 0.8) is None
