"""What was served, counted."""

import numpy as np
import pytest
from msgspec.structs import replace

from merits.core.answer import Answer, Failure
from merits.core.live import Served
from merits.monitoring.figures import Figures
from merits.stats import mean


def served(number, *, at=0.0, arm="champion", release=1, failed=False, cost=0.001, seconds=0.2):
    answer = Answer(failure=Failure("timeout", "slow")) if failed else Answer("yes")
    return Served(
        request=f"r{number}",
        task="t",
        release=release,
        arm=arm,
        at=at,
        input_hash="",
        answer=answer,
        cost=None if failed else cost,
        seconds=seconds,
    )


def test_a_shadow_is_counted_apart_and_was_given_to_nobody():
    figures = Figures()
    figures.take([served(1), served(1, arm="shadow", release=2)])
    assert figures.n == 1
    assert figures.arms[2, "shadow"].n == 1


def test_failures_have_no_latency_and_no_cost_that_is_known():
    figures = Figures()
    figures.take([served(n, failed=n < 3) for n in range(10)])
    arm = figures.arms[1, "champion"]
    assert (arm.failed, arm.share_failed.value) == (3, 0.3)
    assert (arm.cost_per_1000.value, arm.cost_per_1000.n, arm.cost_per_1000.currency) == (1.0, 7, "USD")
    assert (arm.latency_s(0.95).value, arm.latency_s(0.95).n) == (0.2, 7)


def test_a_cost_and_a_latency_are_told_with_their_intervals():
    figures, generator = Figures(), np.random.default_rng(4)
    costs, seconds = generator.lognormal(-7.0, 1.0, 400), generator.lognormal(-2.0, 0.5, 400)
    figures.take([served(n, cost=costs[n], seconds=seconds[n]) for n in range(400)])
    arm = figures.arms[1, "champion"]
    assert arm.cost_per_1000.text() == mean(1_000.0 * costs, currency="USD").text()
    p95 = arm.latency_s(0.95)
    assert p95.low < p95.value < p95.high
    assert 0.95 * 400 == pytest.approx((seconds <= p95.value).sum(), abs=1)


def test_costs_in_two_currencies_are_not_added():
    """A fallback's provider bills in another one: the mean is that of the most, and says of how many it is."""
    figures = Figures()
    figures.take([replace(served(n), currency="EUR" if n < 3 else "USD") for n in range(10)])
    cost = figures.arms[1, "champion"].cost_per_1000
    assert (cost.value, cost.n, cost.currency) == (1.0, 7, "USD")


def test_an_outcome_that_turns_out_otherwise_is_counted_once():
    figures, one = Figures(), served(1)
    figures.take([one])
    figures.judged([(one, True)])
    figures.judged([(one, False)], taken_back=[(one, True)])
    arm = figures.arms[1, "champion"]
    assert (arm.judged, arm.solved, figures.stretches()[0].solved) == (1, 0, 0)


def test_all_time_is_told_in_so_many_stretches():
    figures = Figures()
    figures.take([served(n, at=7.0 * n) for n in range(1_000)])
    found = figures.stretches(40)
    assert len(found) <= 40
    assert sum(one.n for one in found) == 1_000
    assert [one.at for one in found] == sorted(one.at for one in found)


def test_requests_a_minute_are_those_of_late():
    figures = Figures()
    figures.take([served(n, at=float(n)) for n in range(2_000)])
    assert figures.per_minute(2_000.0) == pytest.approx(60.0, rel=0.05)
    assert Figures().per_minute(5.0) == 0.0


def test_what_was_kept_goes_on_as_if_nothing_had_happened():
    one, other = Figures(), Figures()
    first, second = [served(n, at=float(n)) for n in range(50)], [served(n, at=float(n)) for n in range(50, 90)]
    one.take([*first, *second])
    other.take(first)
    again = Figures.of(other.state())
    again.take(second)
    assert again.state() == one.state()
