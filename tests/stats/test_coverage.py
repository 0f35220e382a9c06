"""How many different things many lists hold together, with intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import different_things, effective_number


def lists(n: int, shares: np.ndarray, random: np.random.Generator, k: int = 5) -> np.ndarray:
    """n lists of k different things, those of larger shares more often."""
    keys = np.log(shares) + random.gumbel(size=(n, len(shares)))
    return np.argsort(-keys, axis=1)[:, :k]


def test_the_jackknife_is_that_of_leaving_lists_out() -> None:
    """The slow definition: recount without each list; two made-up lists are added to what that changes."""
    some = lists(40, 1.0 / np.arange(1, 60), np.random.default_rng(0))
    some[3, 2:] = -1

    def effective(kept: np.ndarray) -> float:
        counts = np.unique(kept[kept >= 0], return_counts=True)[1]
        return float(counts.sum() ** 2 / (counts**2).sum())

    value = effective(some)
    without = [effective(np.delete(some, row, axis=0)) - value for row in range(40)]
    further = effective(np.concatenate([some, 1_000 + np.arange(5)[None]])) - value
    changes = np.array([*without, further, 0.0])
    error = np.sqrt(((changes - changes.mean()) ** 2).sum() * 41 / 42)
    found = effective_number(some)
    assert found.value == pytest.approx(value)
    assert (found.high - found.value) / error == pytest.approx(2.0227, abs=1e-3)  # t of 39 degrees of freedom
    assert different_things(some).value == len(np.unique(some[some >= 0]))


@pytest.mark.parametrize("measure", [different_things, effective_number])
@pytest.mark.parametrize("n", [20, 100])
def test_intervals_cover_what_is_to_be_expected_of_as_many_lists(measure, n: int) -> None:
    """At least 95 % of the time; they err to the careful side."""
    random = np.random.default_rng(1)
    found = [measure(lists(n, 1.0 / np.arange(1, 200), random)) for _ in range(300)]
    truth = np.mean([each.value for each in found])
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.93


def test_lists_that_are_all_the_same_leave_something_open() -> None:
    """The next user may be shown something else; and one list holds as many as it holds."""
    for measure in (different_things, effective_number):
        found = measure(np.tile(np.arange(10), (50, 1)))
        assert (found.value, found.low) == (10.0, 10.0)
        assert found.high > 10.5


def test_one_list_has_no_interval() -> None:
    found = different_things(np.array([[0, 1, -1]]))
    assert (found.value, found.low, found.high) == (2.0, None, None)
    assert effective_number(np.full((3, 2), -1)).value == 0.0
