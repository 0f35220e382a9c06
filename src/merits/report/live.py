"""What people see of a task in production: plain data, from which the terminal, the page and the JSON are drawn."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.estimate import Estimate
from merits.core.live import Alert, Rollout
from merits.core.release import Promise

__all__ = ["AlertLine", "ArmLine", "LiveView", "Moment", "Standing", "StreamLine", "Tone", "headline", "tone_of"]

Standing: TypeAlias = Literal["right", "no longer right", "too early to tell"]
Tone: TypeAlias = Literal["good", "bad", "open"]


class ArmLine(msgspec.Struct, frozen=True, kw_only=True):
    """One release in one part (`arm`), over the window: how much it answered, how well, how fast, at what cost.

    `quality` is of the cases whose outcome is known, `cost_per_1000` of the answers whose cost is (their `n`); each is
    None while there is none. Latencies are of the last 5,000 answers.
    """

    release: int
    arm: str
    n: int
    failed: Estimate | None = None
    quality: Estimate | None = None
    latency_p50_s: Estimate | None = None
    latency_p95_s: Estimate | None = None
    cost_per_1000: Estimate | None = None

    @property
    def priced(self) -> str:
        """Of how many answers the cost is known, where that is not all: "of 480 priced"."""
        n = 0 if self.cost_per_1000 is None else self.cost_per_1000.n
        return f"of {n:,} priced" if 0 < n < self.n else ""


class StreamLine(msgspec.Struct, frozen=True, kw_only=True):
    """One stream that is watched: what moved most, in words (`text`), and how strong the evidence of a change is.

    `e_value` grows without bound when it changed; it alarms at `bar`. `state` is "changed", "as it was" or "too early".
    """

    name: str
    state: Literal["as it was", "changed", "too early"]
    text: str = ""
    effect: str = ""
    e_value: float | None = None
    bar: float | None = None
    n: int = 0
    since: float | None = None


class AlertLine(msgspec.Struct, frozen=True, kw_only=True):
    """An alert and what has become of it: open, acknowledged, silenced or resolved."""

    alert: Alert
    state: str


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time until `at` (UNIX seconds): how many were answered, and how many of the judged were solved."""

    at: float
    n: int
    judged: int
    solved: Estimate | None = None


class LiveView(msgspec.Struct, frozen=True, kw_only=True):
    """A task in production at one moment (`at`, UNIX seconds), since `since`.

    `standing` is whether the decision is right, `because` why that is thought. `estimated` is the quality estimated
    without labels, on the `assumption`. `rollouts` are the last, newest first; `watching` says what nobody could watch.
    """

    task: str
    at: float
    since: float
    model: str
    standing: Standing
    because: str
    promise: Promise
    promised_on: str
    n_served: int
    n_judged: int
    per_minute: float
    arms: tuple[ArmLine, ...] = ()
    estimated: Estimate | None = None
    assumption: str = ""
    streams: tuple[StreamLine, ...] = ()
    alerts: tuple[AlertLine, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    moments: tuple[Moment, ...] = ()
    waiting_for: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def headline(view: LiveView) -> str:
    """What the decision is, in words: its standing; in doubt where that is "right" and an alarm is open.

    No requirement is missed then, and nothing beside it is better; but something that matters has changed.
    """
    alarms = _open_alarms(view)
    if view.standing != "right" or not alarms:
        return view.standing
    return f"in doubt: {'1 alarm is' if alarms == 1 else f'{alarms:,} alarms are'} open"


def tone_of(view: LiveView) -> Tone:
    """The colour of a headline."""
    if view.standing == "right":
        return "open" if _open_alarms(view) else "good"
    return "bad" if view.standing == "no longer right" else "open"


def _open_alarms(view: LiveView) -> int:
    return sum(one.state == "open" and one.alert.severity == "alarm" for one in view.alerts)
