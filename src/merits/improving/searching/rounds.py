"""How the trials of a round are asked: all rows at once, or piece by piece while some are given up early."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merits.core.doors import Brief, Trials
from merits.core.evaluation import Evaluation
from merits.improving.searching.objectives import Objective, Outcomes, of_a_candidate, values_by_row
from merits.improving.searching.pruning import FOLD_MARGIN, Pruning, looks
from merits.improving.searching.studies import Aim, Study, Tried
from merits.stats.critical import Bools, Floats

__all__ = ["Rounds", "can_prune"]

Batch = Sequence[tuple[Study, Tried]]
_MEANS: tuple[Objective, ...] = ("quality", "measure", "net value", "cost", "cheapest")


def can_prune(aim: Aim) -> bool:
    """Whether trials can be given up early: one objective, and one that is a mean over rows.

    With several, who is certainly worse in one of them may still be the best in another.
    """
    return len(aim.objectives) == 1 and aim.objectives[0] in _MEANS


@dataclass(frozen=True)
class Rounds:
    """What is asked of every trial: the rows of the evaluation that are not perturbed.

    `alpha` is the probability with which each trial may be given up though it is as good as the best; None: none is.
    """

    brief: Brief
    aim: Aim
    alpha: float | None

    def ask(self, batch: Batch, generator: np.random.Generator) -> Generator[Trials, Evaluation, None]:
        """Has the trials of a round evaluated; afterwards their studies have counted them."""
        judges = self._judges(batch)
        pieces = self._pieces(batch, generator) if judges else [np.arange(len(self._plain))]
        left = batch
        for number, piece in enumerate(pieces):
            yield from self._piece(left, piece, last=number == len(pieces) - 1)
            if number < len(pieces) - 1:
                for judge in judges:
                    judge.look(piece, generator)
            left = self._going_on([one for one in left if one[1].found is not None], last=number == len(pieces) - 1)
            if not left:
                return

    def _piece(self, left: Batch, piece: NDArray[np.intp], *, last: bool) -> Generator[Trials, Evaluation, None]:
        """Has the trials that are left asked some more rows, and counts those that crashed as failed.

        In the end they are asked all rows, of which those that were asked before are known: then they have a figure.
        """
        rows = self._plain[piece]
        whole = last and len(self._plain) == self.brief.evaluation.n_rows
        evaluation = yield Trials([trial.candidate for _, trial in left], None if whole else rows)
        for study, trial in left:
            new = of_a_candidate(evaluation, evaluation.index(trial.candidate.name))
            trial.found = new if trial.found is None else trial.found.with_more(new)
            if not new.asked[rows].any():
                trial.found = None
                study.take(trial, self.aim)

    def _going_on(self, left: Batch, *, last: bool) -> Batch:
        """The trials that are asked more; the others are counted."""
        for study, trial in left:
            if last or trial.pruned:
                study.take(trial, self.aim)
        return [] if last else [one for one in left if not one[1].pruned]

    def _pieces(self, batch: Batch, generator: np.random.Generator) -> list[NDArray[np.intp]]:
        trained = any(self._trained(study) for study, _ in batch)
        return looks(self._group, generator, self._folds if trained else None)

    def _judges(self, batch: Batch) -> list[_Judge]:
        """Who looks at the trials of each study: none where no seed or trial is there to compare with."""
        judges = []
        for study in {id(study): study for study, _ in batch}.values():
            best, trials = study.best(), [trial for of, trial in batch if of is study]
            if self.alpha is None or best is None or best.found is None or not best.found.asked[self._plain].all():
                continue
            low, high = _scale(self.aim, best.found, self._plain)
            if high > low:
                judges.append(_Judge(self, study, trials, best.found, (low, high)))
        return judges

    def values(self, found: Outcomes) -> tuple[Floats, Bools]:
        """The value of each plain row, and where it counts."""
        return values_by_row(self.aim.objectives[0], found, self.aim.needs)[self._plain], found.due[self._plain]

    def pruning(self, study: Study, n_trials: int, values: Floats, valid: Bools) -> Pruning:
        """Bets against trials of a study, by the values of the best so far."""
        margin = FOLD_MARGIN if self._trained(study) else 0.0
        return Pruning(values, valid, self._group, n_trials, alpha=self.alpha or 0.0, margin=margin)

    def _trained(self, study: Study) -> bool:
        return self._folds is not None and study.seed.candidate.name in self.brief.trained

    @property
    def _plain(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.brief.evaluation.perturbations == "")

    @property
    def _group(self) -> NDArray[np.integer]:
        return self.brief.evaluation.group[self._plain]

    @property
    def _folds(self) -> NDArray[np.integer] | None:
        return None if self.brief.folds is None else self.brief.folds[self._plain]


class _Judge:
    """Looks at the trials of one study in one round, and marks those that are given up."""

    def __init__(
        self, rounds: Rounds, study: Study, trials: Sequence[Tried], best: Outcomes, ends: tuple[float, float]
    ) -> None:
        self._rounds, self._trials, self._low, self._span = rounds, trials, ends[0], ends[1] - ends[0]
        values, valid = rounds.values(best)
        self._pruning = rounds.pruning(study, len(trials), self._scaled(values), valid)
        self._n = len(values)

    def look(self, piece: NDArray[np.intp], generator: np.random.Generator) -> None:
        """Marks the trials that are certainly worse, now that these rows (of those that are plain) were asked."""
        none = (np.zeros(self._n), np.zeros(self._n, np.bool_))
        seen = [none if one.found is None else self._rounds.values(one.found) for one in self._trials]
        values = np.stack([self._scaled(values[piece]) for values, _ in seen])
        valid = np.stack([valid[piece] for _, valid in seen])
        lost = self._pruning.see(piece, values, valid, generator)
        for trial, is_lost in zip(self._trials, lost.tolist(), strict=True):
            trial.pruned = trial.pruned or is_lost

    def _scaled(self, values: Floats) -> Floats:
        return np.clip((values - self._low) / self._span, 0.0, 1.0)


def _scale(aim: Aim, best: Outcomes, rows: NDArray[np.intp]) -> tuple[float, float]:
    """The least and the most that a row counts for: known before a trial is asked, and no more than the most can come.

    A row of a trial that is worse than the least counts as the least, which is in its favour.
    """
    objective, needs = aim.objectives[0], aim.needs
    values = values_by_row(objective, best, needs)[rows]
    if objective in ("quality", "measure"):
        return min(0.0, float(values.min())), max(1.0, float(values.max()))
    dearest = 2.0 * float(best.cost[rows].max())
    if objective == "net value":
        lost = needs.loss_of_wrong + needs.price_of_waiting * float(best.latency_s[rows].max()) + dearest
        return min(-lost, float(values.min())), needs.worth_of_solved or 0.0
    return min(-dearest, float(values.min())), 0.0
