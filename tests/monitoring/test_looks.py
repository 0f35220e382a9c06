"""When the decision is made again, and how sure it must be."""

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import beta

from merits.core.needs import Needs, Requirement
from merits.monitoring.looks import FIRST, Look, at_level, look_at
from merits.stats.proportions import clopper_pearson_bound


def test_all_looks_together_use_up_no_more_than_is_allowed():
    alpha, done, used = 0.05, 0, 0.0
    for n in range(1, 1_000_000, 37):
        look = look_at(n, done, alpha)
        if look is not None:
            done, used = look.number, used + 1.0 - look.level
    assert done >= 20
    assert used < alpha


def test_a_look_that_comes_late_is_one_look_at_all_there_is():
    assert look_at(1_000, 0, 0.05) == Look(8, 1_000, look_at(1_000, 7, 0.05).level)


def test_a_bar_that_is_met_is_called_missed_by_no_more_than_the_stated_share_of_streams():
    """400 streams at exactly the bar, looked at whenever a look is due up to 5,000 cases."""
    rng, bar, alpha, alarms = np.random.default_rng(7), 0.8, 0.1, 0
    for _ in range(400):
        solved = np.cumsum(rng.random(5_000) < bar)
        done = 0
        while (
            look := next((look_at(n, done, alpha) for n in range(FIRST, 5_001) if look_at(n, done, alpha)), None)
        ) is not None:
            done = look.number
            k = solved[look.n - 1]
            if beta.ppf(look.level, k + 1, look.n - k) < bar:  # Clopper and Pearson's upper bound
                alarms += 1
                break
    assert alarms / 400 <= alpha


@pytest.mark.parametrize("n_bars", [1, 10, 20])
def test_however_many_requirements_are_just_met_any_is_called_missed_no_more_often_than_stated(n_bars):
    """2,000 streams of 5,000 cases, of a class each, whose recall is exactly its bar."""
    rng, bar, alpha, done, looks = np.random.default_rng(8), 0.9, 0.025, 0, []
    for n in range(FIRST, 5_001):
        if (look := look_at(n, done, alpha)) is not None:
            looks.append(look)
            done = look.number
    needs = Needs(requirements=tuple(Requirement("recall", ">=", bar, of=str(k)) for k in range(n_bars)))
    missed, before = np.zeros(2_000, bool), 0
    total, solved = np.zeros((2, 2_000, n_bars), int)
    for look in looks:
        came = rng.multinomial(look.n - before, [1 / n_bars] * n_bars, size=2_000)
        total, solved, before = total + came, solved + rng.binomial(came, bar), look.n
        level = at_level(needs, look.level, "t@1").requirements[0].confidence
        missed |= (clopper_pearson_bound(solved, total, level, side="high") < bar).any(axis=1)
    assert missed.mean() <= alpha + 3.5 * (alpha * (1 - alpha) / 2_000) ** 0.5


def test_what_cannot_err_takes_no_share_and_whoever_answers_beside_it_does():
    """A fact is known; a worth of the solved case is a requirement; each other one is a claim."""
    fact = Requirement("licence", "in", 0.0, values=("mit",))
    needs = Needs(requirements=(fact, Requirement("accuracy", ">=", 0.8)))
    assert at_level(needs, 0.9, "t@1").confidence == pytest.approx(0.9)
    assert at_level(replace(needs, worth_of_solved=1.0), 0.9, "t@1", n_beside=2).confidence == pytest.approx(0.975)
