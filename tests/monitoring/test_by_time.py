"""Odd values: scored one by one, and of five minutes of traffic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merits.core.answer import Answer, Failure
from merits.core.live import Served
from merits.core.reference import Reference
from merits.monitoring.by_time import ByTime
from merits.monitoring.novelty import THRESHOLD, Novelty
from merits.monitoring.watch import Watch


def daily(n: int, seed: int = 0) -> list[float]:
    """A metric with a daily rhythm of 288 values."""
    generator = np.random.default_rng(seed)
    return [100.0 + 50.0 * math.sin(k / 288.0 * 2 * math.pi) + float(generator.normal(0, 3)) for k in range(n)]


def test_what_comes_back_every_day_is_not_odd_and_what_never_came_is() -> None:
    """The night after the first is no alarm; a value far beyond all others is, and is scored once."""
    detector = Novelty(learn=288, silence=72)
    scores = [detector.see(value) for value in [*daily(2_000), 400.0, 401.0, 399.0]]
    assert max(scores[:2_000]) < THRESHOLD
    assert scores[2_000] > THRESHOLD
    assert scores[2_001:] == [0.0, 0.0] or max(scores[2_001:]) > scores[2_000]


def test_a_constant_metric_is_odd_once_it_moves() -> None:
    """Also where nothing ever varied; and a first value is nothing."""
    detector = Novelty(learn=10, silence=5)
    assert [detector.see(0.0) for _ in range(50)] == [0.0] * 50
    assert detector.see(5.0) > THRESHOLD


def test_a_detector_goes_on_where_it_was() -> None:
    """From bytes, to the same scores."""
    values = [*daily(700), 300.0, *daily(50)]
    once, first = Novelty(100, 20), Novelty(100, 20)
    scores = [once.see(value) for value in values]
    head = [first.see(value) for value in values[:650]]
    taken = Novelty(100, 20, first.state())
    assert head + [taken.see(value) for value in values[650:]] == scores


@pytest.mark.parametrize("value", [1e300, -1e300, 5e-324])
def test_no_number_breaks_it(value: float) -> None:
    """Sums of squares of such values overflow to infinity, and nothing is raised."""
    detector = Novelty(learn=3, silence=2)
    assert all(not math.isnan(detector.see(one)) for one in [1.0, 2.0, 3.0, value, 1.0, value, 2.0])


def requests(stretches: list[tuple[int, float, bool]], start: int = 0) -> list[Served]:
    """So many requests in each five minutes, at a latency, failed or not."""
    found = []
    for number, (n, latency, failed) in enumerate(stretches, start):
        answer = Answer(failure=Failure("timeout", "late")) if failed else Answer("a", latency_s=latency)
        found += [
            Served(
                request=f"{number}-{k}",
                task="t",
                release=1,
                arm="champion",
                at=300.0 * number + k,
                input_hash="",
                answer=answer,
                cost=0.001,
            )
            for k in range(n)
        ]
    return found


def usual(n: int) -> list[tuple[int, float, bool]]:
    """Traffic as ever."""
    generator = np.random.default_rng(1)
    return [(int(generator.integers(3, 7)), float(generator.uniform(0.1, 0.3)), False) for _ in range(n)]


@pytest.mark.parametrize(
    ("stretch", "metric"), [((5, 9.0, False), "latency"), ((60, 0.2, False), "volume"), ((5, 0.2, True), "errors")]
)
def test_five_minutes_like_none_before_alarm(stretch: tuple[int, float, bool], metric: str) -> None:
    """On the metric that is odd, with its value and the next step."""
    watch = Watch(Reference(kind="classification", n=0, streams=()), task="t", release=1)
    assert watch.see(requests(usual(400))) == []
    resumed = Watch(Reference(kind="classification", n=0, streams=()), task="t", release=1, state=watch.state())
    alarms = resumed.see(requests([stretch, *usual(2)], start=400))
    assert [alarm.stream for alarm in alarms] == [f"by time: {metric}"]
    assert alarms[0].at == 300.0 * 400
    assert "like in none of the 400 stretches" in alarms[0].text
    assert alarms[0].next_step


def test_nothing_alarms_where_that_is_turned_off() -> None:
    """Or while it still learns."""
    odd = [*usual(400), (5, 9.0, False), *usual(2)]
    assert ByTime(0.0).see(requests(odd)) == []
    assert ByTime(learn=500).see(requests(odd)) == []


def test_a_time_without_requests_is_a_volume_of_none() -> None:
    """However long it lasts, it is looked at in bounded time."""
    by_time = ByTime(learn=50)
    by_time.see(requests(usual(100)))
    (odd, *_) = by_time.see(requests([(5, 0.2, False)], start=2_000_000))
    assert (odd.metric, odd.value) == ("volume", 0.0)


def test_after_a_clock_that_jumped_ahead_five_minutes_are_watched_on() -> None:
    """One record of another year must not be the last stretch there ever is; nor is the time since then one of none."""
    by_time = ByTime()
    assert by_time.see(requests(usual(400)), now=300.0 * 400) == []
    by_time.see(requests([(1, 0.2, False)], start=401 + 288), now=300.0 * 1_000)  # a clock that was right then
    again = ByTime(state=by_time.state())
    found = again.see(requests([*usual(1), (5, 9.0, False), *usual(2)], start=401), now=300.0 * 405)
    assert [odd.metric for odd in found] == ["latency"]
