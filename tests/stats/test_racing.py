"""Races: the fast bets beside their slow definition, ties, gates, and whom is asked what."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats import bets
from merits.stats.bets import Bets
from merits.stats.critical import Floats
from merits.stats.gates import Gates
from merits.stats.racing import Mode, Race, Target


def outcomes(seed: int, rates: list[float], n: int) -> Floats:
    return (np.random.default_rng(seed).random((len(rates), n)) < np.array(rates)[:, None]).astype(np.float64)


def finished(scores: Floats, *, mode: Mode = "certified", target: Target = "examples", delta: float = 0.05) -> Race:
    race = Race(*scores.shape, mode=mode, target=target, delta=delta)
    while not race.ended:
        race.see(scores[race.running, race.n_seen : race.n_seen + race.next_size])
    return race


def slow_peak(difference: Floats, n_items: int | None, *, stakes: Floats, behind: float, n_seen: int) -> float:
    """The highest wealth of one rival, item by item, as `methods` writes it."""
    wealth, peak, total = bets._WEIGHTS.copy(), 0.0, behind
    for i, gain in enumerate(difference):
        fair = 0.0 if n_items is None else -total / (n_items - n_seen - i)
        held = np.minimum(stakes, 0.97 / max(1.0 + max(fair, -0.5), 0.5))
        wealth = wealth * np.maximum(1.0 + held * (gain - fair), 0.01)
        total += gain
        peak = max(peak, float(wealth.sum()))
    return peak


@pytest.mark.parametrize("n_items", [None, 700])
def test_the_fast_wealth_is_the_slow_one(n_items: int | None) -> None:
    """Blocks, logarithms and the limit on stakes change nothing."""
    generator = np.random.default_rng(3)
    difference = generator.choice([-1.0, 0.0, 0.5, 1.0], p=[0.1, 0.5, 0.2, 0.2], size=(2, 300))
    behind, n_seen = np.array([9.0, -4.0]), 60
    stakes = bets._stakes(behind / (n_seen + 1.0), np.full(2, bets._PRIOR))
    fair = Bets(2, n_items)._fair(difference, behind, n_seen)
    gain = difference if n_items is None else difference - fair
    peak, _ = bets._wealth(gain, fair, stakes, np.zeros((2, 6)))
    for rival in range(2):
        slow = slow_peak(difference[rival], n_items, stakes=stakes[rival], behind=float(behind[rival]), n_seen=n_seen)
        assert np.exp(peak[rival]) == pytest.approx(slow)


@pytest.mark.parametrize("mode", ["certified", "economy"])
def test_a_clear_winner_is_found_with_few_calls(mode: Mode) -> None:
    race = finished(outcomes(0, [0.4, 0.9, 0.5, 0.6], 2_000), mode=mode)
    assert (race.ended, race.here.tolist()) == ("decided", [False, True, False, False])
    assert race.n_seen < 200


@pytest.mark.parametrize("mode", ["certified", "economy"])
@pytest.mark.parametrize("target", ["examples", "traffic"])
def test_identical_candidates_end_as_tied(mode: Mode, target: Target) -> None:
    """Never as a winner by luck, however long the race."""
    scores = np.repeat(outcomes(1, [0.7], 400), 3, axis=0)
    race = finished(scores, mode=mode, target=target)
    assert race.ended == "exhausted"
    assert race.here.all()
    assert race.ahead.all()


def test_on_these_examples_the_best_is_known_exactly_once_all_were_asked() -> None:
    """One solved case more is enough here, and says nothing of future traffic."""
    scores = np.zeros((2, 100))
    scores[:, :60] = 1.0
    scores[1, 60] = 1.0
    race = finished(scores[:, np.random.default_rng(0).permutation(100)])
    assert race.here.tolist() == [False, True]
    assert race.ahead.tolist() == [True, True]


def test_who_cannot_catch_up_any_more_is_dropped() -> None:
    """Arithmetic needs no statistics: 30 behind with 20 to go."""
    race = Race(2, 100, delta=1e-9)
    race.see(np.array([[1.0] * 50, [1.0] * 20 + [0.0] * 30]))
    assert race.here.tolist() == [True, True]
    race.see(np.array([[1.0] * 30, [1.0] * 30]))
    assert race.here.tolist() == [True, False]
    assert race.ahead.tolist() == [True, True]


def test_pairs_without_both_answers_are_no_evidence() -> None:
    """Whoever failed is not behind for it, where failures are left out."""
    race = Race(2, 400)
    while not race.ended:
        n = race.next_size
        valid = np.array([[True] * n, [False] * n])
        race.see(np.array([[1.0] * n, [0.0] * n]), valid=valid)
    assert race.here.tolist() == [True, True]
    assert race.ended == "exhausted"


def test_a_floor_that_is_certainly_missed_takes_the_best_out() -> None:
    """The best answers too late: it is out, and the second is not dropped by it."""
    n = 1_000
    quality = outcomes(2, [0.9, 0.7], n)
    in_time = outcomes(3, [0.5, 0.99], n)
    race = Race(2, n, gates=Gates(2, [0.95], meet=[0.01], miss=[0.01]))
    while not race.ended:
        part = slice(race.n_seen, race.n_seen + race.next_size)
        race.see(quality[race.running, part], gated=in_time[None, race.running, part])
    assert race.gates is not None
    assert race.gates.missed.tolist() == [True, False]
    assert race.here.tolist() == [False, True]


def test_who_is_not_certain_to_meet_a_floor_drops_nobody() -> None:
    """Its wins wait, and count once it is certain."""
    n = 1_000
    quality, in_time = outcomes(4, [0.95, 0.4], n), outcomes(5, [0.955, 0.99], n)
    race = Race(2, n, gates=Gates(2, [0.95], meet=[0.01], miss=[0.01]))
    while not race.ended:
        part = slice(race.n_seen, race.n_seen + race.next_size)
        race.see(quality[race.running, part], gated=in_time[None, race.running, part])
    assert race.gates is not None
    assert not race.gates.cleared[0]
    assert race.here.tolist() == [True, True]
    implied = Race(2, n, gates=Gates(2, [0.95], meet=[0.01], miss=[0.01], implied=[True]))
    while not implied.ended:
        part = slice(implied.n_seen, implied.n_seen + implied.next_size)
        implied.see(quality[implied.running, part], gated=in_time[None, implied.running, part])
    assert implied.here.tolist() == [True, False]


def test_a_budget_leaves_what_is_known_as_it_is() -> None:
    race = Race(3, 500)
    race.see(outcomes(6, [0.9, 0.8, 0.1], 5))
    race.stop("budget")
    assert (race.ended, race.running.any(), race.here.all()) == ("budget", False, True)


def test_the_same_race_is_run_twice() -> None:
    """A posterior is drawn from, with a seed."""
    scores = outcomes(7, [0.7, 0.72, 0.5], 600)
    first, second = (finished(scores, mode="economy") for _ in range(2))
    assert first.looks == second.looks


def test_who_catches_up_with_everything_is_judged_as_if_it_had_never_been_late() -> None:
    """The leader stays the same, so its bets are the same, and so is everything else."""
    scores = (np.random.default_rng(0).random((3, 60)) < np.array([[0.9], [0.8], [0.5]])).astype(np.float64)
    scores[0, :4] = 1.0
    in_step, late = Race(3, 60, least=4), Race(3, 60, least=4)
    for first in range(0, 20, 4):
        in_step.see(scores[:, first : first + 4])
    late.see(scores[:, :4])
    late.see(scores[:2, 4:8], who=np.array([0, 1]), late=np.array([2]))
    assert (late.running.tolist(), late.aside.tolist()) == ([True, True, False], [False, False, True])
    for first in range(8, 20, 4):
        late.see(scores[:2, first : first + 4])
    late.catch_up(2, scores[:, 4:12])
    assert late.aside[2]
    late.catch_up(2, scores[:, 12:20])
    assert late.running.all()
    assert not late.aside.any()
    np.testing.assert_allclose(late._sums, in_step._sums)
    np.testing.assert_allclose(late.means, in_step.means)
    for target in ("examples", "traffic"):
        np.testing.assert_allclose(late._bets[target]._all, in_step._bets[target]._all)


def test_a_late_leader_drops_nobody_by_what_it_has_not_answered() -> None:
    """Its rivals lose nothing by its silence, and the next round has another leader."""
    race = Race(2, 200, least=4)
    race.see(np.array([[1.0] * 4, [0.0] * 4]))
    race.see(np.ones((1, 4)), who=np.array([1]), late=np.array([0]))
    assert race._bets["traffic"]._all[1, 0] < 0
    assert (race.leader, race.waits) == (1, True)


def test_a_race_waits_for_who_may_still_win_and_ends_when_it_cannot() -> None:
    race = Race(2, 400, least=20)
    race.see(np.array([[1.0] * 20, [0.0] * 20])[:, :1])
    race.see(np.ones((1, 99)), who=np.array([0]), late=np.array([1]))
    assert race.waits
    assert not race.ended
    race.catch_up(1, np.array([[1.0] * 99, [0.0] * 99]))
    assert race.ended == "decided"
    assert race.here.tolist() == [True, False]
