"""The race as a schedule: who is asked which examples next, from the outcomes so far; and the race again from them.

Units (groups of rows that depend on each other) come in one random order that is fixed before anything is known. What
races is quality, or net value where a solved case has a worth; never the cost per solved case, which always prefers
the weakest model. Requirements on rates race along as gates.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from merits.core.evaluation import Evaluation, Raced
from merits.core.facts import ruled_out
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.core.racing import UNLIMITED, Allowance, Racing, Round, Schedule, largest, places
from merits.deciding.amounts import listed, pieces
from merits.deciding.bars import Bar, gates_for, gates_values, raced_bars, unraced
from merits.deciding.cases import POLICIES, Cases, Policy
from merits.deciding.fixed import spread
from merits.deciding.values import net_value_bounds, net_values, objective_of
from merits.stats.critical import Bools, Floats, Ints
from merits.stats.gates import Gates
from merits.stats.racing import Race

__all__ = ["replay", "schedule"]

_FOR_GATES = 0.2  # of the error probability, where there are gates
_NOBODY = np.zeros(0, np.int64)
_MARGIN = 3.0  # what costs or takes more than so many times the most of the first round counts as that much


@dataclass(frozen=True)
class _Course:
    """The order of the units, and the scores of the candidates in that order."""

    place: Ints
    clean: Bools

    @cached_property
    def rows(self) -> Ints:
        """The unperturbed rows in the order of their units."""
        order = np.argsort(self.place, kind="stable")
        return np.asarray(order[self.clean[order]])

    @cached_property
    def starts(self) -> Ints:
        """Where each unit begins in `rows`, and where the last one ends: (units + 1,)."""
        return np.searchsorted(self.place[self.rows], np.arange(self.n_units + 1))

    @cached_property
    def n_units(self) -> int:
        return int(self.place[self.clean].max()) + 1

    @cached_property
    def largest(self) -> int:
        """How many rows the largest unit has."""
        return int(np.diff(self.starts).max())

    def between(self, first: int, last: int) -> Ints:
        """The numbers of all rows, perturbed ones too, of the units from one place to another."""
        return np.flatnonzero((self.place >= first) & (self.place < last))

    def sums(self, values: Floats, who: Ints, first: int, last: int) -> Floats:
        """The sums (candidates, units) of values over the rows of each unit, as a part of the largest unit's size."""
        rows = self.rows[self.starts[first] : self.starts[last]]
        picked = values[np.ix_(who, rows)]
        if self.largest == 1:
            return np.asarray(picked)
        return np.add.reduceat(picked, self.starts[first:last] - self.starts[first], axis=1) / self.largest

    def whole(self, mask: Bools, who: Ints, first: int, last: int) -> Bools:
        """The units (candidates, units) all of whose rows are in a mask."""
        rows = self.rows[self.starts[first] : self.starts[last]]
        picked = mask[np.ix_(who, rows)]
        if self.largest == 1:
            return np.asarray(picked)
        return np.asarray(np.logical_and.reduceat(picked, self.starts[first:last] - self.starts[first], axis=1))


@dataclass(frozen=True)
class _Look:
    """What a round showed: the units from one place to another, of `who`; others were asked and are `late`."""

    first: int
    last: int
    who: Ints
    late: Ints


@dataclass(frozen=True)
class _LateLook:
    """What one that was late has answered since."""

    first: int
    last: int
    k: int


