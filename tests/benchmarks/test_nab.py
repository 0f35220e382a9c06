"""NAB's rules, by hand; and, where its archive is, published scores that our scorer must come to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks import _nab
from benchmarks.stream import delays, ours, speed

WEIGHTS = {name: {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.11} for name in _nab.PROFILES}


def series(n: int, *windows: tuple[int, int]) -> _nab.Series:
    """A file of n values without any."""
    return _nab.Series("a", np.zeros(n), np.arange(float(n)), windows)


def sigmoid(x: float) -> float:
    return 2.0 / (1.0 + math.exp(5.0 * x)) - 1.0


def test_an_early_alarm_is_worth_all_and_a_late_one_little() -> None:
    """At the first place of the window 100; at its last, nearly nothing; without any, 0."""
    corpus = _nab.Corpus((series(100, (40, 59)),), WEIGHTS)

    def at(*places: int) -> float:
        scores = np.zeros(100)
        scores[list(places)] = 1.0
        return _nab.scores_of(corpus, [scores])["standard"]

    assert at(40) == 100.0
    assert at() == 0.0
    late = sigmoid(-1 / 20) / sigmoid(-1.0)
    assert at(59) == pytest.approx(50.0 * (late + 1.0), abs=0.01)
    assert at(40, 55) == 100.0  # only the first counts


def test_a_false_alarm_costs_by_how_far_it_is_from_the_window_before() -> None:
    """Far off it costs the whole weight, right behind the window a little; while learning nothing."""
    corpus = _nab.Corpus((series(200, (100, 119)),), WEIGHTS)

    def at(place: int) -> float:
        scores = np.zeros(200)
        scores[[100, place]] = 1.0
        return _nab.scores_of(corpus, [scores])["standard"]

    assert at(60) == pytest.approx(100.0 - 50.0 * 0.11, abs=0.01)
    assert at(121) == pytest.approx(100.0 + 50.0 * 0.11 * sigmoid(2 / 19), abs=0.01)
    assert at(5) == 100.0


def test_one_threshold_serves_all_files() -> None:
    """The best for both together, though each alone would have another."""
    corpus = _nab.Corpus((series(100, (40, 59)), series(100, (40, 59))), WEIGHTS)
    first, second = np.zeros(100), np.zeros(100)
    first[40], second[40], second[20] = 0.5, 0.9, 0.6
    assert _nab.scores_of(corpus, [first, second])["standard"] == pytest.approx(100.0 - 25.0 * 0.11, abs=0.01)


def test_published_scores_are_reproduced() -> None:
    """null exactly; the Gaussian over a window within a point, as its scores near 1 are rounded in theirs."""
    corpus = _nab.corpus()
    if corpus is None:
        pytest.skip("NAB's archive is not in ../shared/data/outcomes/NAB")
    silent = _nab.nab_scores(corpus, lambda one: np.full(len(one.values), 0.5))
    assert silent == dict.fromkeys(_nab.PROFILES, 0.0)
    found, theirs = _nab.nab_scores(corpus, _nab.gaussian), _nab.published()["windowedGaussian"]
    assert found["standard"] == pytest.approx(theirs["standard"], abs=1.0)
    assert found["reward_low_FN_rate"] == pytest.approx(theirs["reward_low_FN_rate"], abs=1.0)


def test_our_detector_is_above_the_simple_published_ones() -> None:
    """By all three profiles: relativeEntropy, knncad, randomCutForest, Twitter's and the Gaussian."""
    corpus = _nab.corpus()
    if corpus is None:
        pytest.skip("NAB's archive is not in ../shared/data/outcomes/NAB")
    found, theirs = _nab.nab_scores(corpus, ours), _nab.published()
    simple = ("relativeEntropy", "knncad", "randomCutForest", "twitterADVec", "windowedGaussian", "skyline")
    assert all(found[profile] > theirs[name][profile] for profile in _nab.PROFILES for name in simple)
    assert found["standard"] >= 70.0


def test_the_speed_and_the_delays_are_measured() -> None:
    """On a little: ours and River's, with all that the tables name."""
    pytest.importorskip("river")
    assert all(one["events_per_s"] > 500 for one in speed(2_000).values())
    found = delays(1, without=["KSWIN"])
    assert {str(one["detector"]) for one in found} >= {"Merits (5 % ever)", "ADWIN", "DDM", "EDDM", "Page-Hinkley"}
    assert all(one["runs"] == 1 for one in found)
