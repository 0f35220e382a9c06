"""One task in production, watched: what is new is read, what changed is an alert, and who must know is told.

    monitor = Monitor(task, open_live(".merits/live.sqlite"))
    looked = monitor.look()                     reads on from where it was; alerts and its state are added as one
    print(looked.view.standing, looked.new)

What is a change is decided in `monitoring/` (streams) and in `deciding/` (the decision, made again on live outcomes,
and at today's prices). Here they are joined.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from merits.core.decision import Decision
from merits.core.doors import LiveStore, Numbered, Store
from merits.core.errors import InfrastructureError, MeritsError, RequirementError, TaskError, UsageError
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.core.judge import JudgeScorer
from merits.core.live import (
    Alert,
    AlertMark,
    Checkpoint,
    Feedback,
    LiveRecord,
    Rollout,
    Served,
    Source,
    of_candidate,
    tells,
)
from merits.core.needs import Needs
from merits.core.outcome import Status
from merits.core.task import Task
from merits.deciding.decide import decide
from merits.evaluating.live import live_evaluation, live_name, said_by
from merits.evaluating.work import scorers_of
from merits.monitoring.alerts import due, raised, state_of
from merits.monitoring.figures import Figures
from merits.monitoring.looks import FIRST, Look, at_level, look_at
from merits.monitoring.still_right import DECISION, at_new_prices, on_live
from merits.monitoring.telling import tell
from merits.monitoring.watch import Watch
from merits.opening import opened_store, releases_folder, repriced, rollout_in_force, serves_since
from merits.report.live import AlertLine, ArmLine, LiveView, Moment, Standing, StreamLine
from merits.serving.clock import ForgettingClock, SteadyClock
from merits.serving.forgetting import forget_what_is_over
from merits.serving.package import reference_in
from merits.stats import wilson
from merits.stats.calibration import ASSUMPTION
from merits.store.since import feedback_on_all

__all__ = ["Looked", "Monitor"]

_Said: TypeAlias = Mapping[str, Sequence[Feedback]]  # by request
_Outcome: TypeAlias = tuple[Served, bool]  # and whether it was solved

_AT_ONCE = 5_000  # records read in one go
_AT_ONCE_ASKED = 500  # requests looked up in one go
_MOST_CASES = 50_000  # that a decision is made on
_PRICES_EVERY_S = 6 * 3_600.0
_FORGET_EVERY_S = 600.0
_UNLABELLED = ("latency", "cost_per_1000", "cost_per_case")  # of metrics: known without knowing what is right
_MOST_SHOWN = 50
_MOST_EARLY, _WAITED_FOR_S = 20_000, 86_400.0  # labels whose request is not there yet
_AHEAD_S = 60.0  # what clocks of several machines may differ by
_OF_RIVER = {"adwin": "ADWIN", "kswin": "KSWIN", "page-hinkley": "Page-Hinkley"}
_EMBEDDED = "input: embedding "


@dataclass(frozen=True)
class Looked:
    """What one look found: the task as it stands, new alerts, who was told, and whom it was not possible to tell."""

    view: LiveView
    new: tuple[Alert, ...]
    told: tuple[str, ...]
    problems: tuple[str, ...]


class _Kept(msgspec.Struct, kw_only=True):
    """Where the monitor is: of which release, since when, and what it has read. `began` are the numbers it began at.

    `against` is what the last looks said against the release, by the kind of look; `early` are requests that labels
    came for before they were there, and since when they are waited for; `n_marks` how many marks on alerts were heeded.
    """

    release: int
    since: float
    served: int = 0
    feedback: int = 0
    began: tuple[int, int] = (0, 0)
    looks: dict[str, int] = {}
    prices_at: float = -float("inf")
    because: str = ""
    verdict: str = ""
    against: dict[str, str] = {}
    early: dict[str, float] = {}
    n_marks: int = 0
    counts: bytes = b""


class Monitor:
    """Watches one task. It may be used by several threads, one look at a time.

    `store` is where the evaluations are (for prices), the task's own unless given. `clock` gives UNIX seconds, by
    default of a wall clock that may jump. `word` is given the texts with commands in them that people are shown or
    sent, and may complete the commands. Raises TaskError where nothing of the task was released, or nothing serves.
    """

    def __init__(
        self,
        task: Task,
        live: LiveStore,
        *,
        store: Store | str | Path | None = None,
        releases: Path | None = None,
        clock: Callable[[], float] | None = None,
        word: Callable[[str], str] = str,
    ) -> None:
        self.task, self.live, self._word = task, live, word
        self._store, self._clock = store, clock or SteadyClock()
        self._passed = ForgettingClock(live, clock or time.time)
        self._folder = releases or releases_folder(task)
        self._scorers = scorers_of(task)
        self._proper: tuple[Source, ...] = (
            ("label", "judge") if self._scorers and isinstance(self._scorers[0][1], JudgeScorer) else ("label",)
        )
        self._lock = threading.RLock()
        self._unkept = False  # whether something was read that no checkpoint knows of
        self._forgot_at = -float("inf")
        self._rollout = self._in_force()
        self._begin(self._rollout)

    # beginning

    def _in_force(self) -> Rollout:
        return rollout_in_force(self.live, self.task)

    def _begin(self, rollout: Rollout) -> None:
        """Goes on with the release that serves: from what was kept, else from what is served from now on."""
        releases = {release.version: release for release in self.live.releases(self.task.name)}
        if rollout.champion not in releases:
            raise TaskError(f"{self.task.name}@{rollout.champion} is not in the live store.", "See merits releases")
        self.release = releases[rollout.champion]
        self._releases = releases
        self._reference = reference_in(self._folder / str(rollout.champion))
        kept = self.live.checkpoint(self.task.name, f"monitor@{rollout.champion}")
        since = serves_since(self.live.rollouts(self.task.name), rollout.champion)
        self._kept = _Kept(release=rollout.champion, since=since)
        if kept is not None:
            found = msgspec.msgpack.decode(kept.state, type=_Kept)
            if found.since == since:
                self._kept = found
        if self._kept.served == 0:
            self._kept.served, self._kept.feedback = self._where_it_began(since)
            self._kept.began = (self._kept.served, self._kept.feedback)
        self.figures = Figures.of(self._kept.counts) if self._kept.counts else Figures()
        self.watch = self._watch_of(rollout.champion)

    def _where_it_began(self, since: float) -> tuple[int, int]:
        """The numbers of the last records from before the release served."""
        return _last_before(since, partial(self.live.served, self.task.name)), _last_before(
            since, partial(self.live.feedback, self.task.name)
        )

    def _watch_of(self, version: int) -> Watch | None:
        if self._reference is None:
            return None
        kept = self.live.checkpoint(self.task.name, f"watch@{version}")
        options = {
            "task": self.task.name,
            "release": version,
            "classes": self.release.classes,
            "watching": self.task.monitor.watch,
        }
        if kept is not None and kept.at >= self._kept.since:
            try:
                return Watch(self._reference, **options, state=kept.state)  # type: ignore[arg-type]
            except ValueError:
                pass  # other settings by now: it begins anew
        return Watch(self._reference, **options)  # type: ignore[arg-type]

    # looking

    def look(self) -> Looked:
        """Reads what is new, adds what it found to the live store, and tells who is to be told.

        After a look that failed the next one goes back to the last checkpoint: what was found and could not be added is
        found again.
        """
        with self._lock:
            rollout = self._in_force()
            since = serves_since(self.live.rollouts(self.task.name), rollout.champion)
            if self._unkept or rollout.champion != self.release.version or since != self._kept.since:
                self._begin(rollout)
            self._unkept = True
            self._rollout = rollout
            self._releases = {release.version: release for release in self.live.releases(self.task.name)}
            self._heed_marks()
            found = [*self._read(), *self._decided(), *self._at_todays_prices()]
            new = raised(found, self.live.alerts(self.task.name), self.task.monitor)
            self.live.add([*new, *self._state()])
            self._unkept = False
            self._forget()
            told, problems = self._tell()
            return Looked(self.view(), tuple(new), tuple(told), tuple(problems))

    def _heed_marks(self) -> None:
        """What was resolved is watched anew: if it goes on, that is another alert."""
        marks = self.live.marks(self.task.name)
        streams = {alert.id: alert.stream for alert in self.live.alerts(self.task.name)}
        for mark in marks[self._kept.n_marks :]:
            if mark.mark == "resolved" and self.watch is not None and streams.get(mark.alert, DECISION) != DECISION:
                self.watch.restart(streams[mark.alert])
        self._kept.n_marks = len(marks)

    def _event(self) -> float:
        """What tells alerts about the decision apart: since when it serves, and how many of them were resolved."""
        mine = {
            a.id for a in self.live.alerts(self.task.name) if a.stream == DECISION and a.release == self.release.version
        }
        resolved = {mark.alert for mark in self.live.marks(self.task.name) if mark.mark == "resolved"} & mine
        return self._kept.since + 1e-3 * len(resolved)

    def _forget(self) -> None:
        """Every ten minutes, once it has been read: what is watched while no server runs is forgotten in time too."""
        now = time.monotonic()
        if now - self._forgot_at >= _FORGET_EVERY_S:
            forget_what_is_over(self.live, [self.task.name], self._passed())
            self._forgot_at = now

    def _read(self) -> list[Alert]:
        found: list[Alert] = []
        while records := self.live.served(self.task.name, after=self._kept.served, most=_AT_ONCE):
            served = [self._in_time(each.record) for each in records if tells(each.record)]
            self.figures.take(served)
            if self.watch is not None:
                found += self.watch.see(served, now=self._clock())
            self._kept.served = records[-1].number
        found += self._heard_late()
        while said := self.live.feedback(self.task.name, after=self._kept.feedback, most=_AT_ONCE):
            requests = list(dict.fromkeys(each.record.request for each in said))
            found += self._heard(requests, before=self._kept.feedback, upto=said[-1].number)
            self._kept.feedback = said[-1].number
        return found

    def _in_time(self, served: Served) -> Served:
        """The same, no later than now: a server's clock may have been ahead when it wrote it."""
        latest = self._clock() + _AHEAD_S
        return served if served.at <= latest else replace(served, at=latest)

    def _heard_late(self) -> list[Alert]:
        """What was said of requests that came into the store only after it: a file of labels, another machine."""
        now = self._clock()
        waiting = {request: at for request, at in self._kept.early.items() if now - at < _WAITED_FOR_S}
        there = [r for some in _groups(list(waiting)) for r in self.live.find(some)]
        self._kept.early = {request: at for request, at in waiting.items() if request not in set(there)}
        return self._heard(there, before=-1, upto=self._kept.feedback)

    def _heard(self, requests: Sequence[str], *, before: int, upto: int) -> list[Alert]:
        """What feedback up to a number says of requests that it did not say before: by all that was said of them."""
        found: list[Alert] = []
        for some in _groups(requests):
            known = self.live.find(some)
            for request in set(some) - set(known):
                if len(self._kept.early) < _MOST_EARLY:
                    self._kept.early.setdefault(request, self._clock())
            answers = [self._in_time(one) for several in known.values() for one in several]
            served = [one for one in answers if one.at >= self._kept.since]
            there = list(known)
            said = [self.live.feedback_on(there, upto=number) for number in (before, upto)]
            fresh, again = self._learned(served, *said)
            self.figures.judged(fresh, taken_back=again)
            found += self._watched(served, said, fresh, again)
        return found

    def _learned(self, served: Sequence[Served], before: _Said, now: _Said) -> tuple[list[_Outcome], list[_Outcome]]:
        """The outcomes by what is said now that are new or other than before, and what the latter were before."""
        old = {_key(one): solved for one, solved in self._settled(served, before)}
        fresh = [(one, solved) for one, solved in self._settled(served, now) if old.get(_key(one)) != solved]
        return fresh, [(one, old[_key(one)]) for one, _ in fresh if _key(one) in old]

    def _watched(
        self, served: Sequence[Served], said: Sequence[_Said], fresh: list[_Outcome], again: list[_Outcome]
    ) -> list[Alert]:
        """Alarms of what labels say for the first time: the bar is what the task's scorers showed, not what users say.

        Users speak of what they did not like. A judge counts where it is the scorer that showed it.
        """
        if self.watch is None:
            return []
        proper = [said_by(each, self._proper) for each in said]
        if proper != list(said):
            fresh, again = self._learned(served, *proper)
        settled = {_key(one) for one, _ in again}
        first = [(one, solved) for one, solved in fresh if _key(one) not in settled]
        return self.watch.see([], first) if first else []

    def _settled(self, served: Sequence[Served], said: _Said) -> Iterator[_Outcome]:
        """Whether each was solved, as the evaluation of live outcomes sees it by what was said, where that tells."""
        known = [one for one in served if one.release in self._releases and one.answer.failure is None]
        if not known:
            return
        evaluation = self._evaluation(known, said)
        row = {name: number for number, name in enumerate(evaluation.examples.tolist())}
        at = {name: k for k, name in enumerate(evaluation.names)}
        for one in known:
            k, r = at[live_name(self.task.name, one.release)], row[one.request]
            if evaluation.status[k, r] == Status.SCORED:
                yield one, bool(evaluation.solved[k, r])

    def _evaluation(self, served: Sequence[Served], feedback: _Said) -> Evaluation:
        return live_evaluation(
            [of_candidate(one) for one in served], feedback, list(self._releases.values()), self._scorers
        )

    # deciding again

    def _decided(self) -> list[Alert]:
        """The decision made again, where a look is due: by outcomes, and by what is known without them."""
        alpha = self.task.monitor.alpha / 2.0
        found = []
        arm = self.figures.arms.get((self.release.version, "champion"))
        look = look_at(arm.judged if arm else 0, self._kept.looks.get("outcomes", 0), alpha)
        if look is not None:
            found += self._by_outcomes(look)
            self._kept.looks["outcomes"] = look.number
        look = look_at(arm.n if arm else 0, self._kept.looks.get("answers", 0), alpha)
        if look is not None:
            found += self._by_answers(look)
            self._kept.looks["answers"] = look.number
        return found

    def _by_outcomes(self, look: Look) -> list[Alert]:
        served = self._judged_cases()
        said: _Said = feedback_on_all(self.live, list(dict.fromkeys(one.request for one in served)))
        if not self.task.monitor.loop.users:
            said = said_by(said, ("label", "judge"))
        served = [one for one in served if said.get(one.request)]
        if not served:
            return []
        evaluation = self._evaluation(served, said)
        return self._said(evaluation, self.task.needs, look, remember=True)

    def _by_answers(self, look: Look) -> list[Alert]:
        """Requirements on time and money: whether an answer was right does not matter to them."""
        needs = Needs(
            requirements=tuple(
                one
                for one in self.task.needs.requirements
                if one.is_plain and any(name in one.metric for name in _UNLABELLED)
            ),
            currency=self.task.needs.currency,
        )
        served = self._last_served()
        if not needs.requirements or not served:
            return []
        said = {one.request: [Feedback(request=one.request, task=one.task, at=one.at, solved=True)] for one in served}
        return self._said(self._evaluation(served, said), needs, look, remember=False)

    def _said(self, evaluation: Evaluation, needs: Needs, look: Look, *, remember: bool) -> list[Alert]:
        champion = live_name(self.task.name, self.release.version)
        n_beside = len(evaluation.names) - 1
        needs = at_level(_judged_live(needs, evaluation), look.level, champion, n_beside=n_beside)
        try:
            decision = decide(evaluation, needs)
        except (RequirementError, UsageError) as problem:
            self._kept.because = f"The decision cannot be made again on live outcomes: {problem}"
            return []
        if remember:
            self._kept.verdict = decision.verdict
            self._kept.because = _because(decision, champion)
        found = on_live(self.release, decision, champion, look, since=self._event(), at=self._clock())
        self._kept.against["outcomes" if remember else "answers"] = found[-1].text if found else ""
        return found

    def _judged_cases(self) -> list[Served]:
        """The last requests that anything was said of, with all answers to them."""
        requests: dict[str, None] = {}
        number = self._kept.began[1]
        while said := self.live.feedback(self.task.name, after=number, most=_AT_ONCE):
            requests |= dict.fromkeys(each.record.request for each in said)
            number = said[-1].number
            for request in list(requests)[: max(0, len(requests) - _MOST_CASES)]:
                del requests[request]
        found = [self.live.find(some) for some in _groups(list(requests))]
        return [one for several in found for each in several.values() for one in each if one.at >= self._kept.since]

    def _last_served(self) -> list[Served]:
        number = max(self._kept.began[0], self._kept.served - 2 * _MOST_CASES)
        found: list[Served] = []
        while records := self.live.served(self.task.name, after=number, most=_AT_ONCE):
            mine = (each.record for each in records if each.record.release == self.release.version)
            found += [one for one in mine if tells(one)]
            number = records[-1].number
        return found[-_MOST_CASES:]

    def _at_todays_prices(self) -> list[Alert]:
        now = self._clock()
        if 0.0 <= now - self._kept.prices_at < _PRICES_EVERY_S:  # below 0: the clock was set back
            return []
        self._kept.prices_at = now
        try:
            with opened_store(self._store, self.task, write=False) as store:
                evaluation = store.evaluation(self.release.task, "test")
                then = next((d for d in store.decisions(self.release.task) if d.id == self.release.decision), None)
                if evaluation is None or then is None:
                    return []
                today = repriced(self.task, evaluation, store)
        except InfrastructureError:
            return []  # the evaluations are elsewhere: what is served can be watched without them
        needs = replace(self.task.needs, incumbent=self.release.candidate.name)
        found = at_new_prices(self.release, then, decide(today, needs), since=self._event(), at=now)
        self._kept.against["prices"] = found[-1].text if found else ""
        return found

    # keeping and telling

    def _state(self) -> list[LiveRecord]:
        now, version = self._clock(), self.release.version
        self._kept.counts = self.figures.state()
        state = msgspec.msgpack.encode(self._kept)
        kept: list[LiveRecord] = [
            Checkpoint(task=self.task.name, name=f"monitor@{version}", at=now, state=state, cursor=self._kept.served)
        ]
        if self.watch is not None:
            state = self.watch.state()
            name = f"watch@{version}"
            kept.append(Checkpoint(task=self.task.name, name=name, at=now, state=state, cursor=self._kept.served))
        return kept

    def _tell(self) -> tuple[list[str], list[str]]:
        now, told, problems = self._clock(), list[str](), list[str]()
        alerts, marks = self.live.alerts(self.task.name), self.live.marks(self.task.name)
        serving = [version for version in (self._rollout.champion, self._rollout.challenger) if version is not None]
        for each in due(alerts, marks, self.task.monitor, now, serving=serving):
            try:
                tell(each, url=self.task.monitor.url, word=self._word)
            except MeritsError as problem:
                problems.append(str(problem))
                continue
            told.append(f"{each.key}: {len(each.alerts)}")
            self.live.add(
                [AlertMark(alert=a.id, task=self.task.name, at=now, mark="sent", by=each.key) for a in each.alerts]
            )
        return told, problems

    # showing

    def view(self) -> LiveView:
        """The task in production as it stands after the last look."""
        with self._lock:
            now = self._clock()
            marks = self.live.marks(self.task.name)
            lines = [
                AlertLine(alert=replace(a, next_step=self._word(a.next_step)), state=state_of(a, marks, now))
                for a in self.live.alerts(self.task.name)
            ]
            standing, because = self._standing()
            quality = {} if self.watch is None else self.watch.quality()
            rollouts = self.live.rollouts(self.task.name)
            return LiveView(
                task=self.task.name,
                at=now,
                since=self._kept.since,
                model=self.release.model,
                standing=standing,
                because=because,
                promise=self.release.promise,
                promised_on=f"{self.release.n_examples:,} test examples",
                n_served=self.figures.n,
                n_judged=self.figures.n_judged,
                per_minute=self.figures.per_minute(now),
                arms=self._arms(),
                estimated=quality.get("confidence"),
                assumption=f"This {ASSUMPTION}." if "confidence" in quality else "",
                streams=self._streams(),
                alerts=tuple(reversed(lines))[:_MOST_SHOWN],
                rollouts=tuple(reversed(rollouts))[:10],
                moments=tuple(
                    Moment(at=one.at, n=one.n, judged=one.judged, solved=_share(one.solved, one.judged))
                    for one in self.figures.stretches()
                ),
                notes=self._notes(),
            )

    def _standing(self) -> tuple[Standing, str]:
        """By the last look of each kind, whatever was done about alerts."""
        against = [text for text in self._kept.against.values() if text]
        if against:
            return "no longer right", against[0]
        if self._kept.verdict:
            return "right", self._kept.because
        judged = self.figures.n_judged
        return "too early to tell", (
            f"The outcome of {judged:,} requests is known, and the decision is first made again at {FIRST}. Send "
            "labels, or what users say, to /feedback."
        )

    def _arms(self) -> tuple[ArmLine, ...]:
        return tuple(
            ArmLine(
                release=release,
                arm=arm,
                n=one.n,
                failed=one.share_failed,
                quality=one.quality,
                latency_p50_s=one.latency_s(0.5),
                latency_p95_s=one.latency_s(0.95),
                cost_per_1000=one.cost_per_1000,
            )
            for (release, arm), one in sorted(self.figures.arms.items())
        )

    def _streams(self) -> tuple[StreamLine, ...]:
        if self.watch is None:
            return ()
        found, embedded = list[StreamLine](), False
        for one in self.watch.streams():  # those that moved most first
            name = one.name
            if name.startswith(_EMBEDDED):  # what an embedding is like is one thing
                if embedded:
                    continue
                embedded, name = True, _EMBEDDED.strip()
            state = "changed" if one.alarmed else "as it was" if one.n >= 50 else "too early"
            found.append(
                StreamLine(
                    name=name,
                    state=state,  # type: ignore[arg-type]
                    text=one.text.removeprefix(f"{one.name}: "),
                    effect="" if one.effect is None else one.effect.text(),
                    e_value=min(one.won, 1e300) if one.detector == "conformal" else None,
                    bar=one.needed if one.detector == "conformal" else None,
                    n=one.n,
                )
            )
        return tuple(found)

    def _notes(self) -> tuple[str, ...]:
        watching = self.task.monitor.watch
        streams, decision = (100.0 * each for each in (watching.alpha, self.task.monitor.alpha))
        numbers = watching.detector != "conformal"
        notes = [
            f"While nothing changes, any {'other ' if numbers else ''}stream is ever said to have changed with a "
            f"probability of {streams:g} % at most, and a decision that is right to be wrong with one of "
            f"{decision:g} %."
        ]
        if numbers:
            notes.insert(
                0,
                f"Numbers are watched by River's {_OF_RIVER[watching.detector]}, which promises no rate of false "
                "alarms: docs/production/drift.md has what was measured.",
            )
        if self.watch is None:
            notes.append("Inputs and answers are not held against anything: the release has no reference.json here.")
        return tuple(notes)

    def mark(self, alert: str, mark: AlertMark) -> bool:
        """Whether there is such an alert; it is marked then."""
        if not any(each.id == alert for each in self.live.alerts(self.task.name)):
            return False
        self.live.add([mark])
        return True


