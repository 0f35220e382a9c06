"""Which of the given candidates can be combined, the best first, and why not where none can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merits.candidates.ensembles.rules import rule_of
from merits.candidates.registry import kind_of
from merits.core.candidate import Candidate
from merits.core.doors import Brief
from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.improving.naming import unused
from merits.improving.searching.objectives import default_objective, of_a_candidate, value_of

__all__ = [
    "Seed",
    "cannot_combine",
    "cannot_copy",
    "costs_of",
    "members_of",
    "recipe",
    "seeds_of",
    "trained_here",
]

_OF_OTHERS = ("stack", "vote")
_COPIES = ("bagged", "boosted")


@dataclass(frozen=True)
class Seed:
    """A given candidate that answered something; `at` is its place in the evaluation, `value` its mean on dev."""

    candidate: Candidate
    at: int
    value: float


def seeds_of(brief: Brief) -> list[Seed]:
    """The candidates that answered anything, the best on dev first; of equals the first given.

    By what candidates are compared by when it is decided; by quality where a price is unknown.
    """
    evaluation, found = brief.evaluation, []
    for at, candidate in enumerate(evaluation.candidates):
        outcomes, needs = of_a_candidate(evaluation, at), brief.task.needs
        value = value_of(default_objective(needs), outcomes, needs)
        value = value if value is not None else value_of("quality", outcomes, needs)
        if value is not None and (evaluation.status[at] > 0).any():
            found.append(Seed(candidate, at, _measured(brief, at, value)))
    return sorted(found, key=lambda seed: -seed.value)


def members_of(brief: Brief) -> list[Seed]:
    """Those of the candidates that an ensemble may be made of, the best first: no ensemble of ensembles."""
    return [seed for seed in seeds_of(brief) if seed.candidate.kind not in _OF_OTHERS]


def _measured(brief: Brief, at: int, value: float) -> float:
    """The share solved; where that tells no candidates apart (a forecast is hardly ever exact), the mean score."""
    evaluation = brief.evaluation
    if brief.task.needs.worth_of_solved is not None or evaluation.solved.any():
        return value
    return float(evaluation.value[at][evaluation.scored[at]].mean()) if evaluation.scored[at].any() else value


def cannot_combine(brief: Brief) -> str:
    """Why no vote of the candidates is possible, in a sentence; "" where one is."""
    kind = brief.task.kind
    if rule_of(kind) is None:
        said = task_kind(kind).target if kind in kind_names() else "unknown"
        return (
            f"Answers of the kind {kind} ({said}) cannot be made into one; labels, numbers, texts, records, "
            "transcripts and lists of items could be."
        )
    found = members_of(brief)
    if len(found) < 2:
        names = f": {found[0].candidate.name}" if found else ""
        return f"{len(found)} candidate{'' if len(found) == 1 else 's'} answered{names}; an ensemble needs two or more."
    return ""


def trained_here(brief: Brief) -> list[Seed]:
    """The candidates that learn from dev in this process, the best first, without those that are copies already."""
    return [
        seed
        for seed in seeds_of(brief)
        if seed.candidate.name in brief.trained
        and seed.candidate.kind not in (*_OF_OTHERS, *_COPIES, "most-common", "mean")
        and getattr(kind_of(seed.candidate), "RUNS_HERE", True)
    ]


def cannot_copy(brief: Brief, what: str, kinds: Sequence[str] = ()) -> str:
    """Why nothing can be bagged or boosted (`what`), in a sentence; "" where something can."""
    rule = rule_of(brief.task.kind)
    if rule is None or (kinds and rule not in kinds):
        can = " and ".join(kinds) or "labels, numbers, texts, transcripts and lists of items"
        return f"Answers of the kind {brief.task.kind} are not {what}; {can} could be."
    if trained_here(brief):
        return ""
    there = ", ".join(sorted({seed.kind for seed in brief.seeds}))
    return (
        f"No candidate that is {what} learns from examples here ({there}); text-linear, embeddings-linear, sklearn, "
        "quantile-boosting or image-cnn could be."
    )


def recipe(kind: str, parts: Sequence[Candidate], taken: set[str], called: str, **params: JSON) -> Candidate:
    """An ensemble with a name that nobody has; `taken` gets it."""
    name = unused(called, taken)
    taken.add(name)
    return Candidate(name=name, kind=kind, params=params, parts=tuple(parts))


def costs_of(brief: Brief, seeds: Sequence[Seed]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What a case costs with each, in money; 0 where that is not known."""
    evaluation = brief.evaluation
    return np.array([float(evaluation.cost[one.at].mean()) if evaluation.priced[one.at] else 0.0 for one in seeds])
