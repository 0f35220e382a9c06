"""Giving trials up early: simulated with known truth, that the best is given up as seldom as is promised."""

from __future__ import annotations

import itertools

import numpy as np

from merits.improving.searching.pruning import FOLD_MARGIN, Pruning, looks

DELTA = 0.05


def search(
    best: np.ndarray, trials: np.ndarray, generator: np.random.Generator, folds: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Which trials (trials, rows) were given up, and how many rows were asked of all of them."""
    n_trials, n = trials.shape
    group, everything, asked = np.arange(n), np.ones(n, bool), 0
    lost = np.zeros(n_trials, bool)
    for at, values in enumerate(trials):  # one after another, each with an order of its own
        pruning = Pruning(
            best,
            everything,
            group,
            1,
            alpha=DELTA / n_trials,
            margin=0.0 if folds is None else FOLD_MARGIN,
        )
        pieces = looks(group, generator, folds)
        for number, piece in enumerate(pieces):
            asked += len(piece)
            if number == len(pieces) - 1:
                break
            seen = pruning.see(piece, values[None, piece], np.ones((1, len(piece)), bool), generator)
            if seen[0]:
                lost[at] = True
                break
    return lost, asked


def as_good(generator: np.random.Generator, n: int, n_trials: int) -> tuple[np.ndarray, np.ndarray]:
    """The best so far, and trials that solve exactly as many of the rows, but others: the hardest case."""
    best = (np.arange(n) < 0.8 * n).astype(float)
    return generator.permutation(best), np.stack([generator.permutation(best) for _ in range(n_trials)])


def share_lost(n_runs: int, n: int, n_trials: int) -> float:
    """How often a search gave up any of its trials, all of which are as good as the best."""
    runs = 0
    for run in range(n_runs):
        generator = np.random.default_rng(run)
        lost, _ = search(*as_good(generator, n, n_trials), generator)
        runs += bool(lost.any())
    return runs / n_runs


def share_lost_by_folds(n_runs: int, n: int, n_trials: int) -> float:
    """The same where each fold has a model of its own, better or worse by up to the margin, and the mean is as good."""
    folds, runs, most = np.arange(n) % 5, 0, int(FOLD_MARGIN * n / 5)
    shifts = np.array([most, most, 0, -most, -most])
    for run in range(n_runs):
        generator = np.random.default_rng(run)
        best, trials = as_good(generator, n, n_trials)
        for trial in trials:
            for fold, shift in enumerate(generator.permutation(shifts)):
                wrong = np.flatnonzero((folds == fold) & (trial == (0.0 if shift > 0 else 1.0)))
                trial[generator.choice(wrong, min(abs(shift), len(wrong)), replace=False)] = float(shift > 0)
        lost, _ = search(best, trials, generator, folds)
        runs += bool(lost.any())
    return runs / n_runs


def test_trials_as_good_as_the_best_are_seldom_given_up() -> None:
    """All looks and all trials together; a promise of 5 % in 200 runs."""
    assert share_lost(200, 200, 8) <= DELTA + 2.0 * np.sqrt(DELTA * (1 - DELTA) / 200)


def test_models_of_folds_that_differ_within_the_margin_are_seldom_given_up() -> None:
    """A trained trial is looked at fold by fold."""
    assert share_lost_by_folds(100, 400, 8) <= DELTA + 2.0 * np.sqrt(DELTA * (1 - DELTA) / 100)


def test_trials_that_are_far_worse_are_given_up_early() -> None:
    """It is for this: of trials that solve half as many rows, two thirds are not asked."""
    generator = np.random.default_rng(0)
    best = generator.permutation((np.arange(500) < 400).astype(float))
    worse = np.stack([generator.permutation((np.arange(500) < 200).astype(float)) for _ in range(20)])
    lost, asked = search(best, worse, generator)
    assert lost.all()
    assert asked < 500 * 20 / 3


def test_rows_of_a_group_come_together() -> None:
    """They are one piece of evidence."""
    group = np.repeat(np.arange(50), 4)
    pieces = looks(group, np.random.default_rng(0))
    assert sorted(np.concatenate(pieces).tolist()) == list(range(200))
    assert all(len(set(group[one]) & set(group[other])) == 0 for one, other in itertools.pairwise(pieces))


def test_with_folds_a_piece_is_a_fold() -> None:
    """Asking rows of one fold trains one model."""
    folds = np.arange(100) % 5
    pieces = looks(np.arange(100), np.random.default_rng(0), folds)
    assert sorted(int(folds[piece][0]) for piece in pieces) == [0, 1, 2, 3, 4]
    assert all(len(set(folds[piece])) == 1 for piece in pieces)


def test_rows_that_nobody_could_judge_are_no_evidence() -> None:
    """Unscored is not wrong."""
    pruning = Pruning(np.ones(100), np.ones(100, bool), np.arange(100), 1, alpha=0.05)
    rows = np.arange(80)
    lost = pruning.see(rows, np.zeros((1, 80)), np.zeros((1, 80), bool), np.random.default_rng(0))
    assert not lost.any()
