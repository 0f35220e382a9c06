"""Tuning: other values for any parameter of a candidate, searched for with Optuna, or all of a grid.

The search sees `dev` alone. A trial that certainly is not as good as the best so far is given up before it was asked
everything (`searching.pruning`), and one that crashes is a failed trial. Knows nothing about how trials are run.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from merits.candidates.tunable import usual_space
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Trials
from merits.core.errors import CandidateError, UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.validate import did_you_mean
from merits.improving.registry import Effort
from merits.improving.searching.objectives import (
    Objective,
    default_objective,
    left_out,
    must_suit,
    of_a_candidate,
)
from merits.improving.searching.proposers import Sampler, optuna_here, proposer_of
from merits.improving.searching.rounds import Rounds, can_prune
from merits.improving.searching.studies import Aim, Study, Tried, chosen_of, know_seed, space_at

__all__ = ["EFFORT", "TITLE", "Params", "make", "notes", "why_not"]

EFFORT: Effort = "trains"
TITLE = "Tuning: other values for the parameters of a candidate"


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Other values for the parameters of a candidate."""

    candidate: Annotated[
        str, Meta(description="Whose parameters. Default: those of every candidate whose kind has a usual space.")
    ] = ""
    space: Annotated[
        dict[str, JSON],
        Meta(
            description="By a parameter's path (strength, params.C, parts.0.temperature) a list of choices, or "
            "{low, high, log, step, int}. Default: what is usual for the kind."
        ),
    ] = {}
    sampler: Annotated[
        Sampler, Meta(description="How values are chosen. auto: all of a grid where it is small, else tpe.")
    ] = "auto"
    trials: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Trials of each candidate. Default: 30, or all points of a grid."),
    ] = None
    parallel: Annotated[int, Meta(ge=1, le=256, description="Trials side by side.")] = 4
    objective: Annotated[
        Objective | tuple[Objective, ...] | None,
        Meta(
            description="What is looked for; several give those that none beats in all. Default: net value where a "
            "solved case has a worth, else quality. The requirements are to be met in any case."
        ),
    ] = None
    prune: Annotated[
        bool, Meta(description="Give up early what is certainly worse than the best so far (one objective only).")
    ] = True
    delta: Annotated[
        float, Meta(gt=0, lt=0.5, description="The most probable that the best trial is ever given up.")
    ] = 0.05
    keep: Annotated[int, Meta(ge=1, description="The most candidates that are kept.")] = 3

    def __post_init__(self) -> None:
        if self.objective == ():
            raise ValueError("objective names none")


def make(params: Params) -> Improver:
    """The improver. It raises UsageError before it asks for anything: a path, a domain or a name that cannot be."""

    def search(brief: Brief) -> Generator[Trials, Evaluation, Sequence[Candidate]]:
        aim, studies = _aim(params, brief), _studies(params, brief)
        n_trials = sum(study.left for study in studies)
        alpha = params.delta / max(n_trials, 1) if params.prune and can_prune(aim) else None
        rounds, number = Rounds(brief, aim, alpha), 0
        while brief.seconds_left() > 0 and (batch := _batch(studies, params.parallel)):
            yield from rounds.ask(batch, np.random.default_rng([brief.seed, number]))
            number += 1
        return chosen_of(studies, params.keep)

    return search


def why_not(brief: Brief, params: Params | None = None) -> str:
    """Why nothing is tuned unless a space is given, in a sentence; "" where something is."""
    params = params or Params()
    if not params.space and not any(_usual(seed, brief) for seed in brief.seeds):
        kinds = ", ".join(sorted({seed.kind for seed in brief.seeds}))
        return f"No candidate has parameters that are usually tuned ({kinds}); give a space to tune others."
    if params.sampler != "grid" and not optuna_here():
        return "Tuning needs optuna: pip install 'merits[optuna]'; the sampler `grid` does without."
    _studies(params, brief)
    return ""


