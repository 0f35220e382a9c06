"""A task in production in words: no alarm stands beside a plain "right"."""

import io

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from merits.report.live import AlertLine, ArmLine, headline, tone_of
from merits.report.live_page import fragment
from merits.report.live_terminal import drawn
from merits.stats import mean, quantile
from tests.production.test_monitor_page import ALERT, Watched

ALARM = replace(ALERT, severity="alarm", text="fewer are solved", next_step="merits rollback")


def view(standing, *lines):
    return replace(Watched().view(), standing=standing, alerts=lines)


@pytest.mark.parametrize(
    ("standing", "lines", "said", "tone"),
    [
        ("right", (), "right", "good"),
        ("right", (AlertLine(alert=ALERT, state="open"),), "right", "good"),
        ("right", (AlertLine(alert=ALARM, state="acknowledged"),), "right", "good"),
        ("right", (AlertLine(alert=ALARM, state="open"),), "in doubt: 1 alarm is open", "open"),
        ("right", 2 * (AlertLine(alert=ALARM, state="open"),), "in doubt: 2 alarms are open", "open"),
        ("no longer right", (AlertLine(alert=ALARM, state="open"),), "no longer right", "bad"),
        ("too early to tell", (AlertLine(alert=ALARM, state="open"),), "too early to tell", "open"),
    ],
)
def test_a_decision_is_in_doubt_while_an_alarm_is_open(standing, lines, said, tone):
    found = view(standing, *lines)
    assert (headline(found), tone_of(found)) == (said, tone)
    assert said in fragment(found)
    assert f"The decision is {said}." in printed(found)


def test_what_to_do_is_said_of_open_alerts_only():
    assert "next: merits rollback" in printed(view("right", AlertLine(alert=ALARM, state="open")))
    assert "next: merits rollback" not in printed(view("right", AlertLine(alert=ALARM, state="resolved")))


def test_latency_and_cost_of_what_serves_have_intervals_and_say_of_how_many_they_are():
    cost = mean(np.array([0.8, 1.0, 1.2, 1.4]), currency="EUR")
    p95 = quantile(np.linspace(0.1, 0.5, 200), 0.95)
    arm = ArmLine(release=1, arm="champion", n=10, latency_p50_s=p95, latency_p95_s=p95, cost_per_1000=cost)
    found = replace(view("right"), arms=(arm, replace(arm, n=4)))
    for shown in (fragment(found), printed(found, width=100)):
        assert cost.number(cost.value) in shown
        assert cost.interval() in shown
        assert p95.interval() in shown
        assert shown.count("of 4 priced") == 1


def printed(found, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(drawn(found))
    return console.file.getvalue()
