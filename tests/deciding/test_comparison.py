"""Ties, claims and the intervals shown beside them."""

from __future__ import annotations

import numpy as np

from merits.core.needs import Needs
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.comparison import compare
from tests.deciding.evaluations import evaluation_of


def test_claims_and_intervals_never_contradict_each_other() -> None:
    """Worse exactly where the interval shown leaves out "no difference" (or ends there, by Holm)."""
    generator = np.random.default_rng(0)
    for seed in range(20):
        rates = np.linspace(0.5, 0.5 + 0.02 * seed, 6)
        solved = {f"m{k}": generator.random(150) < rate for k, rate in enumerate(rates)}
        cases = Cases(evaluation_of(solved), POLICIES[0])
        comparison = compare(cases, Needs(), range(6))
        for i in range(6):
            for j in set(range(6)) - {i}:
                low = comparison.difference(i, j).low
                assert low is not None
                assert (low >= 0.0) == comparison.better(i, j)
                assert comparison.better(i, j) <= (comparison.p_value(i, j) <= 0.05)


def test_a_difference_reads_the_same_from_both_sides() -> None:
    """A minus B is minus (B minus A)."""
    generator = np.random.default_rng(1)
    cases = Cases(evaluation_of({f"m{k}": generator.random(80) < 0.6 for k in range(3)}), POLICIES[0])
    comparison = compare(cases, Needs(), range(3))
    there, back = comparison.difference(0, 2), comparison.difference(2, 0)
    assert there.value is not None
    assert (there.low, there.high) == (-(back.high or 0.0), -(back.low or 0.0))
    assert back.value == -there.value


def test_the_examples_said_to_tell_two_apart_do() -> None:
    """The interval at that size just leaves out 0, if the difference stays as it is."""
    solved = {"a": np.arange(100) < 70, "b": np.arange(100) < 62}
    comparison = compare(Cases(evaluation_of(solved), POLICIES[0]), Needs(), range(2))
    total = comparison.examples_to_tell(0, 1)
    assert total is not None
    again = {name: np.resize(column, total + 20) for name, column in solved.items()}
    assert compare(Cases(evaluation_of(again), POLICIES[0]), Needs(), range(2)).better(0, 1)