class _Read(Protocol):
    def __call__(self, *, after: int, most: int) -> Sequence[Numbered[Served] | Numbered[Feedback]]: ...


def _last_before(since: float, read: _Read) -> int:
    """The number of the last record from before then."""
    number = 0
    while records := read(after=number, most=_AT_ONCE):
        for each in records:
            if each.record.at >= since:
                return number
            number = each.number
    return number


def _key(served: Served) -> tuple[str, int]:
    return served.request, served.release


def _share(solved: int, n: int) -> Estimate | None:
    return wilson(solved, n) if n else None


def _groups(requests: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(requests), _AT_ONCE_ASKED):
        yield requests[at : at + _AT_ONCE_ASKED]


def _judged_live(needs: Needs, evaluation: Evaluation) -> Needs:
    """The needs without requirements that live traffic cannot tell: drops under perturbations, slices that it lacks."""
    kept = [
        one
        for one in needs.requirements
        if not one.under and not one.against and (not one.by or one.by in evaluation.tags)
    ]
    return replace(needs, requirements=tuple(kept))


def _because(decision: Decision, champion: str) -> str:
    standing = next((one for one in decision.standings if one.candidate == champion), None)
    if standing is None or standing.quality is None:
        return decision.summary
    said = [f"{result.requirement}: {result.met} ({result.evidence_text})" for result in standing.requirements]
    quality = f"{standing.quality.text()} of {standing.n_scored:,} live cases with a known outcome are solved"
    return ". ".join([quality, *said]) + "."
