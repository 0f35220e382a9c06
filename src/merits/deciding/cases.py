"""Which outcomes count, under each of the two policies on failures.

Failed is not wrong, unscored is not failed, and missing is neither: unscored and missing rows are in no figure, a
failed one counts as not solved under one policy and is left out under the other. What is missing because a candidate
failed until it was given up could not be asked either, and counts as failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status
from merits.stats.critical import Bools, Floats, Ints
from merits.stats.rates import rate, rate_bounds

__all__ = ["POLICIES", "Cases", "Policy"]

Policy: TypeAlias = Literal["failures count as wrong", "failures are left out"]
POLICIES: tuple[Policy, ...] = ("failures count as wrong", "failures are left out")


@dataclass(frozen=True)
class Cases:
    """An evaluation as one policy reads it. Only rows as they are (no perturbation) are decided on.

    `asked_of` (candidates, rows) narrows it to what candidates were to be asked; by default that is everything, or, of
    a race, what each was asked before it was dropped; never what the run left unasked. For a requirement on a part of
    it: `perturbation` reads the rows under that one instead, and `within` (rows,) leaves out all other rows.
    """

    evaluation: Evaluation
    policy: Policy
    asked_of: Bools | None = None
    perturbation: str = ""
    within: Bools | None = None

    @cached_property
    def due(self) -> Bools:
        """Which of the rows that are read each candidate was to be asked (candidates, rows): all that counts."""
        return np.asarray(self._scheduled & self.clean)

    @cached_property
    def _scheduled(self) -> Bools:
        raced, unasked = self.evaluation.raced, self.evaluation.unasked
        if self.asked_of is not None:
            whole = self.asked_of
        elif raced is None:
            whole = np.ones(self.evaluation.status.shape, np.bool_)
        else:
            whole = np.asarray(raced.place < raced.asked[:, None])
        return whole if unasked is None else np.asarray(whole & ~unasked)

    @cached_property
    def clean(self) -> Bools:
        """The rows (rows,) that are read: those not perturbed, unless others are asked for."""
        read = self._of_perturbation
        return read if self.within is None else read & self.within

    @cached_property
    def _of_perturbation(self) -> Bools:
        return np.asarray(self.evaluation.perturbations == self.perturbation)

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """The ids of the perturbations that there are rows of, in the order to show."""
        there = {str(one) for one in np.unique(self.evaluation.perturbations)} - {""}
        known = [level.id for level in self.evaluation.levels if level.id in there]
        return (*known, *sorted(there.difference(known)))

    @property
    def anytime(self) -> bool:
        """Whether the rows are those of a race, which stopped on what it saw: intervals must hold at every look."""
        return self.evaluation.raced is not None

    @cached_property
    def scored(self) -> Bools:
        """Where there is a score, of shape (candidates, rows)."""
        return np.asarray(self.evaluation.scored & self.due)

    @cached_property
    def failed(self) -> Bools:
        """Where the candidate could not be asked: it failed, or was not tried any more because it had failed."""
        failed = self.evaluation.failed & self._scheduled & self._of_perturbation
        given_up = (self.evaluation.status == Status.MISSING) & failed.any(axis=1, keepdims=True)
        return np.asarray((failed | given_up) & self.due)

    @cached_property
    def timed(self) -> Bools:
        """Of which candidates (candidates,) it is known how long a caller waited, for every answer that counts.

        Those that were timed are no sample of all: how they were asked decided that, not chance.
        """
        untimed = self.evaluation.untimed
        if untimed is None:
            return np.ones(len(self.evaluation.candidates), np.bool_)
        return np.asarray(~(untimed & self.asked & ~self.failed).any(axis=1))

    @cached_property
    def counted(self) -> Bools:
        """Where the outcome counts under the policy."""
        return self.scored | self.failed if self.policy == POLICIES[0] else self.scored

    @cached_property
    def asked(self) -> Bools:
        """Where the candidate was asked, whatever came of it: what was paid for."""
        return np.asarray((self.evaluation.status != Status.MISSING) & self.due)

    @cached_property
    def solved(self) -> Bools:
        """Where the answer solved the case; False for failures."""
        return np.asarray(self.evaluation.solved & self.scored)

    @cached_property
    def wrong(self) -> Bools:
        """Where an answer was given that did not solve the case; False for failures."""
        return np.asarray(self.scored & ~self.evaluation.solved)

    @cached_property
    def groups(self) -> Ints | None:
        """A code for each row (rows,) that says which rows depend on each other; None when all are independent.

        An example and the same one perturbed depend on each other, but are never read at the same time.
        """
        codes = self.evaluation.group
        if not len(codes):
            return None
        _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
        if not self._of_perturbation.all():
            counts = np.bincount(inverse[self._of_perturbation], minlength=1)
        return None if counts.max() <= 1 else np.asarray(inverse)

    @cached_property
    def examples_a_group(self) -> float:
        """How many different examples there are for each independent group, on average: 1 where only repeats depend."""
        if self.groups is None:
            return 1.0
        examples = len(np.unique(self.evaluation.examples[self.clean]))
        return max(1.0, examples / len(np.unique(self.groups[self.clean])))

    def groups_at(self, mask: Bools) -> Ints | None:
        """The codes of the rows chosen by a mask (rows,); None when rows are independent."""
        return None if self.groups is None else self.groups[mask]

    def rate(self, successes: Bools | Floats, mask: Bools, level: float) -> Estimate:
        """The share of successes (rows,) among the rows of a mask, with the interval to show (`stats.rate`)."""
        return rate(successes[mask], self.groups_at(mask), level, anytime=self.anytime)

    def rate_bounds(self, successes: Bools | Floats, mask: Bools, level: float) -> Estimate:
        """The same with two one-sided bounds, to gate on (`stats.rate_bounds`)."""
        return rate_bounds(successes[mask], self.groups_at(mask), level, anytime=self.anytime)

    @cached_property
    def assessed(self) -> tuple[int, ...]:
        """The candidates with at least one scored row."""
        return tuple(int(k) for k in np.flatnonzero(self.scored.any(axis=1)))

    def count(self, status: Status, k: int) -> int:
        """How many rows of candidate k have a status."""
        return int(np.count_nonzero((self.evaluation.status[k] == status) & self.due[k]))

    def mean_cost(self, k: int) -> float | None:
        """What one case costs candidate k on average, failures and retries included; None when it has no price."""
        if not self.evaluation.priced[k] or not self.asked[k].any():
            return None
        return float(self.evaluation.cost[k][self.asked[k]].mean())

    def mean_machine_s(self, k: int) -> float:
        """The machine seconds of one case of candidate k; 0 for what runs elsewhere."""
        answered = self.asked[k] & ~self.failed[k]
        return float(self.evaluation.machine_s[k][answered].mean()) if answered.any() else 0.0

    def cost_at(self, k: int, mask: Bools) -> Floats:
        """The costs of candidate k at the rows of a mask."""
        return np.asarray(self.evaluation.cost[k][mask])
