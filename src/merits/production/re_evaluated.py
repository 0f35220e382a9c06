"""The candidates tried anew after an alarm, on fresh labelled cases: one look, and one budget, however often it begins.

Which cases it is, and what was spent on them, is in the live store before anything is asked and while it is: a monitor
that is killed, or a release that fails, is followed by the same cases and by what is left of the budget.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.decision import Decision
from merits.core.doors import LiveStore, Store
from merits.core.errors import CandidateError, NothingToRelease
from merits.core.live import Alert, Checkpoint, Served
from merits.core.racing import Budget, Racing
from merits.core.release import Release
from merits.core.robustness import Robustness
from merits.core.task import Example, Task
from merits.evaluating.fresh import fresh_examples
from merits.flow import run
from merits.monitoring.loop import Found
from merits.opening import opened_store
from merits.production.released import release
from merits.store.since import feedback_on_all, served_since

__all__ = ["re_evaluate_step"]

_NAME = "re-evaluation"
_KEPT_EVERY_S = 1.0  # what was spent


class _Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What re-evaluating after one alert rests on: its cases (ids of requests), and what was `spent` of the budget."""

    alert: str
    cases: tuple[str, ...]
    spent: float = 0.0


def re_evaluate_step(
    task: Task,
    alert: Alert,
    serving: Release,
    candidates: Sequence[Candidate],
    *,
    live: LiveStore,
    store: Store | str | Path | None = None,
    reason: str = "",
    by: str = "",
    note: Callable[[str], None] = lambda text: None,
    clock: Callable[[], float] = time.time,
) -> Found:
    """The step "re-evaluate" (`merits.monitoring.loop.Actions`): the same decision as ever on the cases labelled since
    the alert; the best becomes a release that serves nobody yet.

    "not yet" where there are fewer than the loop tries them on, "nothing" where the content of requests is not kept,
    nobody is better than what serves, or what is better cannot be released. What else is raised leaves the cases, and
    what was spent on them, for the next time.
    """
    loop = task.monitor.loop
    served = list(served_since(live, task.name, alert.at))  # what came before is of the world that was
    if not (any(one.input is not None for one in served) if served else serving.content.keep):
        why = "the content of requests is not kept, so nobody can be tried on them"
        return Found(outcome="nothing", text=why + " (serve: {content: {keep: true}})")
    trial = _trial_of(live, task, alert)
    fresh = _fresh(live, task, served, trial)
    if trial is None:
        if len(fresh) < loop.fresh:  # one look, at a number that was fixed before: its confidence is what it says
            return Found(outcome="not yet", text=f"waiting for {loop.fresh:,} labelled cases since the alarm")
        trial = _Trial(alert=alert.id, cases=tuple(example.id for example in fresh))
        _keep(live, task, trial, clock())
    tried = replace(
        task,
        examples=(*task.split("dev"), *fresh),
        human_labels="",
        robustness=Robustness(),
        candidates=tuple(candidates),
        needs=replace(task.needs, incumbent=serving.candidate.name),
    )
    purse = _Purse(live, task, trial, clock)
    with opened_store(store, tried) as opened:
        note(f"re-evaluate: {len(candidates)} candidates race on {len(fresh):,} fresh labelled cases")
        try:
            budget = purse.left(Budget.of(loop.budget)) if loop.budget else None
            try:
                done = run(tried, store=opened, budget=budget, race=Racing(), spends=purse.spent)
            finally:
                purse.keep()
            said = _said(done.decision, serving.candidate.name, len(fresh))
            if done.decision.verdict != "adopt" or done.decision.candidate == serving.candidate.name:
                return Found(outcome="nothing", text=said)
            made = release(tried, store=opened, live=live, activate=False, by=by, reason=reason).release
        except (CandidateError, NothingToRelease) as problem:  # it would be the same at the next look
            return Found(outcome="nothing", text=str(problem))
    return Found(outcome="found", text=f"{said} It is @{made.version}.", challenger=made.version)


def _fresh(live: LiveStore, task: Task, served: Sequence[Served], trial: _Trial | None) -> list[Example]:
    """The newest labelled cases, or those that were taken already."""
    loop = task.monitor.loop
    taken = None if trial is None else frozenset(trial.cases)
    some = [one for one in served if taken is None or one.request in taken]
    return fresh_examples(
        some,
        feedback_on_all(live, list({one.request: None for one in some})),
        without=frozenset(example.input_hash for example in task.split("dev")),
        most=loop.fresh,
        sources=("label", "user") if loop.users else ("label",),
    )


def _trial_of(live: LiveStore, task: Task, alert: Alert) -> _Trial | None:
    kept = live.checkpoint(task.name, _NAME)
    trial = None if kept is None else msgspec.json.decode(kept.state, type=_Trial)
    return trial if trial is not None and trial.alert == alert.id else None


def _keep(live: LiveStore, task: Task, trial: _Trial, at: float) -> None:
    live.add([Checkpoint(task=task.name, name=_NAME, at=at, state=msgspec.json.encode(trial))])


class _Purse:
    """What a budget leaves after all that was spent on a trial, kept while it is spent."""

    def __init__(self, live: LiveStore, task: Task, trial: _Trial, clock: Callable[[], float]) -> None:
        self._live, self._task, self._trial, self._clock = live, task, trial, clock
        self._now, self._kept, self._kept_at = trial.spent, trial.spent, time.monotonic()

    def left(self, budget: Budget) -> Budget:
        """What may still be spent."""
        return replace(budget, amount=max(0.0, budget.amount - self._trial.spent))

    def spent(self, amount: float) -> None:
        """Takes what this run has spent by now into account."""
        self._now = self._trial.spent + amount
        if time.monotonic() - self._kept_at >= _KEPT_EVERY_S:
            self.keep()

    def keep(self) -> None:
        """Writes it down, unless it is."""
        self._kept_at = time.monotonic()
        if self._now != self._kept:
            _keep(self._live, self._task, replace(self._trial, spent=self._now), self._clock())
            self._kept = self._now


def _said(decision: Decision, serving: str, n: int) -> str:
    """A decision on fresh cases in a line: the verdict, and what the one it names solves beside the one that serves."""
    named = decision.candidate or serving
    shown: Mapping[str, str] = {
        one.candidate: one.quality.text() for one in decision.standings if one.quality is not None
    }
    beside = [f"{name} solves {shown[name]}" for name in dict.fromkeys((named, serving)) if name in shown]
    return f"on {n:,} fresh cases: {decision.verdict} {decision.candidate}".rstrip() + f" ({', '.join(beside)})."
