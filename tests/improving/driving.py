"""Runs an improver as `merits improve` does: every trial is really evaluated on dev, out of fold if it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from msgspec.structs import replace as changed

import merits
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Store, Trials
from merits.core.errors import MeritsError
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.core.task import Task
from merits.evaluating.folds import assign_folds

Known: TypeAlias = dict[str, Evaluation]
_COLUMNS = ("status", "value", "solved", "latency_s", "machine_s", "attempts", "cost", "priced")


@dataclass
class Search:
    """What was asked, round by round, with the evaluation of each; and what was kept."""

    asked: list[Trials] = field(default_factory=list)
    told: list[Evaluation] = field(default_factory=list)
    kept: Sequence[Candidate] = ()

    @property
    def tried(self) -> dict[str, Candidate]:
        """Every candidate that was asked anything, by name."""
        return {candidate.name: candidate for trials in self.asked for candidate in trials.candidates}

    def solved(self, name: str) -> float:
        """The share that a candidate solved of all rows; only of one that was asked all of them."""
        shares = np.zeros(self.told[0].n_rows)
        known = np.zeros(self.told[0].n_rows, bool)
        for evaluation in self.told:
            if name in evaluation.names:
                k = evaluation.index(name)
                there = evaluation.status[k] != Status.MISSING
                shares[there], known[there] = evaluation.solved[k][there], True
        assert known.all()
        return float(shares.mean())


def without(evaluation: Evaluation, rows: np.ndarray | None) -> Evaluation:
    """An evaluation of which only these rows were asked."""
    if rows is None:
        return evaluation
    out = np.setdiff1d(np.arange(evaluation.n_rows), rows)
    status, solved, value = evaluation.status.copy(), evaluation.solved.copy(), evaluation.value.copy()
    status[:, out], solved[:, out], value[:, out] = Status.MISSING, False, 0.0
    return replace(evaluation, status=status, solved=solved, value=value)


def brief_for(task: Task, store: Store, *, seed: int = 0, trained: bool = True) -> Brief:
    """What is known of the task's candidates on dev."""
    evaluation = merits.evaluate(task, split="dev", store=store)
    folds = assign_folds(task.split("dev"), task.kind, folds=task.settings.folds, seed=task.settings.seed)
    only_dev = changed(task, examples=tuple(task.split("dev")))
    return Brief(
        only_dev,
        evaluation,
        lambda name: [],
        seed=seed,
        folds=folds if trained else None,
        trained=frozenset(evaluation.names) if trained else frozenset(),
    )


def searched(
    task: Task, improver: Improver, store: Store, *, seed: int = 0, trained: bool = True, rounds: int | None = None
) -> Search:
    """A search, run to its end or for some rounds."""
    brief, found = brief_for(task, store, seed=seed, trained=trained), Search()
    known: Known = {}
    generator = improver(brief)
    try:
        trials = next(generator)
        while rounds is None or len(found.told) < rounds:
            found.asked.append(trials)
            found.told.append(without(_evaluated(task, trials.candidates, store, brief, known), trials.rows))
            trials = generator.send(found.told[-1])
    except StopIteration as end:
        found.kept = end.value
    return found


def _evaluated(task: Task, candidates: Sequence[Candidate], store: Store, brief: Brief, known: Known) -> Evaluation:
    """What became of some candidates, each asked once; of one that crashes everything is missing."""
    for candidate in [one for one in candidates if one.id not in known]:
        try:
            known[candidate.id] = merits.evaluate(task, [candidate], split="dev", store=store)
        except MeritsError:
            known[candidate.id] = _missing(brief.evaluation, [candidate])
    each = [known[candidate.id] for candidate in candidates]
    columns = {name: np.concatenate([getattr(one, name) for one in each]) for name in _COLUMNS}
    return replace(_missing(brief.evaluation, candidates), **columns)


def _missing(like: Evaluation, candidates: Sequence[Candidate]) -> Evaluation:
    """An evaluation of candidates of which everything is missing."""
    shape = (len(candidates), like.n_rows)
    return replace(
        like,
        candidates=tuple(candidates),
        versions=tuple(one.id for one in candidates),
        status=np.full(shape, Status.MISSING, np.int8),
        value=np.zeros(shape),
        solved=np.zeros(shape, bool),
        scores={},
        latency_s=np.zeros(shape),
        machine_s=np.zeros(shape),
        tokens={},
        attempts=np.zeros(shape, np.int32),
        cost=np.zeros(shape),
        priced=np.ones(len(candidates), bool),
        labels=None,
        confidence={},
        untimed=None,
        unmetered=None,
        services={},
        facts={f"given up on {one.name}": "it crashed" for one in candidates},
    )