def notes(params: Params, brief: Brief) -> tuple[str, ...]:
    """What is tuned, and what is not looked at, in words, before it begins. Raises what the search would raise."""
    aim = _aim(params, brief)
    told = [
        f"{study.seed.candidate.name}: {', '.join(study.places)}; {study.left} trial{'s' * (study.left != 1)} at most."
        for study in _studies(params, brief)
    ]
    if params.prune and not can_prune(aim):
        told.append("No trial is given up early: that needs one objective that is a mean over examples.")
    return (*told, *left_out(brief.evaluation, aim.needs, aim.objectives))


def _aim(params: Params, brief: Brief) -> Aim:
    needs, named = brief.task.needs, params.objective
    objectives = (named,) if isinstance(named, str) else named or (default_objective(needs),)
    must_suit(objectives, needs)
    return Aim(objectives, needs)


def _batch(studies: Sequence[Study], size: int) -> list[tuple[Study, Tried]]:
    """The trials of a round, of each study in turn; [] where all have ended."""
    batch: list[tuple[Study, Tried]] = []
    running = list(studies)
    while running and len(batch) < size:
        study = running.pop(0)
        trial = study.next()
        if trial is not None:
            batch.append((study, trial))
            running.append(study)
    return batch


def _studies(params: Params, brief: Brief) -> list[Study]:
    aim = _aim(params, brief)
    return [_study(params, brief, aim, seed, space) for seed, space in _spaces(params, brief)]


def _study(params: Params, brief: Brief, aim: Aim, seed: Candidate, space: Mapping[str, JSON]) -> Study:
    there = space_at(seed, space, Path(brief.task.folder))
    at = brief.evaluation.index(seed.name)
    proposer, trials = proposer_of(
        params.sampler,
        {place.path: domain for place, domain in there.items()},
        trials=params.trials,
        n_values=len(aim.objectives),
        seed=int(np.random.default_rng([brief.seed, at]).integers(2**31)),
    )
    tried = Tried(seed, -1, of_a_candidate(brief.evaluation, at))
    tried.settle(aim)
    if tried.values is None and not brief.evaluation.priced[at] and "quality" not in aim.objectives:
        raise UsageError(
            f"the price of {seed.name} is unknown, so nothing can be looked for that depends on it.",
            "Give it in its recipe (price:) or in the price table, or tune for quality.",
        )
    study = Study(tried, {place.path: place for place in there}, proposer, trials, frozenset(brief.evaluation.names))
    know_seed(study, there)
    return study


def _spaces(params: Params, brief: Brief) -> list[tuple[Candidate, Mapping[str, JSON]]]:
    """The candidates that are tuned, each with its space; UsageError where there is none."""
    seeds = {seed.name: seed for seed in brief.seeds}
    if params.candidate and params.candidate not in seeds:
        raise UsageError(f"there is no candidate {params.candidate!r}.", did_you_mean(params.candidate, seeds))
    asked = [seeds[params.candidate]] if params.candidate else list(seeds.values())
    if params.space:
        return [(seed, params.space) for seed in _fitting(params, brief, asked)]
    found = [(seed, space) for seed in asked if (space := _usual(seed, brief))]
    if not found:
        raise UsageError(
            f"{', '.join(seed.name for seed in asked)}: nothing is usually tuned of "
            f"{', '.join(sorted({seed.kind for seed in asked}))}.",
            "Give a space: {a parameter: [a value, another]}; `merits kinds` lists parameters.",
        )
    return found


def _fitting(params: Params, brief: Brief, asked: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that have all parameters of the space; UsageError of the first where none has."""
    problems, fitting = [], []
    for seed in asked:
        try:
            space_at(seed, params.space, Path(brief.task.folder))
            fitting.append(seed)
        except UsageError as problem:
            problems.append((bool(_usual(seed, brief)), problem))
    if not fitting:
        raise max(problems, key=lambda one: one[0])[1]
    return fitting


def _usual(seed: Candidate, brief: Brief) -> Mapping[str, JSON]:
    """What is usually tuned of a candidate; {} of one whose recipe is wrong."""
    try:
        return usual_space(seed, Path(brief.task.folder))
    except CandidateError:
        return {}
