"""What time it is where the machine's clock jumps: nothing is aged, refused or lost by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from merits.core.live import Rollout
from merits.core.release import ContentPolicy
from merits.serving.clock import ForgettingClock, SteadyClock, plausible_now
from merits.serving.forgetting import forget_what_is_over
from merits.serving.keys import Keyring, new_key
from merits.serving.refusals import Refusal
from merits.store import open_live
from merits.testing.contracts.live_store import served as a_request
from merits.testing.serving import a_release

HOUR, DAY = 3_600.0, 86_400.0
NOW = 1_796_000_000.0


class Machine:
    """Its wall clock, and what really passes."""

    def __init__(self) -> None:
        self.wall, self.passed = NOW, 0.0

    def go_on(self, seconds: float) -> None:
        """Time passes."""
        self.wall += seconds
        self.passed += seconds

    def looks(self, seconds: float, every: float) -> Iterator[float]:
        """What has passed at the end of each stretch of so many seconds."""
        while seconds > 0:
            self.go_on(every)
            seconds -= every
            yield self.passed

    def steady(self) -> SteadyClock:
        """A clock of this machine."""
        return SteadyClock(lambda: self.wall, lambda: self.passed)


@pytest.mark.parametrize("jump", [DAY, -HOUR, 40 * DAY, -20_000 * DAY])
def test_a_jump_that_is_corrected_leaves_no_trace(jump: float) -> None:
    """Time goes on evenly through both of its ends."""
    machine = Machine()
    clock = machine.steady()
    machine.wall += jump
    for passed in machine.looks(590.0, 10.0):
        assert clock() == pytest.approx(NOW + passed, abs=1e-3)
    machine.wall -= jump
    for passed in machine.looks(HOUR, 10.0):
        assert clock() == pytest.approx(NOW + passed, abs=1e-3)


@pytest.mark.parametrize("jump", [DAY, -HOUR])
def test_a_clock_that_was_set_is_followed_in_ten_minutes(jump: float) -> None:
    """A machine that was asleep has the right time again."""
    machine = Machine()
    clock = machine.steady()
    machine.wall += jump
    clock()
    machine.go_on(601.0)
    assert clock() == pytest.approx(machine.wall)


def test_small_corrections_are_followed_at_once() -> None:
    """As clocks are slewed."""
    machine = Machine()
    clock = machine.steady()
    machine.wall += 0.5
    assert clock() == NOW + 0.5


def test_a_key_ends_by_the_time_that_passes() -> None:
    """A jump beyond its end refuses nobody, and one back lets nobody in."""
    machine = Machine()
    clock = machine.steady()
    ring = Keyring(clock=clock)
    key, record = new_key(now=NOW, expires_at=NOW + 12 * HOUR)
    ring.renew([record])
    machine.wall += DAY
    assert ring.holder(key.encode(), "here").key == record
    machine.wall -= DAY
    machine.go_on(12 * HOUR)
    clock()
    machine.wall -= DAY
    with pytest.raises(Refusal) as told:
        ring.holder(key.encode(), "here")
    assert told.value.code == "invalid_api_key"


def watched_by(machine: Machine, store: object) -> ForgettingClock:
    """As a server or a monitor that was begun now."""
    return ForgettingClock(store, lambda: machine.wall, lambda: machine.passed)  # type: ignore[arg-type]


@pytest.mark.parametrize("restarted", [False, True])
def test_content_is_not_aged_by_a_clock_that_jumped_ahead(restarted: bool) -> None:
    """Not by forty days for most of a day, whether the server was begun anew meanwhile or not."""
    live, machine = open_live(":memory:"), Machine()
    live.add(
        [
            replace(a_release(), content=ContentPolicy(keep=True, days=30.0)),
            Rollout(task="t", at=0.0, champion=1),
            replace(a_request("yesterday", task="t", at=NOW - DAY), input="Anna"),
            replace(a_request("now", task="t", at=NOW), input="Bert"),
        ]
    )
    clock = watched_by(machine, live)
    assert forget_what_is_over(live, ["t"], clock()) == 0
    machine.wall += 40 * DAY
    for _ in range(23):
        if restarted:
            clock = watched_by(machine, live)
        assert forget_what_is_over(live, ["t"], clock()) == 0
        assert clock() <= NOW + machine.passed + 1e-3
        machine.go_on(HOUR)
    machine.wall -= 40 * DAY
    assert NOW <= clock() <= machine.wall
    live.close()


def test_content_goes_on_aging_while_a_clock_is_wrong() -> None:
    """By the time that passes, and by the clock once it is right again."""
    live, machine = open_live(":memory:"), Machine()
    clock = watched_by(machine, live)
    clock()
    machine.wall += 40 * DAY
    for passed in machine.looks(5 * HOUR, 600.0):
        assert clock() == pytest.approx(NOW + passed)
    machine.wall -= 40 * DAY + HOUR  # and an hour back
    assert clock() == machine.wall
    live.close()


def test_after_a_pause_content_is_forgotten_about_a_day_late() -> None:
    """A server that was off for a week, and one that is looked at by a schedule, every hour."""
    live, machine = open_live(":memory:"), Machine()
    watched_by(machine, live)()
    machine.wall += 7 * DAY
    clock = watched_by(machine, live)
    assert clock() == NOW
    machine.go_on(DAY)
    assert clock() == machine.wall
    for _ in range(100):
        machine.wall += HOUR
        assert machine.wall - DAY - HOUR <= watched_by(machine, live)() <= machine.wall
    live.close()


def test_a_jump_on_a_schedule_is_not_believed_by_what_passed_before_it() -> None:
    """The gaps between looks must not have earned the clock any trust."""
    live, machine = open_live(":memory:"), Machine()
    for _ in range(20):
        machine.wall += HOUR
        watched_by(machine, live)()
    true = machine.wall
    machine.wall += 40 * DAY
    for hour in range(20):
        machine.wall += HOUR
        assert watched_by(machine, live)() <= true + (hour + 1) * HOUR
    live.close()


def test_the_first_look_takes_the_newest_request_for_now() -> None:
    """A store of before, on a machine whose clock is ahead."""
    live, machine = open_live(":memory:"), Machine()
    live.add([a_release(), a_request("r", task="t", at=NOW - HOUR)])
    assert watched_by(machine, live)() == NOW - HOUR
    live.close()


def test_a_rollout_is_not_dated_ahead_of_what_servers_know() -> None:
    """It is in force by its place; by its time its outcomes are counted, which would begin a day late."""
    live, machine = open_live(":memory:"), Machine()
    assert plausible_now(live, lambda: NOW + DAY) == NOW + DAY
    watched_by(machine, live)()
    assert plausible_now(live, lambda: NOW + DAY) == NOW + 900.0
    assert plausible_now(live, lambda: NOW - HOUR) == NOW - HOUR
    live.close()
