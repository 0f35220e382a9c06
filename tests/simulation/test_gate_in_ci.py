"""Known truth: how often a gate passes or fails what it should not, and how often a slice is accused wrongly."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from merits.core.needs import Needs
from merits.deciding.changes import changes
from merits.deciding.gate import judge_gate, not_inferior
from merits.deciding.pairing import Side
from merits.stats.critical import Bools, Ints
from merits.stats.noninferiority import difference_bounds
from tests.deciding.evaluations import evaluation_of
from tests.simulation.test_error_rates import at_most


def sides(old: Bools, new: Bools, group: Ints | None = None, **tags: np.ndarray) -> tuple[Side, Side]:
    """The new and the old one, each from an evaluation of its own."""
    made = [evaluation_of({"model": solved}, group=group, tags=tags) for solved in (new, old)]
    return Side("new", made[0], 0), Side("old", made[1], 0)


def drawn(generator: np.random.Generator, n: int, *, p: float, worse_by: float, moving: float) -> tuple[Bools, Bools]:
    """Outcomes of an old one that solves p, and a new one that truly solves p - worse_by.

    On a share `moving` of the examples the two differ: gained with (moving - worse_by)/2, lost with the rest.
    """
    kind = generator.choice(4, size=n, p=_shares(p, worse_by, moving))
    return np.isin(kind, (0, 1)), np.isin(kind, (0, 2))


def _shares(p: float, worse_by: float, moving: float) -> list[float]:
    """P(both solve), P(only the old one), P(only the new one), P(neither)."""
    lost = (moving + worse_by) / 2
    gained = moving - lost
    return [p - lost, lost, gained, 1 - p - gained]


@cache
def verdict(n: int, lost: int, gained: int, margin: float) -> str:
    """The answer on n examples of which the new one lost and gained so many: it depends on nothing else."""
    row = np.arange(n)
    new, old = row >= lost, (row < lost) | (row >= lost + gained)
    return not_inferior(difference_bounds(new.astype(float), old.astype(float), None, 0.95), margin)


def outcomes(generator: np.random.Generator, n: int, runs: int, *, margin: float, **truth: float) -> dict[str, float]:
    """How often the question of non-inferiority passes, fails and stays open."""
    drawn_counts = generator.multinomial(n, _shares(**truth), size=runs)
    found = Counter(verdict(n, int(lost), int(gained), margin) for _, lost, gained, _ in drawn_counts)
    return {name: found[name] / runs for name in ("passed", "failed", "inconclusive")}


def test_what_is_worse_by_the_margin_is_hardly_ever_passed() -> None:
    """P(passed) <= 5 %; looking at whether the difference itself is above the margin would pass half of them."""
    found = outcomes(np.random.default_rng(0), 200, 2000, margin=0.05, p=0.8, worse_by=0.05, moving=0.15)
    assert found["passed"] <= at_most(0.05, 2000)


def test_what_is_as_good_is_hardly_ever_failed() -> None:
    """P(failed) <= 5 %, with any margin: here with hardly one."""
    found = outcomes(np.random.default_rng(1), 200, 2000, margin=0.001, p=0.8, worse_by=0.0, moving=0.15)
    assert found["failed"] <= at_most(0.05, 2000)


def test_the_number_of_examples_that_is_asked_for_settles_it() -> None:
    """With 80 % power, as the sentence says, where the truth is what it looked like: here equal."""
    found = outcomes(np.random.default_rng(2), 930, 250, margin=0.03, p=0.8, worse_by=0.0, moving=0.135)
    assert found["passed"] >= 0.8 - 3.5 * (0.16 / 250) ** 0.5


@pytest.mark.slow
def test_gates_err_as_rarely_as_they_say_anywhere() -> None:
    """The table of the method, over sizes, margins and shares of examples that move."""
    generator, runs = np.random.default_rng(3), 4000
    for n in (20, 50, 200, 1000):
        for p, moving in ((0.5, 0.3), (0.8, 0.1), (0.8, 0.3), (0.95, 0.06), (0.95, 0.05)):
            for margin in (0.01, 0.02, 0.05):
                worse = outcomes(generator, n, runs, margin=margin, p=p, worse_by=margin, moving=moving)["passed"]
                equal = outcomes(generator, n, runs, margin=margin, p=p, worse_by=0.0, moving=moving)["failed"]
                print(f"n {n:4}, p {p}, moving {moving}, margin {margin}: passed {worse:.4f}, failed {equal:.4f}")
                assert worse <= at_most(0.05, runs)
                assert equal <= at_most(0.05, runs)


def test_groups_and_requirements_do_not_make_a_gate_pass_what_it_should_not() -> None:
    """Forty customers with five cases each, whose luck differs, are not 200 cases."""
    generator, passed, runs = np.random.default_rng(4), 0, 100
    codes = np.repeat(np.arange(40), 5)
    for _ in range(runs):
        shift = generator.normal(0.0, 0.2, 40)[codes]
        old = generator.random(200) < 0.7
        new = generator.random(200) < np.clip(0.65 + shift, 0.0, 1.0)
        candidate, baseline = sides(old, new, codes)
        passed += judge_gate(candidate, baseline, Needs(), margin=0.05, confidence=0.95).outcome == "passed"
    assert passed / runs <= at_most(0.05, runs)


def accused(generator: np.random.Generator, n: int, slices: int, runs: int, *, p: float, moving: float) -> float:
    """How often any of the slices is said to gain or lose, where truly nothing changed."""
    wrong = 0
    for _ in range(runs):
        old, new = drawn(generator, n, p=p, worse_by=0.0, moving=moving)
        slice_of = np.array([f"s{code:02}" for code in generator.integers(0, slices, n)])
        candidate, baseline = sides(old, new, topic=slice_of)
        (change,) = changes(baseline, [candidate])
        wrong += any(found.verdict != "cannot be told" for found in change.slices)
    return wrong / runs


def test_slices_are_hardly_ever_accused_wrongly() -> None:
    """P(any false "gains" or "loses") <= 5 % for all 20 slices together."""
    assert accused(np.random.default_rng(5), 600, 20, 100, p=0.8, moving=0.15) <= at_most(0.05, 100)


@pytest.mark.slow
def test_slices_are_hardly_ever_accused_wrongly_anywhere() -> None:
    """The table of the method: few and many examples a slice, and examples that hardly or mostly move."""
    generator, runs = np.random.default_rng(6), 1000
    for n, p, moving in ((300, 0.8, 0.15), (600, 0.5, 0.4), (2000, 0.8, 0.15), (2000, 0.95, 0.05)):
        found = accused(generator, n, 20, runs, p=p, moving=moving)
        print(f"20 slices of {n} examples, p {p}, moving {moving}: {found:.4f}")
        assert found <= at_most(0.05, runs)


def test_a_slice_that_truly_loses_is_found() -> None:
    """The guard is not bought with blindness: 40 points lost in one of 20 slices of 100 examples."""
    generator = np.random.default_rng(7)
    found = 0
    for _ in range(10):
        old, new = drawn(generator, 2000, p=0.8, worse_by=0.0, moving=0.1)
        slice_of = np.repeat([f"s{code:02}" for code in range(20)], 100)
        new = new & ~((slice_of == "s07") & (generator.random(2000) < 0.5))
        candidate, baseline = sides(old, new, topic=slice_of)
        (change,) = changes(baseline, [candidate])
        found += change.slices[0].value == "s07" and change.slices[0].verdict == "loses"
    assert found >= 9
