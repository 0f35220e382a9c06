"""Which point of a space to try next, told how those before did: all of a grid, or what Optuna's samplers propose.

Akiba et al. (2019), doi:10.1145/3292500.3330701; TPE: Bergstra et al. (2011), NeurIPS 24, multivariate as in Falkner et
al. (2018), arXiv 1807.01774. Knows nothing about recipes and evaluations.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from merits.core.errors import MissingExtra, UsageError
from merits.core.identity import JSON
from merits.improving.searching.spaces import Domain, Point, Range, digits, grid, grid_size, is_ordered

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

__all__ = ["Proposer", "Sampler", "distributions_of", "in_words_of", "optuna_here", "proposer_of", "quiet"]

Sampler: TypeAlias = Literal["auto", "grid", "random", "tpe", "gp"]

_STARTUP = 10  # trials drawn at random before a model of the others proposes
_LARGEST_GRID = 10_000
_STALE = 20  # proposals in a row that were there before: the space is used up


class Proposer(Protocol):
    """Ask and tell. `ask` gives the number of a trial and its point, None where nothing is left to try.

    `tell` takes the values of a trial, larger is better, and by how much it misses each bar (0 or less: met); None
    where it failed. Of one that was `pruned` they are those of the rows that it was asked.
    """

    def ask(self) -> tuple[int, Point] | None: ...

    def tell(
        self, number: int, values: Sequence[float] | None, missed: Mapping[str, float], *, pruned: bool = False
    ) -> None: ...

    def know(self, point: Point, values: Sequence[float], missed: Mapping[str, float]) -> None: ...


def proposer_of(
    sampler: Sampler, space: Mapping[str, Domain], *, trials: int | None, n_values: int, seed: int
) -> tuple[Proposer, int]:
    """A proposer, and how many trials there are to be: those that were wanted, or all points of a grid.

    `auto` is a grid where all of it is to be tried, else TPE. Raises UsageError for a grid of more points than trials,
    MissingExtra where Optuna (or for `gp` torch) is not installed.
    """
    size, wanted = grid_size(space), 30 if trials is None else trials
    finite = all(not isinstance(one, Range) or one.int or one.step for one in space.values())
    if sampler == "grid" and trials is not None and size > trials:
        raise UsageError(
            f"a grid of this space has {size:,} points, and {trials:,} trials are wanted.",
            "Name fewer values, raise `trials`, or take the sampler tpe.",
        )
    if sampler == "grid" and size > _LARGEST_GRID:
        raise UsageError(f"a grid of this space has {size:,} points.", "Name fewer values, or take the sampler tpe.")
    if sampler == "grid" or (sampler == "auto" and finite and size <= wanted):
        return _Grid(space, seed), size
    return _Study(sampler, space, n_values=n_values, seed=seed), wanted


def optuna_here() -> bool:
    """Whether Optuna is installed."""
    return importlib.util.find_spec("optuna") is not None


def in_words_of(value: JSON) -> str:
    """A value as it is told apart from others: JSON.

    >>> in_words_of([1, 2]), in_words_of(None)
    ('[1, 2]', 'null')
    """
    return json.dumps(value, sort_keys=True)


class _Grid:
    """All points, in an order that is drawn: a search that is stopped has seen something of everything."""

    def __init__(self, space: Mapping[str, Domain], seed: int) -> None:
        points = grid(space)
        self._left = [points[n] for n in np.random.default_rng(seed).permutation(len(points))]
        self._asked = 0

    def ask(self) -> tuple[int, Point] | None:
        if not self._left:
            return None
        self._asked += 1
        return self._asked, self._left.pop(0)

    def tell(
        self, number: int, values: Sequence[float] | None, missed: Mapping[str, float], *, pruned: bool = False
    ) -> None:
        """Nothing depends on it."""

    def know(self, point: Point, values: Sequence[float], missed: Mapping[str, float]) -> None:
        """The point is not tried again."""
        self._left = [one for one in self._left if in_words_of(dict(one)) != in_words_of(dict(point))]


class _Study:
    """An Optuna study in memory. A point is proposed once; what was said of it is said again to the sampler."""

    def __init__(self, sampler: Sampler, space: Mapping[str, Domain], *, n_values: int, seed: int) -> None:
        if not optuna_here():
            raise MissingExtra("tuning needs optuna, which is not installed.", "pip install 'merits[optuna]'")
        import optuna

        self._space = dict(space)
        self._distributions = distributions_of(space)
        with quiet():
            self._study = optuna.create_study(
                directions=["maximize"] * n_values, sampler=_sampler(sampler, seed), storage=None
            )
        self._trials: dict[int, Any] = {}
        self._same: dict[str, list[int]] = {}  # the trials at a point, the first of which is tried
        self._told: dict[str, tuple[Sequence[float] | None, Mapping[str, float], bool]] = {}

    def ask(self) -> tuple[int, Point] | None:
        for _ in range(_STALE):
            with quiet():
                trial = self._study.ask(self._distributions)
            point = {path: _value(self._space[path], trial.params[path]) for path in self._space}
            key = in_words_of(dict(point))
            self._trials[trial.number] = trial
            if key in self._told:
                self._tell(trial.number, *self._told[key])
            elif key in self._same:
                self._same[key].append(trial.number)
            else:
                self._same[key] = [trial.number]
                return trial.number, point
        return None

    def tell(
        self, number: int, values: Sequence[float] | None, missed: Mapping[str, float], *, pruned: bool = False
    ) -> None:
        key = next(key for key, numbers in self._same.items() if numbers[0] == number)
        self._told[key] = (values, missed, pruned)
        for each in self._same[key]:
            self._tell(each, values, missed, pruned)

    def know(self, point: Point, values: Sequence[float], missed: Mapping[str, float]) -> None:
        import optuna

        self._told[in_words_of(dict(point))] = (values, missed, False)
        params = {path: _drawn(self._space[path], value) for path, value in point.items()}
        with quiet():
            made = optuna.create_trial(
                values=list(values), params=params, distributions=self._distributions, constraints=dict(missed)
            )
            self._study.add_trial(made)

    def _tell(self, number: int, values: Sequence[float] | None, missed: Mapping[str, float], pruned: bool) -> None:
        from optuna.trial import TrialState

        trial = self._trials.pop(number)
        with quiet():
            if values is None:
                self._study.tell(trial, state=TrialState.FAIL)
                return
            for name, gap in missed.items():
                trial.set_constraint(name, gap)
            if pruned:
                trial.report(values[0], step=1)
                self._study.tell(trial, state=TrialState.PRUNED)
            else:
                self._study.tell(trial, list(values))


def _sampler(name: Sampler, seed: int) -> BaseSampler:
    from optuna import samplers

    with quiet():
        if name == "random":
            return samplers.RandomSampler(seed=seed)
        if name == "gp":
            if importlib.util.find_spec("torch") is None:
                raise MissingExtra("the sampler gp needs torch, which is not installed.", "pip install 'merits[torch]'")
            return samplers.GPSampler(seed=seed, n_startup_trials=_STARTUP)
        return samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP, multivariate=True, constant_liar=True)


def distributions_of(space: Mapping[str, Domain]) -> dict[str, BaseDistribution]:
    """The space in Optuna's words: choices by number, those that are numbers in order as whole numbers."""
    from optuna import distributions

    def one(domain: Domain) -> BaseDistribution:
        if isinstance(domain, Range) and domain.int:
            step = 1 if domain.step is None else int(domain.step)
            return distributions.IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=step)
        if isinstance(domain, Range):
            return distributions.FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
        if is_ordered(domain):
            return distributions.IntDistribution(0, len(domain) - 1)
        return distributions.CategoricalDistribution(list(range(len(domain))))

    return {path: one(domain) for path, domain in space.items()}


def _value(domain: Domain, drawn: Any) -> JSON:
    return digits(drawn, domain) if isinstance(domain, Range) else domain[int(drawn)]


def _drawn(domain: Domain, value: JSON) -> Any:
    return value if isinstance(domain, Range) else [in_words_of(one) for one in domain].index(in_words_of(value))


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna says nothing on the way: neither in its log nor that parts of it may change."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
