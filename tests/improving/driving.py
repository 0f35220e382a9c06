"""Runs an improver as `merits improve` does: every trial is really evaluated on dev, out of fold if it is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Brief, Improver, Store, Trials
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.outcome import Status
from merits.core.task import Task
from merits.searching.trying import Trying


@dataclass
class Search:
    """What was asked, round by round, with the evaluation of each; and what was kept."""

    brief: Brief
    asked: list[Trials] = field(default_factory=list)
    told: list[Evaluation] = field(default_factory=list)
    kept: Sequence[Candidate] = ()

    @property
    def tried(self) -> dict[str, Candidate]:
        """Every candidate that was asked anything, by name."""
        return {candidate.name: candidate for trials in self.asked for candidate in trials.candidates}

    def solved(self, name: str) -> float:
        """The share that a candidate solved of all rows; only of one that was asked all of them."""
        shares, known = np.zeros(self.brief.evaluation.n_rows), np.zeros(self.brief.evaluation.n_rows, bool)
        for evaluation in (self.brief.evaluation, *self.told):
            if name in evaluation.names:
                k = evaluation.index(name)
                there = evaluation.status[k] != Status.MISSING
                shares[there], known[there] = evaluation.solved[k][there], True
        assert known.all()
        return float(shares.mean())


Asking: TypeAlias = Callable[[Candidate, JSON], Answer]


def searched(task: Task, improver: Improver, store: Store, *, seed: int = 0, ask: Asking | None = None) -> Search:
    """A search, run to its end. `ask` answers questions of the improver's own, unless the candidates do."""
    trying = Trying(task, store, None)
    evaluation = trying.of(task.candidates)
    trained, folds = trying.folds(evaluation)
    found = Search(
        Brief(trying.task, evaluation, trying.said, seed=seed, trained=trained, folds=folds, ask=ask or trying.ask)
    )
    generator = improver(found.brief)
    try:
        trials = next(generator)
        while True:
            found.asked.append(trials)
            found.told.append(trying.trials(trials))
            trials = generator.send(found.told[-1])
    except StopIteration as end:
        found.kept = end.value
    return found
