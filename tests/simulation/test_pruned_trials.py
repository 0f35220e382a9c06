"""Trials that are as good as the best so far are given up as seldom as is promised, in many runs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.improving.test_pruning import DELTA, share_lost, share_lost_by_folds

RUNS = 500


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 300, 1000])
@pytest.mark.parametrize("n_trials", [2, 30])
def test_the_best_trial_is_seldom_given_up(n: int, n_trials: int) -> None:
    """Over all looks and all trials; row by row, and fold by fold with models that differ by the margin."""
    allowed = DELTA + 2.0 * np.sqrt(DELTA * (1 - DELTA) / RUNS)
    assert share_lost(RUNS, n, n_trials) <= allowed
    assert share_lost_by_folds(RUNS, n, n_trials) <= allowed
