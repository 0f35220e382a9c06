"""A task in production in words: no alarm stands beside a plain "right"."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from merits.report.live import AlertLine, headline, tone_of
from merits.report.live_page import fragment
from merits.report.live_terminal import drawn
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


def printed(found):
    console = Console(file=io.StringIO(), width=80)
    console.print(drawn(found))
    return console.file.getvalue()
