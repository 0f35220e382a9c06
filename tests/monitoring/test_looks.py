"""When the decision is made again, and how sure it must be."""

import numpy as np
from scipy.stats import beta

from merits.monitoring.looks import FIRST, Look, look_at


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
