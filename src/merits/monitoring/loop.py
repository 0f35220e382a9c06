"""What follows an alarm by itself: re-evaluate, retrain, compare, switch; and where a person is asked first.

    idle ── an alarm ──> re-evaluate ──> retrain ──> compare ──> switch ──> idle
    idle ── the schedule ──────────────> retrain ──> compare ──> switch ──> idle
              found nothing better: idle; the comparison fails: idle; compare or switch not listed: a person goes on
              re-evaluate or retrain not listed: left out (retrain is asked for where the schedule is followed)

Pure but for `Actions`, which does what a step is: so a loop that was killed goes on from its state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from merits.core.live import Alert
from merits.core.watch import Loop, Step

__all__ = [
    "SCHEDULE",
    "Actions",
    "Found",
    "LoopState",
    "Stage",
    "advance",
    "approve",
    "ended",
    "is_scheduled",
    "scheduled",
    "waiting_for",
]

SCHEDULE = "schedule"
"""The kind of what stands for an alert where it is the schedule that the loop follows."""
Stage: TypeAlias = Literal["idle", "re-evaluate", "retrain", "compare", "comparing", "switch"]
Outcome: TypeAlias = Literal["found", "nothing", "not yet"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a step: something to go on with (`challenger`, a release), nothing, or too little to tell yet."""

    outcome: Outcome
    text: str
    challenger: int | None = None


class Actions(Protocol):
    """What the steps do. Each may take long; what it raises leaves the loop where it was.

    `re_evaluate` decides anew on fresh labelled cases, `retrain` trains the one that serves on them; both give a
    release that is not served yet. `compare` begins to give requests to it. `compared` is "found" once it won,
    "nothing" once it lost (then it gets no more requests). `switch` makes it the one that serves; "nothing" where it is
    not compared with what serves any more.
    """

    def re_evaluate(self, alert: Alert) -> Found: ...

    def retrain(self, alert: Alert) -> Found: ...

    def compare(self, challenger: int, reason: str) -> None: ...

    def compared(self, challenger: int) -> Found: ...

    def switch(self, challenger: int, reason: str) -> Found: ...


