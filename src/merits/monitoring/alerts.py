"""Which alerts are open, and whom to tell of them now: grouped, silenced, acknowledged. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import TypeAlias

from merits.core.identity import content_hash
from merits.core.live import Alert, AlertMark
from merits.core.watch import Monitoring, Receiver, Severity

__all__ = ["Due", "State", "alert_id", "due", "open_alerts", "raised", "state_of", "worst"]

State: TypeAlias = str  # "open", "acknowledged", "silenced", "resolved"
_RANK: dict[Severity, int] = {"note": 0, "warning": 1, "alarm": 2}


@dataclass(frozen=True)
class Due:
    """What one receiver is to be told now: alerts of one group, oldest first."""

    receiver: Receiver
    alerts: tuple[Alert, ...]

    @property
    def key(self) -> str:
        """What marks it as sent: the receiver's name."""
        return self.receiver.label


def alert_id(task: str, kind: str, stream: str, release: int | None, since: float) -> str:
    """The id of an alert: the same event found twice (after a restart) is one alert. 12 hex digits.

    >>> alert_id("t", "drift", "length", 1, 10.0) == alert_id("t", "drift", "length", 1, 10.0)
    True
    """
    return content_hash([task, kind, stream, release, since])[:12]


def worst(alerts: Iterable[Alert]) -> Severity:
    """The worst severity among them; "note" where there is none."""
    return max((alert.severity for alert in alerts), key=_RANK.__getitem__, default="note")


def raised(found: Sequence[Alert], known: Sequence[Alert], monitoring: Monitoring) -> list[Alert]:
    """What of the alerts that were found is new, with the severity that the task's rules give it.

    Left out are those that are known by their id.
    """
    from msgspec.structs import replace

    ids = {alert.id for alert in known}
    new = []
    for alert in found:
        rule = monitoring.rule(alert.stream)
        if alert.id in ids:
            continue
        ids.add(alert.id)
        new.append(alert if rule.severity is None else replace(alert, severity=rule.severity))
    return new


def state_of(alert: Alert, marks: Sequence[AlertMark], now: float) -> State:
    """What has become of an alert: "open", "acknowledged", "silenced" or "resolved".

    A silence is of one alert or of streams (`alert` holds a name in which * stands for anything), and ends at its
    `until`. A mark that was made before the alert came does not acknowledge or resolve it.
    """
    state = "open"
    for mark in marks:
        if mark.mark == "silenced":
            names_it = mark.alert == alert.id or fnmatchcase(alert.stream, mark.alert)
            if names_it and (mark.until is None or now < mark.until):
                state = "silenced"
        elif mark.alert == alert.id and mark.mark != "sent":
            state = mark.mark
    return state


def open_alerts(alerts: Sequence[Alert], marks: Sequence[AlertMark], now: float) -> list[Alert]:
    """Those that nobody acknowledged, silenced or resolved, oldest first."""
    return [alert for alert in alerts if state_of(alert, marks, now) == "open"]


def due(
    alerts: Sequence[Alert],
    marks: Sequence[AlertMark],
    monitoring: Monitoring,
    now: float,
    *,
    serving: Collection[int] | None = None,
) -> list[Due]:
    """Whom to tell of what now. A group waits until its first alert is `group_s` old, alarms do not wait.

    What was sent to a receiver is sent to it again after `repeat_h` as long as it is open. A clock that was set back
    makes nothing wait longer than that. Where it is said which releases are `serving`, nobody is told of others any
    more.
    """
    alerts = [one for one in alerts if serving is None or one.release is None or one.release in serving]
    sent = _sent(marks)
    found = []
    for receiver in monitoring.receivers:
        waiting = [
            alert
            for alert in open_alerts(alerts, marks, now)
            if _RANK[alert.severity] >= _RANK[receiver.at_least]
            and abs(now - sent.get((alert.id, receiver.label), -float("inf"))) >= monitoring.repeat_h * 3_600.0
        ]
        for _, members in groupby(sorted(waiting, key=_group), key=_group):
            group = sorted(members, key=lambda alert: (alert.at, alert.id))
            if worst(group) == "alarm" or abs(now - group[0].at) >= monitoring.group_s:
                found.append(Due(receiver, tuple(group)))
    return found


def _group(alert: Alert) -> str:
    return alert.group or alert.kind


def _sent(marks: Sequence[AlertMark]) -> dict[tuple[str, str], float]:
    """When an alert was last sent to a receiver."""
    found: dict[tuple[str, str], float] = {}
    for mark in marks:
        if mark.mark == "sent":
            found[mark.alert, mark.by] = mark.at
    return found
