"""One seed that is tuned: its space, the trials of it, and which of them are the best. Asks and runs nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from merits.candidates.registry import check
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError, UsageError
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.improving.searching.objectives import Objective, Outcomes, shortfalls, value_of
from merits.improving.searching.paths import Place, place_of, with_values
from merits.improving.searching.proposers import Proposer
from merits.improving.searching.spaces import Domain, corners, holds, must_hold

__all__ = ["Aim", "Study", "Tried", "chosen_of", "know_seed", "space_at"]

_DUST = 1e-12


@dataclass(frozen=True)
class Aim:
    """What is looked for: one objective, or several at once, and the needs whose bars are to be met."""

    objectives: tuple[Objective, ...]
    needs: Needs

    def values(self, found: Outcomes) -> tuple[float, ...] | None:
        """A value for each objective, larger is better; None where one is not known."""
        values = [value_of(one, found, self.needs) for one in self.objectives]
        known = tuple(value for value in values if value is not None)
        return known if len(known) == len(values) else None


@dataclass
class Tried:
    """A trial: the recipe, and what became of it. `values` are None until it was asked, and where it failed."""

    candidate: Candidate
    number: int
    found: Outcomes | None = None
    values: tuple[float, ...] | None = None
    missed: Mapping[str, float] = field(default_factory=dict)
    pruned: bool = False

    @property
    def gap(self) -> float:
        """By how much it misses the bars in all; 0 where it meets them."""
        return sum(max(gap, 0.0) for gap in self.missed.values())

    def settle(self, aim: Aim) -> None:
        """Counts what was found."""
        if self.found is not None:
            self.values, self.missed = aim.values(self.found), shortfalls(self.found, aim.needs)


@dataclass
class Study:
    """The search around one seed. `done` are the trials that were asked every row, the seed first."""

    seed: Tried
    places: Mapping[str, Place]
    proposer: Proposer
    left: int
    taken: frozenset[str]
    done: list[Tried] = field(default_factory=list)
    _named: int = 0

    def next(self) -> Tried | None:
        """The next trial; None where enough were made or nothing is left to try. A wrong recipe is a failed trial."""
        while self.left > 0:
            self.left -= 1
            proposed = self.proposer.ask()
            if proposed is None:
                self.left = 0
                return None
            number, point = proposed
            values = {self.places[path]: value for path, value in point.items()}
            made = with_values(self.seed.candidate, values, self._name())
            try:
                check(made)
            except CandidateError:
                self.proposer.tell(number, None, {})
                continue
            return Tried(made, number)
        return None

    def take(self, trial: Tried, aim: Aim) -> None:
        """Counts a trial that has ended."""
        trial.settle(aim)
        self.proposer.tell(trial.number, trial.values, trial.missed, pruned=trial.pruned)
        if trial.values is not None and not trial.pruned:
            self.done.append(trial)

    def best(self) -> Tried | None:
        """The best by the first objective of those that meet every bar, the seed too; None where none does."""
        meeting = [one for one in (self.seed, *self.done) if one.values is not None and one.gap <= 0.0]
        return max(meeting, key=lambda one: one.values or (), default=None)

    def _name(self) -> str:
        while True:
            self._named += 1
            name = f"{self.seed.candidate.name} #{self._named}"
            if name not in self.taken:
                return name


def space_at(candidate: Candidate, space: Mapping[str, JSON], folder: Path) -> dict[Place, Domain]:
    """The domains at the places of a recipe; UsageError for a path, a domain or a value that cannot be."""
    found: dict[Place, Domain] = {}
    for path, domain in space.items():
        place, checked = place_of(candidate, path, folder), must_hold(path, domain)
        for value in corners(checked):
            place.must_take(value, f"candidate {candidate.name!r}")
        if any(other.keys == place.keys and other.parts == place.parts for other in found):
            raise UsageError(f"the space names {path!r} twice.", "Name each parameter once.")
        found[place] = checked
    return found


def know_seed(study: Study, space: Mapping[Place, Domain]) -> None:
    """Tells the proposer how the seed does, where its own values are in the space."""
    now = {place.path: place.now(study.seed.candidate) for place in space}
    domains = {place.path: domain for place, domain in space.items()}
    if study.seed.values is not None and all(
        known and holds(domains[path], value) for path, (value, known) in now.items()
    ):
        study.proposer.know({path: value for path, (value, _) in now.items()}, study.seed.values, study.seed.missed)


def chosen_of(studies: Sequence[Study], keep: int) -> list[Candidate]:
    """The best few of all studies, each better than its seed: the best of each first, then the second ones.

    With several objectives those that nobody beats in all of them, seeds included. Ones that miss a bar come after all
    that meet them, and only where the seed misses by more. [] where nothing better was found.
    """
    ranked = [_ranked(study) for study in studies]
    ranked.sort(key=lambda trials: _key(trials[0]) if trials else (np.inf,))
    turns = (trials[place] for place in range(keep) for trials in ranked if place < len(trials))
    found: dict[str, Candidate] = {}
    for trial in turns:
        found.setdefault(trial.candidate.id, trial.candidate)
    return list(found.values())[:keep]


def _ranked(study: Study) -> list[Tried]:
    """The trials that are better than the seed, best first."""
    seed = study.seed
    better = [one for one in study.done if _beats(one, seed)]
    if not better or len(better[0].values or ()) < 2:
        return sorted(better, key=_key)
    least = min(one.gap for one in better)
    return _spread([one for one in better if one.gap <= least + _DUST and not _dominated(one, better)])


def _key(trial: Tried) -> tuple[float, ...]:
    return (trial.gap, *(-value for value in trial.values or ()))


def _beats(one: Tried, other: Tried) -> bool:
    """Whether one misses the bars by less, or as little and is not worse in everything."""
    if other.values is None or one.values is None:
        return one.values is not None
    if abs(one.gap - other.gap) > _DUST:
        return one.gap < other.gap
    return any(mine > theirs + _DUST for mine, theirs in zip(one.values, other.values, strict=True))


def _dominated(one: Tried, others: Iterable[Tried]) -> bool:
    """Whether another is as good in everything and better in something."""
    mine = np.array(one.values)
    return any(bool((np.array(o.values) >= mine).all() and (np.array(o.values) > mine).any()) for o in others)


def _spread(front: Sequence[Tried]) -> list[Tried]:
    """A front, its first few as far apart as can be: the best in each objective, then the furthest from those."""
    if not front:
        return []
    values = np.array([one.values for one in front])
    scaled = (values - values.min(axis=0)) / np.maximum(np.ptp(values, axis=0), _DUST)
    order = list(dict.fromkeys(int(at) for at in values.argmax(axis=0)))
    while len(order) < len(front):
        distance = np.min([np.abs(scaled - scaled[at]).sum(axis=1) for at in order], axis=0)
        distance[order] = -1.0
        order.append(int(distance.argmax()))
    return [front[at] for at in order]
