"""Groups of candidates that cannot be told apart: every pair told rightly, no group too many."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from merits.deciding.groups import tied_groups


@pytest.mark.parametrize("seed", range(20))
def test_two_share_a_group_exactly_when_they_do_not_differ(seed: int) -> None:
    """For any pattern of differences; and no group lies within another."""
    differ = np.random.default_rng(seed).random((7, 7)) < 0.4
    differ |= differ.T
    groups = tied_groups(range(7), lambda i, j: bool(differ[i, j]))
    assert groups is not None
    for i, j in combinations(range(7), 2):
        assert any(i in group and j in group for group in groups) == (not differ[i, j])
    assert not any(set(one) < set(other) for one in groups for other in groups)


def test_equals_are_one_group() -> None:
    """Nobody differs."""
    assert tied_groups([4, 2, 9], lambda i, j: False) == ((4, 2, 9),)


def test_candidates_that_all_differ_are_alone() -> None:
    """Everybody differs."""
    assert tied_groups([0, 1, 2], lambda i, j: True) == ((0,), (1,), (2,))


def test_none_is_no_group() -> None:
    """There is nobody."""
    assert tied_groups([], lambda i, j: True) == ()


def test_too_many_groups_are_not_shown() -> None:
    """Twelve pairs of rivals can be sided with in 4,096 ways."""
    assert tied_groups(range(24), lambda i, j: i // 2 == j // 2) is None
