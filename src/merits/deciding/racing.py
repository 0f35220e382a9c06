"""The race as a schedule: who is asked which examples next, from the outcomes so far; and the race again from them.

Units (groups of rows that depend on each other) come in one random order that is fixed before anything is known. What
races is quality, or net value where a solved case has a worth; never the cost per solved case, which always prefers
the weakest model. Requirements on rates race along as gates.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property

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
        self._rounds: list[tuple[int, Ints]] = []
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

    def show(self, evaluation: Evaluation, last: int, who: Ints) -> None:
        """Lets the candidates `who` be judged on the units from those already seen up to the place `last`."""
        self._rounds.append((last, who))
        if self._pass_bounds(evaluation, last, who):
            self.race = self._fresh()
            for end, those in self._rounds:
                self._judge(evaluation, end, those)
            for k in np.flatnonzero(self.race.running & ~np.isin(np.arange(len(self._names)), who)):
                self.race.withdraw(int(k))  # it was dropped on the scale before, and has answers no more
        else:
            self._judge(evaluation, last, who)

    def _judge(self, evaluation: Evaluation, last: int, who: Ints) -> None:
        cases, course, gates = self._cases(evaluation, last), self._course, self.race.gates
        first = self.race.n_seen
        counted = course.whole(cases.counted, who, first, last)
        values = self._values(cases)
        on = [gates_values(bar, cases) for bar in self._bars]
        if self._bounds is not None:
            on.append((values, cases.counted))
        floors = [] if gates is None else gates.floors.tolist()
        gated = [
            course.sums(np.where(mask, each - floor, 0.0), who, first, last) + floor
            for (each, mask), floor in zip(on, floors, strict=True)
        ]
        self.race.see(
            course.sums(values, who, first, last),
            who=who,
            valid=None if counted.all() else counted,
            gated=np.stack(gated) if gated else None,
        )

    def _cases(self, evaluation: Evaluation, last: int) -> Cases:
        return Cases(evaluation, self._policy, np.broadcast_to(self._course.place < last, evaluation.status.shape))

    def _values(self, cases: Cases) -> Floats:
        """Quality, or net value on a scale from the least to the most that one case can bring: (candidates, rows)."""
        if self._bounds is None:
            return cases.solved.astype(np.float64)
        low, high = self._bounds
        return np.asarray((net_values(cases, self._needs, self._bounds) - low) / ((high - low) or 1.0))

    def _pass_bounds(self, evaluation: Evaluation, last: int, who: Ints) -> bool:
        """Whether the scale of net values had to be made wider (the first time: made) for these units."""
        if objective_of(self._needs) == "quality":
            return False
        first = self.race.n_seen
        at = np.ix_(who, self._course.between(first, last))
        if self._bounds is None:
            most = (float(values[at].max(initial=0.0)) for values in (evaluation.cost, evaluation.latency_s))
            most_cost, most_s = (_MARGIN * amount for amount in most)
            self._bounds = net_value_bounds(self._needs, most_cost=most_cost, most_latency_s=most_s)
            return True
        cases = self._cases(evaluation, last)
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
        return _rounds(known, racing, needs, seed, allowance)

    return race


def _rounds(
    known: Evaluation, racing: Racing, needs: Needs, seed: int, allowance: Allowance
) -> Generator[Round, Evaluation, Raced]:
    place = places(known.group, seed)
    course = _Course(place, Cases(known, POLICIES[0]).clean)
    runners = _Runners(needs, racing, course, spread(known, needs), POLICIES[0])
    asked = np.zeros(len(known.candidates), np.int32)
    ends: list[int] = []
    now, notes = known, runners.left_out
    while not runners.race.ended:
        who, first = np.flatnonzero(runners.race.running), runners.race.n_seen
        size = _affordable(allowance, course, who, first, runners.race.next_size)
        if size == 0:
            runners.race.stop("budget")
            break
        last = first + size
        now = yield Round(tuple(who.tolist()), course.between(first, last), notes)
        runners.show(spread(now, needs), last, who)
        asked[who] = last
        ends.append(last)
        rows, race = course.between(first, last), runners.race
        for k in who[(now.status[np.ix_(who, rows)] == Status.MISSING).all(axis=1)]:
            if not allowance.ended:
                race.withdraw(int(k))  # it was given up
        notes = tuple(_left(now, race, k) for k in who.tolist() if not race.running[k] and race.dropped_at[k])
    return Raced(
        mode=racing.mode,
        target=racing.target,
        delta=racing.delta,
        seed=seed,
        place=place,
        rounds=np.array(ends, np.int32),
        asked=asked,
        stopped=runners.race.ended or "exhausted",
    )


def replay(evaluation: Evaluation, raced: Raced, needs: Needs, policy: Policy) -> Race:
    """The race again, from its outcomes: also under other needs, for which the order was as random.

    Bets are placed before outcomes are looked at, so what they won counts whenever, and for whatever reason, a
    candidate was no longer asked.
    """
    racing = Racing(mode=raced.mode, target=raced.target, delta=raced.delta)
    course = _Course(raced.place, Cases(evaluation, policy).clean)
    runners = _Runners(needs, racing, course, evaluation, policy)
    for last in raced.rounds.tolist():
        runners.show(evaluation, last, np.flatnonzero(raced.asked >= last))
    return runners.race


def _affordable(allowance: Allowance, course: _Course, who: Ints, first: int, most: int) -> int:
    """How many of the next `most` units the allowance lets the candidates be asked."""
    if allowance.ended:
        return 0
    return largest(lambda units: allowance.affords(who.tolist(), course.between(first, first + units)), most)


def _left(evaluation: Evaluation, race: Race, k: int) -> str:
    place = f"after {pieces(int(race.dropped_at[k]))}"
    missed = race.gates is not None and bool(race.gates.missed[k])
    why = "certainly misses a requirement" if missed else "cannot be the best"
    if race.mode == "economy" and not missed:
        why = "is hardly the best"
    return f"{evaluation.names[k]} is out of the race {place}: it {why}."
