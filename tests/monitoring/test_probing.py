"""The three results of a probe, from what passes over the same questions brought."""

from __future__ import annotations

import numpy as np
import pytest

from merits.monitoring.probing import FEWEST, probed


def passes(rates: list[float], n: int = 50, seed: int = 0) -> np.ndarray:
    """What so many passes solved, each at its rate; questions differ in difficulty."""
    generator = np.random.default_rng(seed)
    hard = generator.random((n, 1)) * 0.6 + generator.random((n, len(rates))) * 0.4
    return (np.argsort(np.argsort(hard, axis=0), axis=0) < np.array(rates) * n).astype(int)


def test_a_model_that_fell_has_changed() -> None:
    """From 84 % to 51 %, after one earlier pass and after two."""
    for rates in ([0.84, 0.51], [0.84, 0.84, 0.51]):
        solved = passes(rates)
        found = probed(solved, solved, number=len(rates) - 1)
        assert found.result == "changed"
        assert "solves 50.0 %" in found.text or "solves 52.0 %" in found.text
        assert found.shift is not None
        assert found.shift.high is not None
        assert found.shift.high < 0


def test_a_model_that_did_not_is_the_same() -> None:
    """With how often its answers waver, and what would have been seen."""
    solved = passes([0.84, 0.84, 0.84])
    found = probed(solved, solved, number=2)
    assert found.result == "same"
    assert found.flips is not None
    assert found.flips.value is not None
    assert found.flips.value > 0
    assert "would have been seen" in found.text


def test_other_answers_that_are_as_right_are_a_change_too() -> None:
    """A model that always said the same and now says something else, solving as much."""
    solved, answers = np.ones((50, 3), int), np.tile([0, 0, 1], (50, 1))
    found = probed(solved, answers, number=2)
    assert found.result == "changed"
    assert "odd ones out" in found.text


@pytest.mark.parametrize("n", [0, 1, FEWEST - 1])
def test_too_few_questions_find_nothing_out(n: int) -> None:
    """Even where all of them turned."""
    solved = np.tile([1, 0], (n, 1))
    found = probed(solved, solved)
    assert found.result == "could not find out"
    assert f"only {n} questions" in found.text


def test_what_could_not_be_asked_is_not_counted() -> None:
    """Not as solved and not as wrong: of 30 questions that failed nothing is known."""
    solved = np.vstack([np.ones((15, 2), int), np.tile([1, -1], (30, 1))])
    found = probed(solved, solved)
    assert (found.n, found.n_missing) == (15, 30)
    assert found.result == "could not find out"


def test_a_late_probe_must_show_more() -> None:
    """All probes there ever are share what may be erred."""
    solved = passes([0.84, 0.62])
    assert probed(solved, solved, number=1).allowed[0] > probed(solved, solved, number=30).allowed[0]


def test_same_is_not_said_where_nothing_would_have_been_seen() -> None:
    """25 questions cannot tell a shift of 10 points."""
    solved = passes([0.84, 0.84], n=25)
    assert probed(solved, solved, least=0.1).result == "could not find out"
