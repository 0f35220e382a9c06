"""Exact tests of a model that is asked again, against enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from merits.stats.paired import mcnemar_exact
from merits.stats.probes import allowance, answers_p, odds_of_noticing, solved_p
from merits.stats.streams import alphas


def test_with_one_earlier_pass_it_is_mcnemar() -> None:
    """Questions of which both passes say the same say nothing."""
    earlier, new = np.array([1] * 9 + [0] * 2 + [1] * 20), np.array([0] * 9 + [1] * 2 + [1] * 20)
    assert solved_p(new, earlier, np.ones(31, int)) == pytest.approx(float(mcnemar_exact(9, 2)))


def test_of_solved_is_every_pass_as_likely_the_new_one() -> None:
    """Enumerated: which pass of each question is the new one."""
    passes = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 0]])
    counts = [sum(row[j] for row, j in zip(passes, which, strict=True)) for which in product(range(3), repeat=5)]
    seen = int(passes[:, -1].sum())
    tails = np.mean(np.array(counts) <= seen), np.mean(np.array(counts) >= seen)
    assert solved_p(passes[:, -1], passes[:, :-1].sum(axis=1), np.full(5, 2)) == pytest.approx(min(1, 2 * min(tails)))


def test_of_answers_is_every_pass_as_likely_the_odd_one() -> None:
    """Enumerated likewise; a missing answer is left out, and two passes say nothing."""
    answers = np.array([[0, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 1], [0, -1, 0, 1], [0, -1, -1, 1], [0, 0, 0, -1]])
    agree = [[(row == one).sum() - 1 for one in row] for row in (r[r >= 0] for r in answers[:4])]
    totals = [sum(which) for which in product(*agree)]
    seen = sum(one[-1] for one in agree)
    assert answers_p(answers) == pytest.approx(np.mean(np.array(totals) <= seen))
    assert answers_p(answers[:, :0:-3]) == 1.0


def test_all_allowances_together_are_alpha() -> None:
    """However often it is probed."""
    assert sum(allowance(number) for number in range(1, 100_000)) == pytest.approx(0.05, rel=1e-4)


def test_odds_of_noticing_grow_with_questions_and_are_none_without_any_room() -> None:
    """And are those of simulation, roughly."""
    few, many = (odds_of_noticing(0.2, np.full(n, 2), np.full(n, 2), 0.025) for n in (20, 100))
    assert few < many
    assert many > 0.9
    assert odds_of_noticing(0.2, np.zeros(0, int), np.zeros(0, int), 0.025) == 0.0


def test_one_stream_may_err_as_much_as_all() -> None:
    """One stream has all of it."""
    assert alphas([1.0]).tolist() == [0.05]
