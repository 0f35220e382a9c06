"""Which alerts are open, and whom to tell of them."""

import pytest
from msgspec.structs import replace

from merits.core.live import Alert, AlertMark
from merits.core.watch import Monitoring, Receiver, Rule
from merits.monitoring.alerts import alert_id, due, open_alerts, raised, state_of

HOUR = 3_600.0


def an_alert(stream="drift: length", at=100.0, severity="warning", **more) -> Alert:
    return Alert(
        id=alert_id("t", "drift", stream, 1, at),
        task="t",
        at=at,
        kind="drift",
        stream=stream,
        severity=severity,
        text=f"{stream} changed",
        **more,
    )


def mark(alert: Alert | str, what: str, at: float = 200.0, **more) -> AlertMark:
    return AlertMark(alert=alert if isinstance(alert, str) else alert.id, task="t", at=at, mark=what, **more)


HOOK = Receiver(webhook="http://127.0.0.1:1/", name="hook")
WATCHED = Monitoring(receivers=(HOOK,), group_s=60.0, repeat_h=24.0)


def test_the_same_event_found_again_is_no_new_alert():
    first = an_alert()
    assert raised([first, an_alert()], [], WATCHED) == [first]
    assert raised([an_alert()], [first], WATCHED) == []


def test_a_rule_changes_how_bad_a_change_of_some_streams_is():
    ruled = Monitoring(rules=(Rule(on="drift: len*", severity="note"),))
    assert [one.severity for one in raised([an_alert(), an_alert("drift: id")], [], ruled)] == ["note", "warning"]


@pytest.mark.parametrize(
    ("what", "state"), [("acknowledged", "acknowledged"), ("resolved", "resolved"), ("sent", "open")]
)
def test_the_last_mark_says_what_became_of_an_alert(what, state):
    alert = an_alert()
    assert state_of(alert, [mark(alert, what)], now=300.0) == state


def test_a_silence_ends_and_may_be_of_many_streams():
    alert, other = an_alert(), an_alert("latency")
    marks = [mark("drift: *", "silenced", until=500.0)]
    assert open_alerts([alert, other], marks, now=400.0) == [other]
    assert open_alerts([alert, other], marks, now=501.0) == [alert, other]


def test_alerts_of_one_group_are_sent_together_once_the_first_has_waited():
    alerts = [an_alert(at=100.0), an_alert("drift: language", at=140.0)]
    assert due(alerts, [], WATCHED, now=150.0) == []
    (told,) = due(alerts, [], WATCHED, now=161.0)
    assert told.alerts == tuple(alerts)


def test_an_alarm_does_not_wait_and_takes_its_group_along():
    alerts = [an_alert(at=100.0), an_alert("drift: language", at=101.0, severity="alarm")]
    (told,) = due(alerts, [], WATCHED, now=101.0)
    assert told.alerts == tuple(alerts)


def test_what_was_sent_is_sent_again_only_after_so_many_hours_and_only_while_it_is_open():
    alert = an_alert()
    sent = mark(alert, "sent", at=200.0, by="hook")
    assert due([alert], [sent], WATCHED, now=200.0 + 23 * HOUR) == []
    assert len(due([alert], [sent], WATCHED, now=200.0 + 25 * HOUR)) == 1
    assert due([alert], [sent, mark(alert, "acknowledged")], WATCHED, now=200.0 + 25 * HOUR) == []


def test_a_receiver_hears_only_of_what_is_bad_enough_and_each_is_told_by_itself():
    quiet = replace(HOOK, name="pager", at_least="alarm")
    both = replace(WATCHED, receivers=(HOOK, quiet))
    note = an_alert(severity="note")
    assert due([note], [], both, now=1_000.0) == []
    assert [told.key for told in due([an_alert()], [], both, now=1_000.0)] == ["hook"]
    alarm = an_alert(severity="alarm")
    assert [told.key for told in due([alarm], [mark(alarm, "sent", by="hook")], both, now=1_000.0)] == ["pager"]


def test_nobody_is_told_again_of_a_release_that_serves_no_more():
    old, new, both = (an_alert(stream, release=release) for stream, release in (("a", 1), ("b", 2), ("c", None)))
    (told,) = due([old, new, both], [], WATCHED, now=1_000.0, serving=[2])
    assert {one.stream for one in told.alerts} == {"b", "c"}