class _Runners:
    """A race over an evaluation's units: what the stewards (`stats.racing`) are shown, unit by unit.

    Net values race on a scale whose ends are fixed by what the first round cost and took. Where a later case passes
    them, the scale is made three times as wide and the race judged anew from its first round, at half the error
    probability of the scale before: so no value that was seen is cut, and the errors of all scales add up to delta.
    """

    def __init__(self, needs: Needs, racing: Racing, course: _Course, known: Evaluation, policy: Policy) -> None:
        self._needs, self._racing, self._course, self._policy = needs, racing, course, policy
        self._names = known.candidates
        self._bars = raced_bars(needs, known)
        by_money = objective_of(needs) == "net value"
        self._excluded = [
            k
            for k, candidate in enumerate(known.candidates)
            if ruled_out(candidate, needs) or (by_money and not known.priced[k])
        ]
        self._bounds: tuple[float, float] | None = None
        self._looks: list[_Look | _LateLook] = []
        self._scales = 0
        self.race = self._fresh()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Who does not race, in words, but for those that a fact rules out."""
        unknown = [self._names[k].name for k in self._excluded if not ruled_out(self._names[k], self._needs)]
        if not unknown:
            return ()
        return (
            f"{listed(unknown)} cannot race by net value without a price and is not asked: give it, and run again.",
        )

    def _fresh(self) -> Race:
        racing, n = self._racing, len(self._names)
        gated = self._bars or objective_of(self._needs) == "net value"
        delta = racing.delta * (1.0 - _FOR_GATES) if gated else racing.delta
        if objective_of(self._needs) == "net value":
            delta /= 2.0 ** (self._scales + 1)
        race = Race(
            n,
            self._course.n_units,
            delta=delta,
            mode=racing.mode,
            target=racing.target,
            gates=self._gates(),
            least=racing.at_once,
            to_the_end=bool(unraced(self._needs, self._bars)),
        )
        for k in self._excluded:
            race.exclude(k)
        return race

    def _gates(self) -> Gates | None:
        """The bars, and with a worth that cases bring anything at all, which whoever brings more does too."""
        objective = objective_of(self._needs)
        error, n = self._racing.delta * _FOR_GATES, len(self._names)
        if self._bounds is None:
            return gates_for(self._bars, n, error, objective)
        low, high = self._bounds
        worth_it = Bar(Requirement("net_value_per_case", ">=", 0.0), -low / ((high - low) or 1.0))
        return gates_for((*self._bars, worth_it), n, error, objective)

    def show(self, evaluation: Evaluation, last: int, who: Ints, late: Ints = _NOBODY) -> None:
        """Lets the candidates `who` be judged on the units from those already seen up to the place `last`; those who
        are `late` with them are set aside.
        """
        self._look(evaluation, _Look(self.race.n_seen, last, who, late))

    def show_late(self, evaluation: Evaluation, k: int, first: int, last: int) -> None:
        """Lets one that was late be judged on the units that the others were judged on before."""
        self._look(evaluation, _LateLook(first, last, k))

    def _look(self, evaluation: Evaluation, look: _Look | _LateLook) -> None:
        self._looks.append(look)
        if not self._pass_bounds(evaluation, look):
            self._judge(evaluation, look)
            return
        before = self.race
        self.race = self._fresh()
        for each in self._looks:
            self._judge(evaluation, each)
        out = ~before.running & ~before.aside
        if isinstance(look, _Look):  # it was dropped on the scale before, and has answers no more
            out = ~np.isin(np.arange(len(self._names)), np.append(look.who, look.late)) & ~self.race.aside
        for k in np.flatnonzero((self.race.running | self.race.aside) & out):
            self.race.withdraw(int(k))

    def _judge(self, evaluation: Evaluation, look: _Look | _LateLook) -> None:
        cases, course, race = self._cases(evaluation, look.last), self._course, self.race
        everybody = np.arange(len(self._names))
        who, shown = (look.who, look.who) if isinstance(look, _Look) else (np.array([look.k]), everybody)
        values = self._values(cases)
        counted = course.whole(cases.counted, shown, look.first, look.last)
        valid = None if counted.all() else counted
        sums = course.sums(values, shown, look.first, look.last)
        gated = self._gated(cases, values, who, look)
        if isinstance(look, _Look):
            race.see(sums, who=who, valid=valid, gated=gated, late=look.late)
            return
        race.catch_up(look.k, sums, valid=valid, gated=gated)
        if race.mode == "economy" and race.running[look.k]:
            race.recount(
                course.sums(values, everybody, 0, race.n_seen), course.whole(cases.counted, everybody, 0, race.n_seen)
            )

    def _gated(self, cases: Cases, values: Floats, who: Ints, look: _Look | _LateLook) -> Floats | None:
        """What the floors are on (gates, candidates, units)."""
        on = [gates_values(bar, cases) for bar in self._bars]
        if self._bounds is not None:
            on.append((values, cases.counted))
        floors = [] if self.race.gates is None else self.race.gates.floors.tolist()
        gated = [
            self._course.sums(np.where(mask, each - floor, 0.0), who, look.first, look.last) + floor
            for (each, mask), floor in zip(on, floors, strict=True)
        ]
        return np.stack(gated) if gated else None

    def _cases(self, evaluation: Evaluation, last: int) -> Cases:
        return Cases(evaluation, self._policy, np.broadcast_to(self._course.place < last, evaluation.status.shape))

    def _values(self, cases: Cases) -> Floats:
        """Quality, or net value on a scale from the least to the most that one case can bring: (candidates, rows)."""
        if self._bounds is None:
            return cases.solved.astype(np.float64)
        low, high = self._bounds
        return np.asarray((net_values(cases, self._needs, self._bounds) - low) / ((high - low) or 1.0))

    def _pass_bounds(self, evaluation: Evaluation, look: _Look | _LateLook) -> bool:
        """Whether the scale of net values had to be made wider (the first time: made) for these units."""
        if objective_of(self._needs) == "quality":
            return False
        who = look.who if isinstance(look, _Look) else np.array([look.k])
        at = np.ix_(who, self._course.between(look.first, look.last))
        if self._bounds is None:
            most = (float(values[at].max(initial=0.0)) for values in (evaluation.cost, evaluation.latency_s))
            most_cost, most_s = (_MARGIN * amount for amount in most)
            self._bounds = net_value_bounds(self._needs, most_cost=most_cost, most_latency_s=most_s)
            return True
        cases = self._cases(evaluation, look.last)
        counted = cases.counted[at]
        least = float(np.where(counted, net_values(cases, self._needs)[at], np.inf).min(initial=np.inf))
        wider = False
        while least < self._bounds[0]:
            low, high = self._bounds
            self._bounds, self._scales, wider = (high - _MARGIN * ((high - low) or 1.0), high), self._scales + 1, True
        return wider


def schedule(racing: Racing, needs: Needs, *, seed: int) -> Schedule:
    """The race as a schedule: it yields whom to ask which rows next, and returns how the race went.

    It stops when the budget that its allowance speaks for does not let all that are left answer one more unit.
    """

    def race(known: Evaluation, allowance: Allowance = UNLIMITED) -> Generator[Round, Evaluation, Raced]:
        return _Schedule(known, racing, needs, seed, allowance).rounds()

    return race


class _Schedule:
    """A race while it is asked: who answers in time goes on in step, who is late at its own pace."""

    def __init__(self, known: Evaluation, racing: Racing, needs: Needs, seed: int, allowance: Allowance) -> None:
        self._racing, self._needs, self._seed, self._allowance = racing, needs, seed, allowance
        self._place = places(known.group, seed)
        self._course = _Course(self._place, Cases(known, POLICIES[0]).clean)
        self._runners = _Runners(needs, racing, self._course, spread(known, needs), POLICIES[0])
        self._asked = np.zeros(len(known.candidates), np.int32)
        self._ends: list[int] = []
        self._late: list[tuple[int, int, int, int]] = []
        self._never_came: list[int] = []
        self._notes = self._runners.left_out

    @property
    def _race(self) -> Race:
        return self._runners.race

    def rounds(self) -> Generator[Round, Evaluation, Raced]:
        """Asks until the race has ended."""
        while not self._race.ended:
            race, behind = self._race, self._behind()
            who, first = np.flatnonzero(race.running), race.n_seen
            size = 0 if race.waits else self._affordable(first, race.next_size)
            if size == 0 and (not behind or self._allowance.ended):
                self._never_came = np.flatnonzero(race.aside).tolist()
                race.stop("budget")
                break
            if size == 0:
                now = yield Round.waiting(behind, self._notes)
                self._notes = ()
            else:
                rows = self._course.between(first, first + size)
                now = yield Round(tuple(who.tolist()), rows, self._notes, behind)
                self._in_step(now, who, first, first + size)
            self._catch_up(now)
        return self._raced()

    def _behind(self) -> dict[int, Ints]:
        """What those who are late are asked next: the round that follows the last one they were judged on."""
        return {k: self._course.between(*self._next(k)) for k in np.flatnonzero(self._race.aside).tolist()}

    def _next(self, k: int) -> tuple[int, int]:
        done = int(self._asked[k])
        return done, next((end for end in self._ends if end > done), done)

    def _in_step(self, now: Evaluation, who: Ints, first: int, last: int) -> None:
        waiting = self._allowance.waits_for(who.tolist(), self._course.between(first, last))
        present, late = who[~waiting], who[waiting]
        self._asked[present] = last
        self._ends.append(last)
        self._notes = ()
        self._judge(now, lambda view: self._runners.show(view, last, present, late))
        self._withdraw(now, present, first, last)

    def _catch_up(self, now: Evaluation) -> None:
        for k in np.flatnonzero(self._race.aside).tolist():
            first, last = self._next(k)
            if self._race.ended or self._allowance.waits_for([k], self._course.between(first, last)).any():
                continue
            self._asked[k] = last
            self._late.append((k, len(self._ends), first, last))
            self._judge(now, partial(self._runners.show_late, k=k, first=first, last=last))
            self._withdraw(now, np.array([k]), first, last)

    def _judge(self, now: Evaluation, show: Callable[[Evaluation], None]) -> None:
        before = self._race.running | self._race.aside
        show(spread(now, self._needs))
        race = self._race
        out = np.flatnonzero(before & ~race.running & ~race.aside & (race.dropped_at > 0))
        self._notes = (*self._notes, *(_left(now, race, int(k)) for k in out))

    def _withdraw(self, now: Evaluation, who: Ints, first: int, last: int) -> None:
        """Takes out who was given up: it answered nothing of this."""
        missing = now.status[np.ix_(who, self._course.between(first, last))] == Status.MISSING
        for k in who[missing.all(axis=1)]:
            if not self._allowance.ended:
                self._race.withdraw(int(k))

    def _affordable(self, first: int, most: int) -> int:
        """How many of the next `most` units the allowance lets the candidates be asked, with what those who are late
        were not asked yet.
        """
        if self._allowance.ended:
            return 0
        who = np.flatnonzero(self._race.running | self._race.aside).tolist()
        start = min([first, *self._asked[self._race.aside].tolist()])
        return largest(lambda units: self._allowance.affords(who, self._course.between(start, first + units)), most)

    def _raced(self) -> Raced:
        never_came = [(k, len(self._ends), int(self._asked[k])) for k in self._never_came]
        return Raced(
            mode=self._racing.mode,
            target=self._racing.target,
            delta=self._racing.delta,
            seed=self._seed,
            place=self._place,
            rounds=np.array(self._ends, np.int32),
            asked=self._asked,
            stopped=self._race.ended or "exhausted",
            late=np.array([*self._late, *((k, n, at, at) for k, n, at in never_came)], np.int32).reshape(-1, 4),
        )


def replay(evaluation: Evaluation, raced: Raced, needs: Needs, policy: Policy) -> Race:
    """The race again, from its outcomes: also under other needs, for which the order was as random.

    Bets are placed before outcomes are looked at, so what they won counts whenever, and for whatever reason, a
    candidate was no longer asked. What came late is looked at when it was.
    """
    racing = Racing(mode=raced.mode, target=raced.target, delta=raced.delta)
    course = _Course(raced.place, Cases(evaluation, policy).clean)
    runners = _Runners(needs, racing, course, evaluation, policy)
    first = 0
    for n, last in enumerate(raced.rounds.tolist()):
        then = raced.late[raced.late[:, 1] > n]
        late = np.unique(then[then[:, 2] == first, 0])
        missed = then[(then[:, 2] < last) & (last <= then[:, 3]), 0]
        who = np.setdiff1d(np.flatnonzero(raced.asked >= last), np.append(missed, late))
        runners.show(evaluation, last, who, late)
        for k, _, start, end in raced.late[raced.late[:, 1] == n + 1].tolist():
            if end > start:
                runners.show_late(evaluation, k, start, end)
        first = last
    return runners.race


def _left(evaluation: Evaluation, race: Race, k: int) -> str:
    place = f"after {pieces(int(race.dropped_at[k]))}"
    missed = race.gates is not None and bool(race.gates.missed[k])
    why = "certainly misses a requirement" if missed else "cannot be the best"
    if race.mode == "economy" and not missed:
        why = "is hardly the best"
    return f"{evaluation.names[k]} is out of the race {place}: it {why}."