class LoopState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the loop is. `alerts` are those that were dealt with, `log` what was done and why, oldest first.

    `alert` is why it left "idle": an alarm, or the schedule, which last did so at `scheduled_at` (UNIX seconds).
    """

    stage: Stage = "idle"
    alert: Alert | None = None
    challenger: int | None = None
    approved: tuple[Step, ...] = ()
    alerts: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    scheduled_at: float | None = None


_KEPT = 200  # alerts and lines of the log


def approve(state: LoopState, step: Step, by: str = "") -> LoopState:
    """The state in which a person said yes to a step.

    >>> approve(LoopState(stage="switch"), "switch", "eva").log
    ('switch: approved by eva',)
    """
    return _logged(replace(state, approved=(*state.approved, step)), f"{step}: approved{f' by {by}' if by else ''}")


def waiting_for(state: LoopState, loop: Loop) -> Step | None:
    """The step before which a person is asked now; None where nobody is.

    >>> waiting_for(LoopState(stage="switch", challenger=2), Loop(steps=("switch",), ask=("switch",)))
    'switch'
    """
    if state.stage == "idle" or state.stage == "comparing":  # noqa: PLR1714  so that the type of the rest is known
        return None
    step: Step = state.stage
    if step in state.approved or (step in loop.steps and step not in loop.ask):
        return None
    return step


def advance(
    state: LoopState,
    alarms: Sequence[Alert],
    loop: Loop,
    actions: Actions,
    keep: Callable[[LoopState], object] = lambda state: None,
) -> LoopState:
    """The state after everything that can be done now. `alarms` are the open alerts that a loop is for, oldest first.

    `keep` is given the state after each step, before the next begins.

    A step that waits for a person, or for evidence, is where it stops. One alarm is dealt with at a time; others that
    are open by then are dealt with by the same steps, for they are about the same release.
    """
    if state.stage == "idle":
        new = [alarm for alarm in alarms if alarm.id not in state.alerts]
        if not new:
            return state
        state = _logged(replace(state, stage="re-evaluate", alert=new[0], approved=()), f"alarm: {new[0].text}")
        if "re-evaluate" not in loop.steps:
            state = replace(state, stage="retrain") if "retrain" in loop.steps else _ended(state, alarms)
        keep(state)
        if state.stage == "idle":
            return state
    while True:
        after = _step(state, alarms, loop, actions)
        if after == state:
            return after
        keep(after)
        if after.stage == "idle":
            return after
        state = after


def scheduled(state: LoopState, task: str, release: int, at: float, why: str) -> LoopState:
    """The state in which retraining is due by the schedule, about the release that serves.

    >>> scheduled(LoopState(), "t", 1, 0.0, "every 7 days").log
    ('schedule: every 7 days',)
    """
    due = Alert(
        id=f"schedule {at:.0f}",
        task=task,
        at=at,
        kind=SCHEDULE,
        stream=SCHEDULE,
        severity="note",
        text=why,
        release=release,
    )
    return _logged(replace(state, stage="retrain", alert=due, approved=(), scheduled_at=at), f"schedule: {why}")


def is_scheduled(state: LoopState) -> bool:
    """Whether it is the schedule, and no alarm, that the loop follows now."""
    return state.alert is not None and state.alert.kind == SCHEDULE


def _step(state: LoopState, alarms: Sequence[Alert], loop: Loop, actions: Actions) -> LoopState:
    """The state after one step; the same where it must wait."""
    if waiting_for(state, loop) is not None:
        return state
    alert = state.alert
    assert alert is not None
    if state.stage == "re-evaluate":
        otherwise: Stage = "retrain" if "retrain" in loop.steps else "idle"
        return _looked(state, actions.re_evaluate(alert), "re-evaluate", alarms, otherwise=otherwise)
    if state.stage == "retrain":
        return _looked(state, actions.retrain(alert), "retrain", alarms, otherwise="idle")
    challenger = state.challenger
    assert challenger is not None
    if state.stage == "compare":
        actions.compare(challenger, alert.text)
        return _logged(replace(state, stage="comparing"), f"compare: @{challenger} is given requests")
    if state.stage == "comparing":
        return _looked(state, actions.compared(challenger), "compare", alarms, otherwise="idle")
    found = actions.switch(challenger, state.log[-1] if state.log else alert.text)
    return _looked(state, found, "switch", alarms, otherwise="idle")


_NEXT: dict[Stage, Stage] = {"re-evaluate": "compare", "retrain": "compare", "comparing": "switch", "switch": "idle"}


def _looked(state: LoopState, found: Found, step: Step, alarms: Sequence[Alert], *, otherwise: Stage) -> LoopState:
    line = f"{step}: {found.text}"
    if found.outcome == "not yet":
        return state if state.log and state.log[-1] == line else _logged(state, line)
    state = _logged(state, line)
    if found.outcome == "found" and _NEXT[state.stage] != "idle":
        challenger = state.challenger if found.challenger is None else found.challenger
        return replace(state, stage=_NEXT[state.stage], challenger=challenger)
    return _ended(state, alarms) if otherwise == "idle" else replace(state, stage=otherwise)


def ended(state: LoopState, alarms: Sequence[Alert], why: str) -> LoopState:
    """The state in which nothing follows any more, with these alarms dealt with."""
    return _ended(_logged(state, why), alarms)


def _ended(state: LoopState, alarms: Sequence[Alert]) -> LoopState:
    """Alarms that came while the schedule was followed are not dealt with by that."""
    new = () if is_scheduled(state) else tuple(alarm.id for alarm in alarms if alarm.id not in state.alerts)
    return LoopState(alerts=(*state.alerts, *new)[-_KEPT:], log=state.log, scheduled_at=state.scheduled_at)


def _logged(state: LoopState, line: str) -> LoopState:
    return replace(state, log=(*state.log, line)[-_KEPT:])
