"""The loop closes: after an alarm, or on schedule, something better is looked for, compared, and serves if it wins.

    loop = TaskLoop(task, live)
    loop.advance()               does what can be done now; what waits for a person, or for evidence, is left

What follows on what is in `monitoring.loop`; here its steps are done, with what stands below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from merits.core.candidate import Candidate
from merits.core.doors import LiveStore, Store
from merits.core.errors import CandidateError, NothingToRelease, StoreError, UsageError
from merits.core.estimate import Estimate
from merits.core.live import LOOP, Alert, AlertMark, Checkpoint, Rollout
from merits.core.task import Task
from merits.core.watch import Step
from merits.evaluating.pricing import known_prices
from merits.monitoring.alerts import state_of
from merits.monitoring.loop import (
    SCHEDULE,
    Found,
    LoopState,
    advance,
    approve,
    ended,
    is_scheduled,
    scheduled,
    waiting_for,
)
from merits.opening import opened_store, prices_of, rollout_in_force, serves_since
from merits.production.re_evaluated import re_evaluate_step
from merits.production.retrained import n_labelled, retrain_step
from merits.production.rolled_out import conclude_rollout, rollout_status, start_rollout

__all__ = ["TaskLoop"]

_NAME = "loop"
_BY = LOOP
_DEALT_WITH = ("resolved", "silenced")  # alerts that nothing follows any more
_COUNTED_EVERY_S = 600.0  # labels, while too few of them have come for what is due


@dataclass(frozen=True)
class LoopForeseen:
    """What an alarm would begin. `asks` are the steps before which a person is asked.

    `tried` are the candidates that would race on `n_cases` fresh cases, each with what its answers to all of them are
    likely to cost (None: it is not paid by use, or nothing is known). `left_out` would cost money, and the loop has
    no `budget`.
    """

    steps: tuple[Step, ...]
    asks: tuple[Step, ...]
    tried: Mapping[str, Estimate | None]
    left_out: tuple[str, ...]
    n_cases: int
    budget: str


class _Overtaken(Exception):
    """Somebody else has changed the state."""


class TaskLoop:
    """The loop of one task. Its state is in the live store, so that it goes on after a restart, on any machine.

    `store` is where answers are, the task's own unless given. One at a time may advance. `note` is told what is done.
    """

    def __init__(
        self,
        task: Task,
        live: LiveStore,
        *,
        store: Store | str | Path | None = None,
        note: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.task, self.live = task, live
        self._store, self._note, self._clock = store, note, clock
        self._counted_at = -float("inf")
        self._known = LoopState()

    @property
    def state(self) -> LoopState:
        """Where it is."""
        kept = self.live.checkpoint(self.task.name, _NAME)
        return LoopState() if kept is None else msgspec.json.decode(kept.state, type=LoopState)

    @property
    def waiting_for(self) -> Step | None:
        """The step that a person must approve; None where nobody is asked."""
        return waiting_for(self.state, self.task.monitor.loop)

    def approve(self, step: Step, by: str = "") -> LoopState:
        """The state after a person said yes. UsageError where it does not wait for that."""
        state = self.state
        if waiting_for(state, self.task.monitor.loop) != step:
            waits = waiting_for(state, self.task.monitor.loop)
            raise UsageError(
                f"the loop does not wait for {step!r}.",
                f"It waits for {waits!r}: --approve {waits}" if waits else "It waits for nobody.",
            )
        return self._keep(approve(state, step, by))

    def decline(self, by: str = "") -> LoopState:
        """The state after a person said no, at whatever stage: nothing follows the alarm any more, and a comparison
        that the loop began ends. UsageError where nothing goes on.
        """
        state = self.state
        if state.stage == "idle":
            raise UsageError("the loop does nothing now.", "Look at what it did: merits monitor --once")
        why = f"{state.stage}: declined{f' by {by}' if by else ''}"
        kept = self._keep(ended(state, self._alarms(), why))
        self._call_off(why)
        return kept

    def foreseen(self) -> LoopForeseen:
        """What an alarm would begin now, and what asking candidates is likely to cost by the last decision."""
        loop, rollout = self.task.monitor.loop, self._rollout()
        serving = next(one for one in self.live.releases(self.task.name) if one.version == rollout.champion)
        searching: tuple[Step, ...] = ("re-evaluate", "retrain")
        steps: tuple[Step, ...] = (*(step for step in searching if step in loop.steps), "compare", "switch")
        tried = self._allowed(serving.candidate) if "re-evaluate" in loop.steps else ()
        costs = self._costs_of_one()
        shown = {one.name: cost.times(loop.fresh) if (cost := costs.get(one.name)) else None for one in tried}
        names = [one.name for one in self.task.candidates] if tried else []
        return LoopForeseen(
            steps=steps,
            asks=tuple(step for step in steps if step not in loop.steps or step in loop.ask),
            tried=shown,
            left_out=tuple(name for name in names if name not in shown),
            n_cases=loop.fresh,
            budget=loop.budget,
        )

    def _costs_of_one(self) -> dict[str, Estimate]:
        """What a case costs of each candidate that is paid by use, as far as the last decision knew."""
        with suppress(StoreError), opened_store(self._store, self.task, write=False) as store:
            made = store.decisions(self.task.id)
            paid = {one.name for one in self.task.candidates if self._is_paid(one)}
            standings = made[-1].standings if made else ()
            return {
                one.candidate: one.cost_per_1000.times(0.001)
                for one in standings
                if one.candidate in paid and one.cost_per_1000 is not None
            }
        return {}

    def advance(self) -> LoopState:
        """The state after everything that can be done now; each step is kept before the next begins.

        What a person said meanwhile, on another machine say, counts: what was being done then ends with it.
        """
        try:
            return self._advanced()
        except _Overtaken:
            state = self.state
            if state.stage == "idle":
                self._call_off(state.log[-1])
            return state

    def _advanced(self) -> LoopState:
        state = self._known = self.state
        if state.stage != "idle" and (why := self._over(state)):
            state = self._next(ended(state, (), why))
            self._call_off(why)
        if state.challenger is not None and self._rollout().champion == state.challenger:
            self.switch(state.challenger, "")  # by hand, or before this was stopped
            state = self._next(ended(state, (), f"switch: @{state.challenger} serves by now"))
        loop, alarms = self.task.monitor.loop, self._alarms()
        new = [alarm for alarm in alarms if alarm.id not in state.alerts]
        if new and is_scheduled(state) and state.stage == "retrain":
            state = self._next(ended(state, (), "schedule: it gives way to an alarm"))
        state = advance(state, alarms, loop, self, keep=self._next)
        if state.stage == "idle" and (why := self._due(state)):
            state = self._next(scheduled(state, self.task.name, self._rollout().champion, self._clock(), why))
            state = advance(state, alarms, loop, self, keep=self._next)
        return state

    def _due(self, state: LoopState) -> str:
        """Why retraining is due by the schedule; "" where it is not."""
        plan, now, rollouts = self.task.monitor.retrain, self._clock(), self.live.rollouts(self.task.name)
        if plan is None or self._rollout().challenger is not None:
            return ""
        since = max(state.scheduled_at or 0.0, serves_since(rollouts, self._rollout().champion))
        if now - since < plan.every_s or now - self._counted_at < _COUNTED_EVERY_S:
            return ""
        n = n_labelled(self.task, self.live, since=since, users=self.task.monitor.loop.users)
        self._counted_at = now if n < plan.at_least else -float("inf")
        return f"every {plan.every}, and {n:,} labelled requests came since" if n >= plan.at_least else ""

    def _over(self, state: LoopState) -> str:
        """Why nothing more follows the alarm; "" where something does."""
        serving, alert = self._rollout().champion, state.alert
        if alert is None or state.challenger == serving:
            return ""
        if alert.release not in (None, serving):
            return "another release serves by now"
        fate = "" if is_scheduled(state) else state_of(alert, self.live.marks(self.task.name), self._clock())
        return f"the alert was {fate}" if fate in _DEALT_WITH else ""

    def _call_off(self, why: str) -> None:
        """Ends a comparison that the loop began."""
        now = self._rollout()
        if now.challenger is not None and now.by == _BY:
            conclude_rollout(self.task, "stop", live=self.live, reason=why, by=_BY)

    def _alarms(self, release: int | None = None) -> list[Alert]:
        """Open alerts that the loop is for, about a release, else about the one that serves."""
        now, loop = self._clock(), self.task.monitor.loop
        about = self._rollout().champion if release is None else release
        marks = self.live.marks(self.task.name)
        return [
            alert
            for alert in self.live.alerts(self.task.name)
            if alert.kind in loop.on and alert.release == about and state_of(alert, marks, now) not in _DEALT_WITH
        ]

    def _rollout(self) -> Rollout:
        return rollout_in_force(self.live, self.task)

    def _next(self, state: LoopState) -> LoopState:
        """Keeps a state that follows on what it was when this began; _Overtaken where it is another one by now."""
        if self.state != self._known:
            raise _Overtaken
        self._keep(state)
        self._known = self.state
        return state

    def _keep(self, state: LoopState) -> LoopState:
        before = self.state
        self.live.add([Checkpoint(task=self.task.name, name=_NAME, at=self._clock(), state=msgspec.json.encode(state))])
        for line in state.log[len(before.log) :] if state.log[: len(before.log)] == before.log else state.log[-1:]:
            self._note(line)
        return state

    # the steps

    def re_evaluate(self, alert: Alert) -> Found:
        """All candidates on the newest labelled cases, by the same decision as ever; the best becomes a release."""
        if (made := self._made_for(alert)) is not None:
            return made
        rollout = self._rollout()
        serving = next(one for one in self.live.releases(self.task.name) if one.version == rollout.champion)
        return re_evaluate_step(
            self.task,
            alert,
            serving,
            self._allowed(serving.candidate),
            live=self.live,
            store=self._store,
            reason=self._because(alert),
            by=_BY,
            note=self._note,
            clock=self._clock,
        )

    def _made_for(self, alert: Alert) -> Found | None:
        """A release that was made because of it and never served: it was stopped between that and noting it."""
        rollouts, because = self.live.rollouts(self.task.name), self._because(alert)
        seen = {version for one in rollouts for version in (one.champion, one.challenger)}
        for one in reversed(self.live.releases(self.task.name)):
            mine = because in one.reason and (alert.kind != SCHEDULE or one.made_at >= alert.at)
            if mine and one.version not in seen:
                text = f"@{one.version} ({one.candidate.name}) was made for this before, and never served."
                return Found(outcome="found", text=text, challenger=one.version)
        return None

    def _allowed(self, serving: Candidate) -> tuple[Candidate, ...]:
        """The task's candidates and the one that serves; without a budget those alone that cost nothing to ask."""
        known = {one.id for one in self.task.candidates}
        names = {one.name for one in self.task.candidates}
        mine = () if serving.id in known or serving.name in names else (serving,)
        every = (*self.task.candidates, *mine)
        if self.task.monitor.loop.budget:
            return every
        return tuple(one for one in every if one.id == serving.id or not self._is_paid(one))

    def _is_paid(self, candidate: Candidate) -> bool:
        """Whether its answers are paid for by use."""
        price = known_prices((candidate,), prices_of(self.task), currency=self.task.needs.currency)[0]
        return price is not None and price.paid_by_use

    def retrain(self, alert: Alert) -> Found:
        """The candidate that serves, trained again on what was labelled since; a release where it is better.

        On schedule those that the task file names for it, of which the best goes on.
        """
        if (made := self._made_for(alert)) is not None:
            return made
        since = serves_since(self.live.rollouts(self.task.name), self._rollout().champion)
        plan = self.task.monitor.retrain if is_scheduled(self.state) else None
        try:
            return retrain_step(
                self.task,
                candidates=plan.candidates if plan is not None else (),
                live=self.live,
                store=self._store,
                since=since,
                users=self.task.monitor.loop.users,
                reason=self._because(alert),
            )
        except (CandidateError, NothingToRelease) as problem:  # it would be the same at the next look
            return Found(outcome="nothing", text=str(problem))

    def _because(self, alert: Alert, text: str = "") -> str:
        """Why something was done, for those who come later, and for this itself after it was stopped."""
        when = "on schedule" if alert.kind == SCHEDULE else f"after an alarm ({alert.id})"
        return f"{when}: {text or alert.text}"

    def compare(self, challenger: int, reason: str) -> None:
        """The challenger answers beside the one that serves from now on."""
        loop, now, alert = self.task.monitor.loop, self._rollout(), self.state.alert
        if now.challenger == challenger:
            return  # it does already: the loop was stopped between this and noting it
        share = None if loop.mode == "shadow" else loop.share
        start_rollout(
            self.task,
            challenger,
            mode=loop.mode,
            share=share,
            margin=loop.margin,
            live=self.live,
            reason=reason if alert is None else self._because(alert, reason),
            by=_BY,
        )

    def compared(self, challenger: int) -> Found:
        """Whether the challenger won by now; where it lost it is taken back."""
        rollout = self._rollout()
        if rollout.champion == challenger:
            return Found(outcome="found", text=f"@{challenger} was promoted by hand")
        if rollout.challenger != challenger:
            return Found(outcome="nothing", text=f"@{challenger} was taken back by hand")
        verdict = rollout_status(self.task, live=self.live, users=self.task.monitor.loop.users).verdict
        if verdict is None or verdict.verdict == "go on":
            return Found(outcome="not yet", text=f"@{challenger} is being compared")
        if verdict.verdict == "promote":
            return Found(outcome="found", text=verdict.text)
        alert = self.state.alert
        why = "it lost" if alert is None else self._because(alert, "it lost")
        conclude_rollout(self.task, "stop", live=self.live, reason=why, by=_BY)
        return Found(outcome="nothing", text=verdict.text)

    def switch(self, challenger: int, reason: str) -> Found:
        """The challenger serves from now on, if it is still compared with what serves; then its alerts are settled."""
        now, alert = self._rollout(), self.state.alert
        if challenger not in (now.champion, now.challenger):
            return Found(outcome="nothing", text=f"@{challenger} is not compared with @{now.champion} any more")
        before = now.previous if now.champion == challenger else now.champion
        settled = self._settled(before if alert is None or alert.release is None else alert.release, challenger)
        if now.champion != challenger:
            conclude_rollout(self.task, "promote", live=self.live, reason=reason, by=_BY, also=settled)
        else:
            self.live.add(settled)
        return Found(outcome="found", text=f"@{challenger} serves")

    def _settled(self, release: int | None, challenger: int) -> list[AlertMark]:
        """The marks by which the alerts about a release that serves no more are resolved."""
        at, why = self._clock(), f"@{challenger} serves now"
        return [
            AlertMark(alert=one.id, task=self.task.name, at=at, mark="resolved", by=_BY, reason=why)
            for one in (self._alarms(release) if release is not None else ())
        ]
