"""Known truth: how often a decision claims what is not so."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merits.core.needs import Needs, Requirement
from merits.deciding.assessment import assess
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.comparison import compare
from merits.deciding.verdict import Ruling, rule
from merits.stats.critical import Bools, Ints
from tests.deciding.evaluations import evaluation_of


def at_most(promised: float, runs: int) -> float:
    """The share of errors that is not plausible to exceed if the promise is kept: 3.5 standard errors above."""
    return promised + 3.5 * math.sqrt(promised * (1 - promised) / runs)


def equals(generator: np.random.Generator, k: int, n: int, *, p: float, shared: float) -> Bools:
    """K equally good candidates that agree on a share of the examples: (k, n)."""
    common = generator.random(n) < p
    own = generator.random((k, n)) < p
    return np.where(generator.random(n) < shared, common, own)


def cases_of(solved: Bools, group: Ints | None = None, cost: dict[str, float] | None = None) -> Cases:
    rows = {f"m{k}": row for k, row in enumerate(solved)}
    return Cases(evaluation_of(rows, cost=cost, group=group), POLICIES[0])


def false_claims(generator: np.random.Generator, k: int, n: int, *, p: float, shared: float, runs: int) -> float:
    """How often any of k equal candidates is called better than another."""
    wrong = 0
    for _ in range(runs):
        comparison = compare(cases_of(equals(generator, k, n, p=p, shared=shared)), Needs(), range(k))
        wrong += bool((comparison.adjusted[np.triu_indices(k, 1)] <= 0.05).any())
    return wrong / runs


@pytest.mark.parametrize("k", [2, 6, 12])
def test_equal_candidates_are_hardly_ever_called_better(k: int) -> None:
    """P(any false "better than") <= 5 %, however many candidates there are to pick the leader from."""
    found = false_claims(np.random.default_rng(k), k, 60, p=0.6, shared=0.3, runs=250)
    assert found <= at_most(0.05, 250)


@pytest.mark.slow
def test_equal_candidates_are_hardly_ever_called_better_anywhere() -> None:
    """The table of the method; 6 independent candidates on 20 examples are the hardest for a normal quantile."""
    generator, runs = np.random.default_rng(0), 4000
    for k in (2, 6, 12):
        for n in (10, 20, 50, 200, 1000):
            for p, shared in ((0.5, 0.0), (0.8, 0.0), (0.8, 0.7), (0.98, 0.0)):
                found = false_claims(generator, k, n, p=p, shared=shared, runs=runs if n < 1000 else 1000)
                print(f"{k:2} candidates, n {n:4}, p {p}, shared {shared}: {found:.4f}")
                assert found <= at_most(0.05, runs)


def grouped_false_claims(generator: np.random.Generator, k: int, groups: int, size: int, runs: int) -> float:
    """The same, where the candidates' strengths differ from group to group."""
    codes = np.repeat(np.arange(groups), size)
    wrong = 0
    for _ in range(runs):
        strengths = generator.beta(2.0, 1.0, size=(k, groups))
        solved = generator.random((k, groups * size)) < strengths[:, codes]
        comparison = compare(cases_of(solved, group=codes), Needs(), range(k))
        wrong += bool((comparison.adjusted[np.triu_indices(k, 1)] <= 0.05).any())
    return wrong / runs


def test_groups_do_not_make_equal_candidates_differ() -> None:
    """Twenty customers with ten cases each are not 200 independent cases."""
    assert grouped_false_claims(np.random.default_rng(1), 4, 20, 10, 150) <= at_most(0.05, 150)


@pytest.mark.slow
def test_groups_do_not_make_equal_candidates_differ_anywhere() -> None:
    """The table of the method."""
    generator = np.random.default_rng(2)
    for groups, size in ((8, 10), (20, 10), (50, 4), (100, 3)):
        found = grouped_false_claims(generator, 4, groups, size, 1500)
        print(f"{groups} groups of {size}: {found:.4f}")
        assert found <= at_most(0.05, 1500)


def rulings(generator: np.random.Generator, rates: list[float], n: int, needs: Needs, runs: int) -> list[Ruling]:
    """What is ruled on candidates with these true rates and rising prices."""
    cost = {f"m{k}": 0.001 * (k + 1) for k in range(len(rates))}
    made = []
    for _ in range(runs):
        solved = generator.random((len(rates), n)) < np.array(rates)[:, None]
        made.append(rule(assess(cases_of(solved, cost=cost), needs)))
    return made


def misses(made: list[Ruling]) -> float:
    return sum(ruling.verdict == "adopt" for ruling in made) / len(made)


@pytest.mark.parametrize("k", [1, 6])
def test_who_misses_the_bar_is_hardly_ever_adopted(k: int) -> None:
    """All are just under 0.80: whoever is adopted is adopted wrongly."""
    needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=0.80),), tie_margin=1.0)
    made = rulings(np.random.default_rng(k), [0.799] * k, 150, needs, 150)
    assert misses(made) <= at_most(0.05, 150)


@pytest.mark.slow
def test_who_misses_the_bar_is_hardly_ever_adopted_anywhere() -> None:
    """The table of the method; a point estimate above the bar would adopt 53 to 59 % of single candidates."""
    generator = np.random.default_rng(3)
    for k in (1, 2, 6, 12):
        for n in (20, 50, 200, 1000):
            for bar in (0.5, 0.8, 0.95):
                needs = Needs(requirements=(Requirement(metric="accuracy", op=">=", bar=bar),), tie_margin=1.0)
                found = misses(rulings(generator, [bar - 0.001] * k, n, needs, 1000))
                print(f"{k:2} candidates, n {n:4}, bar {bar}: adopted wrongly {found:.4f}")
                assert found <= at_most(0.05, 1000)


def test_who_loses_money_is_hardly_ever_adopted() -> None:
    """Worth 1, loss 4, p = 0.79: every case loses 0.05 and its price."""
    needs = Needs(worth_of_solved=1.0, loss_of_wrong=4.0, tie_margin=1.0)
    made = rulings(np.random.default_rng(4), [0.799] * 4, 150, needs, 200)
    assert misses(made) <= at_most(0.05, 200)


def test_identical_candidates_are_tied_and_the_cheapest_wins_every_time() -> None:
    """Not by luck: the same answers give the same verdict whatever they are."""
    generator = np.random.default_rng(5)
    cost = {"m0": 0.03, "m1": 0.01, "m2": 0.02}
    for _ in range(30):
        solved = np.broadcast_to(generator.random(400) < 0.7, (3, 400))
        assessment = assess(cases_of(solved, cost=cost), Needs())
        assert set(assessment.tied) == {0, 1, 2}
        assert rule(assessment).chosen == 1


def test_a_clearly_better_candidate_is_found() -> None:
    """The guard is not bought with blindness: 10 points on 500 examples are found in nearly every run."""
    made = rulings(np.random.default_rng(6), [0.70, 0.70, 0.85], 500, Needs(), 100)
    assert sum(ruling.chosen == 2 for ruling in made) >= 95


def test_ten_examples_hardly_ever_adopt_a_constant_baseline() -> None:
    """A free baseline at 50 % against models at 75 %: tied on ten examples, and not adopted for it."""
    generator = np.random.default_rng(7)
    cost = {"m0": 0.0, "m1": 0.01, "m2": 0.02}
    adopted = 0
    for _ in range(200):
        solved = generator.random((3, 10)) < np.array([0.5, 0.75, 0.75])[:, None]
        adopted += rule(assess(cases_of(solved, cost=cost), Needs())).chosen == 0
    assert adopted / 200 <= at_most(0.01, 200)
