"""The search: each technique proposes, is told how its candidates do on dev, and the best of all go to test once.

A search is begun again by asking for the same candidates: every answer is in the store, so what was tried before costs
nothing, and it goes on where it was.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from merits.core.candidate import Candidate
from merits.core.doors import Brief, Store, Trials
from merits.core.errors import MissingExtra, UsageError
from merits.core.estimate import long_duration
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.improvement import Ended, TechniqueRecord
from merits.core.racing import Budget
from merits.core.task import Task
from merits.deciding.changes import changes
from merits.deciding.pairing import Side
from merits.evaluating import Plan as Asked
from merits.improving.registry import Effort, Technique, improver_of, technique, technique_names
from merits.searching.budget import SearchBudget
from merits.searching.fitting import first_that_fit, reserved_amount, reserved_seconds, seconds_of, trial_seconds
from merits.searching.ranking import MARGIN, Ranked, memorised_by, ranked, records_of
from merits.searching.trying import OutOfTime, Trying
from merits.searching.watching import Watching
from merits.tasks.recipes import costs_by_use, runs_here

__all__ = ["Found", "Plan", "Planned", "plan", "search"]

_ORDER: tuple[Effort, ...] = ("replays", "trains", "trains long", "asks")
_FINALISTS = 4
_NEAR, _MOST_LOOKED_AT = 0.03, 30  # of quality, and of those that may be cheaper at no loss, whether kept or not
_ONE_SIDED = 0.6  # of an interval whose lower end holds in four of five cases: test will tell more
_AT_ONCE = max(2, os.cpu_count() or 1)  # trials: each of those that run here takes a core
_LEAST_S = 1.0  # a technique that has less left is not begun


@dataclass(frozen=True)
class Planned:
    """A technique that is going to be tried, or why it is not (`why_not`)."""

    name: str
    title: str
    effort: Effort
    params: Mapping[str, JSON]
    why_not: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0  # what it takes at least to find anything, about


@dataclass(frozen=True)
class Plan:
    """What a search is going to do, in that order. `given` is how the candidates do on dev, the best first."""

    techniques: tuple[Planned, ...]
    given: tuple[Ranked, ...]
    budget: SearchBudget

    @property
    def chosen(self) -> tuple[Planned, ...]:
        """Those that are tried."""
        return tuple(one for one in self.techniques if not one.why_not)

    @property
    def paid(self) -> tuple[str, ...]:
        """The names of those that may make paid calls: of candidates that do not run here, or cost by use."""
        by_use = any(costs_by_use(one.candidate) for one in self.given)
        return tuple(one.name for one in self.chosen if by_use and one.effort != "replays")


@dataclass
class Found:
    """What a search found on dev: `finalists` go to test. `pairs` (goal, given, found) were chosen before that."""

    plan: Plan
    trials: list[Ranked] = field(default_factory=list)
    records: list[TechniqueRecord] = field(default_factory=list)
    finalists: tuple[Candidate, ...] = ()
    pairs: tuple[tuple[str, str, str], ...] = ()
    dev: Evaluation | None = None
    stopped: str = "done"
    seconds: float = 0.0
    spent: float | None = None
    cost: float | None = None

    @property
    def best_given(self) -> Ranked:
        """The best of the given candidates on dev."""
        return self.plan.given[0]


class _Clock:
    """What is left of the time of a search, and of the technique that has its turn."""

    def __init__(self, seconds: float | None, clock: Callable[[], float]) -> None:
        self._clock, self.start = clock, clock()
        self._end = float("inf") if seconds is None else self.start + seconds
        self._turn_began, self._turn_ends = self.start, self._end

    @property
    def elapsed(self) -> float:
        return self._clock() - self.start

    @property
    def left(self) -> float:
        return self._end - self._clock()

    def reserve(self, seconds: float) -> None:
        """The search ends so much earlier, but no earlier than after two thirds of its time."""
        left = self.left
        if left != float("inf"):
            self._end -= min(seconds, left / 3.0)

    def turn(self, share: float) -> None:
        """The next technique has this share of what is left."""
        self._turn_began = self._clock()
        self._turn_ends = min(self._end, self._clock() + self.left * share)

    def left_of_turn(self) -> float:
        return self._turn_ends - self._clock()

    def left_for_trial(self) -> float:
        """A trial may go on past the turn that it began in, but not much longer than that, nor past the end."""
        now = self._clock()
        turn = max(self._turn_ends - self._turn_began, 0.0)
        return max(min(self._end, self._turn_ends + turn) - now, _LEAST_S)


class _Search:
    """One search while it runs."""

    def __init__(
        self, task: Task, store: Store, budget: SearchBudget, watching: Watching, clock: Callable[[], float]
    ) -> None:
        self.task, self.watching, self.budget = task, watching, budget
        self.clock = _Clock(budget.seconds, clock)
        self.trying = Trying(task, store, budget.amount, self.clock.left_for_trial)
        self.given: Evaluation | None = None
        self.known: dict[str, Ranked] = {}  # every candidate that was asked all of dev, by id
        self.number = 0

    def tell_what_is_left(self) -> None:
        """Tells the watcher."""
        amount, spent = self.budget.amount, self.trying.spent
        self.watching.left(
            None if self.budget.seconds is None else self.clock.left,
            None if amount is None else Budget(max(amount.amount - spent, 0.0), amount.unit),
        )

    def begin(self, ask_first: Callable[[Asked], object]) -> list[Ranked]:
        """The given candidates on dev, the best first."""
        try:
            self.given = self.trying.given(self.task.candidates, self.watching.progress(), ask_first)
        except OutOfTime:
            raise UsageError(
                f"the budget of {self.budget} ended before the given candidates were evaluated on dev.",
                "What they answered is stored: run it again, with more time, or leave out the slowest.",
            ) from None
        out = [one.name for one in self.task.candidates if one.name not in self.given.names]
        if out:
            self.watching.note(f"left out of the search, for they are worse and no cheaper: {', '.join(out)}")
        self._reserve(self.given, len(self.task.split("test")))
        found = records_of(self.given, self.trying.task.needs, "given", self.clock.elapsed, 0)
        self.number = len(found)
        self.known = {one.candidate.id: one for one in found}
        best = ranked(found, self.given.n_rows)
        if not best:
            self.watching.note("no given candidate meets the requirements on dev: one that does is looked for")
            best = ranked([dataclasses.replace(one, may=True) for one in found], self.given.n_rows)
            best = [one for given in best for one in found if one.candidate.id == given.candidate.id]
        if not best:
            raise UsageError(
                "no given candidate could be asked about dev, so there is nothing to improve on.",
                "Run `merits run --dev` and look at why.",
            )
        return [*best, *(one for one in found if one not in best)]

    def _reserve(self, given: Evaluation, n_test: int) -> None:
        """Sets aside what it takes to ask the test examples: what is not shown there was found for nobody."""
        self.clock.reserve(reserved_seconds(given, n_test))
        if self.budget.amount is not None:
            self.trying.reserve(reserved_amount(given, self.budget.amount.unit, n_test))

    def brief(self, extra: Sequence[Candidate] = ()) -> Brief:
        """What a technique is told: of the given candidates, and of what earlier ones kept."""
        assert self.given is not None
        evaluation = self.given
        new = [one for one in extra if one.id not in {given.id for given in evaluation.candidates}]
        if new:
            evaluation = self.trying.of([*evaluation.candidates, *new])
        trained, folds = self.trying.folds(evaluation)
        return Brief(
            task=self.trying.task,
            evaluation=evaluation,
            said=self.trying.said,
            seed=self.task.settings.seed,
            seconds_left=self.clock.left_of_turn,
            trained=trained,
            folds=folds,
            ask=self.trying.ask,
        )


def plan(
    task: Task,
    *,
    store: Store,
    budget: SearchBudget,
    only: Sequence[str] = (),
    params: Mapping[str, Mapping[str, JSON]] | None = None,
    watching: Watching,
    ask_first: Callable[[Asked], object] = lambda plan: None,
    clock: Callable[[], float] = time.monotonic,
) -> Plan:
    """What a search would do. The given candidates are evaluated on dev for it, as far as that was not done before.

    `ask_first` is called with what they are to be asked, before the first question, and may raise.
    """
    return _planned(_Search(task, store, budget, watching, clock), only, params or {}, ask_first)


def _planned(
    running: _Search,
    only: Sequence[str],
    params: Mapping[str, Mapping[str, JSON]],
    ask_first: Callable[[Asked], object],
) -> Plan:
    for name in dict.fromkeys((*only, *params)):  # what is wrong with them is said before anybody is asked
        improver_of(name, params.get(name, {}))
    given = running.begin(ask_first)
    brief = running.brief()
    names = only or technique_names()
    techniques = [_look_at(name, params.get(name, {}), brief, named=name in only) for name in names]
    techniques.sort(key=lambda one: _ORDER.index(one.effort))
    if not only:
        techniques = _in_time(techniques, running.clock.left)
    return Plan(tuple(techniques), tuple(given), running.budget)


def _in_time(techniques: Sequence[Planned], seconds: float) -> list[Planned]:
    """Those that there is time for; of the others why not."""
    fine = [one for one in techniques if not one.why_not]
    fits = dict(
        zip([one.name for one in fine], first_that_fit([(o.effort, o.seconds) for o in fine], seconds), strict=True)
    )
    named = "Give the search more time, or name it with --technique."
    return [
        one
        if fits.get(one.name, True)
        else dataclasses.replace(
            one, why_not=f"There is no time for it: it takes {long_duration(one.seconds)} to find anything. {named}"
        )
        for one in techniques
    ]


def _look_at(name: str, params: Mapping[str, JSON], brief: Brief, *, named: bool) -> Planned:
    found = technique(name)
    notes: tuple[str, ...] = ()
    given = msgspec.convert(dict(params), found.Params)
    try:
        why_not = found.why_not(brief, given)
    except MissingExtra as problem:
        why_not = str(problem)
    if not why_not and hasattr(found, "notes"):
        try:
            notes = tuple(found.notes(given, brief))
        except MissingExtra as problem:
            why_not = str(problem)
    if named and why_not:
        raise UsageError(f"{name} cannot do anything here. {why_not}", "`merits improve --dry-run` says what can.")
    seconds = 0.0 if why_not else _least_seconds(found, given, brief)
    return Planned(name, found.TITLE, found.EFFORT, params, why_not, notes, seconds)


def _least_seconds(found: Technique, params: msgspec.Struct, brief: Brief) -> float:
    least = seconds_of(found.EFFORT, trial_seconds(brief))
    if not hasattr(found, "seconds"):
        return least
    return max(least, float(found.seconds(params, brief)))


def search(
    task: Task,
    *,
    store: Store,
    budget: SearchBudget,
    only: Sequence[str] = (),
    params: Mapping[str, Mapping[str, JSON]] | None = None,
    watching: Watching,
    ask_first: Callable[[Asked], object] = lambda plan: None,
    confirm: Callable[[Plan], object] = lambda plan: None,
    n_finalists: int = _FINALISTS,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """What the techniques find on dev within the budget. Nothing here can reach a test example.

    Techniques have their turns cheapest first, each with its share of the time that is left. Those that only replay
    stored answers have another turn in the end, with what the others kept. Ctrl-C ends the search with the best so far.
    """
    running = _Search(task, store, budget, watching, clock)
    made = _planned(running, only, params or {}, ask_first)
    watching.planned(made)
    confirm(made)
    found = Found(made)
    kept: list[Candidate] = []
    turns = list(made.chosen)
    again = [one for one in turns if one.effort == "replays"] if any(o.effort != "replays" for o in turns) else []
    try:
        for n, one in enumerate([*turns, *again]):
            second = n >= len(turns)
            if second and not kept:
                break
            if running.trying.is_spent or running.clock.left < _LEAST_S:
                found.stopped = "budget"
                break
            running.clock.turn(_share([*turns, *again][n:]))
            kept += _turn(running, one, found, kept if one.effort == "replays" or second else [])
    except KeyboardInterrupt:
        found.stopped = "interrupted"
        watching.note("stopped; the best so far go on")
    found.seconds = running.clock.elapsed
    found.spent = running.trying.spent if budget.amount is not None else None
    costs = list(running.trying.costs.values())
    found.cost = None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)
    _choose(running, found, kept, n_finalists)
    return found


def _share(turns: Sequence[Planned]) -> float:
    """What the first of these turns has of the time that they have together."""
    needed = [max(one.seconds, _LEAST_S) for one in turns]
    return needed[0] / sum(needed)


def _turn(running: _Search, one: Planned, found: Found, extra: Sequence[Candidate]) -> list[Candidate]:
    """The turn of one technique; what it kept."""
    running.watching.began(one.name)
    running.tell_what_is_left()
    start, first = running.clock.elapsed, len(found.trials)
    ended: Ended = "done"
    returned: Sequence[Candidate] | None = None
    problem = ""
    generator = improver_of(one.name, one.params)(running.brief(extra))
    try:  # what a trial is asked past its time is stored: another search goes on with it
        asked = next(generator)
        while ended == "done":
            evaluation, ended = _tried(running, one, asked, found)
            asked = generator.send(evaluation)  # once more after the end: it may say what it keeps
    except StopIteration as end:
        returned = end.value
    except OutOfTime:
        ended = "time"
    except KeyboardInterrupt:
        ended = "stopped"
        raise
    except UsageError as raised:
        ended, problem = "failed", str(raised)
    except Exception as raised:  # noqa: BLE001  a technique that crashes is no failed search; it may be a plug-in's
        ended, problem = "failed", f"it crashed: {type(raised).__name__}: {raised}"
    finally:
        generator.close()
        mine = found.trials[first:]
        if returned is None:
            returned = [one.candidate for one in _worth_keeping(running, found.best_given, mine)[:2]]
        kept = [candidate for candidate in returned if candidate.id not in {g.candidate.id for g in found.plan.given}]
        record = _record(one, mine, kept, ended, running.clock.elapsed - start)
        found.records.append(msgspec.structs.replace(record, skipped=problem))
        running.watching.ended(found.records[-1])
    return kept


def _worth_keeping(running: _Search, given: Ranked, tried: Sequence[Ranked]) -> list[Ranked]:
    """Of a technique that could not say what it keeps: what is better on dev, or as good and cheaper; best first."""
    best = _distinct(ranked(tried, _n_rows(running)))
    cheap = (one for one in best if one.cost < given.cost and one.quality >= given.quality - MARGIN)
    return _distinct([*(one for one in best if one.value > given.value or not given.may), *cheap])


def _tried(running: _Search, one: Planned, asked: Trials, found: Found) -> tuple[Evaluation, Ended]:
    """The evaluation of what a technique asked for, and whether that ended its turn, by time or money.

    A few candidates at a time, so that a turn ends between them; of those that it left out all is missing. Those that
    replay stored answers, and those that others compute, take no time of this machine, and are looked at together.
    """
    candidates = list(asked.candidates)
    waits = one.effort == "replays" or not any(map(runs_here, candidates))
    at_once = len(candidates) if waits else _AT_ONCE
    parts: list[Evaluation] = []
    ended: Ended = "done"
    for at in range(0, len(candidates), at_once):
        try:
            part = running.trying.trials(Trials(candidates[at : at + at_once], asked.rows), running.watching.progress())
        except OutOfTime:
            ended = "time"
            break
        parts.append(part)
        _note(running, one.name, part, found, n_asked=None if asked.rows is None else len(asked.rows))
        ended = "money" if running.trying.is_spent else "time" if running.clock.left_of_turn() <= 0.0 else "done"
        if ended != "done":
            break
    if len(parts) == 1 and at_once >= len(candidates):
        return parts[0], ended
    return running.trying.together(parts, candidates), ended


def _n_rows(running: _Search) -> int:
    assert running.given is not None
    return running.given.n_rows


def _note(running: _Search, name: str, evaluation: Evaluation, found: Found, *, n_asked: int | None) -> None:
    records = records_of(evaluation, running.trying.task.needs, name, running.clock.elapsed, running.number)
    running.number += len(records)
    found.trials += records
    if n_asked is None:
        running.known |= {one.candidate.id: one for one in records if not one.record.failed}
    best = ranked(list(running.known.values()), _n_rows(running))
    running.tell_what_is_left()
    running.watching.tried(records, best[0] if best else found.best_given)


def _record(
    one: Planned, mine: Sequence[Ranked], kept: Sequence[Candidate], ended: Ended, seconds: float
) -> TechniqueRecord:
    return TechniqueRecord(
        name=one.name,
        title=one.title,
        effort=one.effort,
        ended=ended,
        notes=one.notes,
        n_trials=len({trial.candidate.id for trial in mine}),  # one may be asked in several rounds
        n_failed=len({trial.candidate.id for trial in mine if trial.record.failed}),
        seconds=seconds,
        kept=tuple(candidate.name for candidate in kept),
    )


def _choose(running: _Search, found: Found, kept: Sequence[Candidate], n: int) -> None:
    """Chooses, by dev alone, what goes to test, and the pairs that are looked at there."""
    given, wanted = found.best_given, {candidate.id for candidate in kept}
    tried = [one for one in running.known.values() if one.candidate.id in wanted]
    best = ranked(_distinct(tried), _n_rows(running))
    pairs: dict[str, tuple[str, str, str]] = {}
    chosen: list[Candidate] = []
    better = best[0] if best and (best[0].value > given.value or not given.may) else None
    given_ids = {one.candidate.id for one in found.plan.given}
    new = [one for one in running.known.values() if one.candidate.id not in given_ids]
    all_tried = ranked(_distinct(new), _n_rows(running))
    near = [one for one in all_tried if one.cost < given.cost and one.quality >= given.quality - _NEAR]
    cheaper = _cheaper(running, given, sorted(near, key=lambda one: one.cost)[:_MOST_LOOKED_AT])
    for goal, one in (("better", better), ("cheaper", cheaper)):
        if one is not None and one.candidate.name not in pairs:
            pairs[one.candidate.name] = (goal, given.candidate.name, one.candidate.name)
            chosen.append(one.candidate)
    if not chosen:
        return
    found.dev = running.trying.of([given.candidate, *chosen])
    # Others that were kept come along, unless money is short: the decision corrects for all.
    others = [] if running.trying.is_spent else [one.candidate for one in best if one.candidate not in chosen]
    found.pairs = tuple(pairs.values())
    found.finalists = (*chosen, *others[: max(n - len(chosen), 0)])


def _cheaper(running: _Search, given: Ranked, cheaper: Sequence[Ranked]) -> Ranked | None:
    """The cheapest that dev shows to be as good as the best given one; None where there is none."""
    if not cheaper:
        return None
    evaluation = running.trying.of([given.candidate, *(one.candidate for one in cheaper)])
    sides = [Side(name, evaluation, evaluation.index(name)) for name in evaluation.names]
    fine = []
    for one, side in zip(cheaper, sides[1:], strict=True):
        least = changes(sides[0], [side], confidence=_ONE_SIDED)[0].difference.low
        if least is not None and least - memorised_by(one.candidate) >= -MARGIN:
            fine.append(one)
    return min(fine, key=lambda one: (one.cost, -one.quality), default=None)


def _distinct(tried: Collection[Ranked]) -> list[Ranked]:
    return list({one.candidate.id: one for one in tried}.values())
