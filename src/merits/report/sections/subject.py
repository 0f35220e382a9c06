"""What every section looks at: the outcomes, the decision, and the order in which candidates are shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from merits.core.decision import Decision, Standing
from merits.core.estimate import Estimate
from merits.core.evaluation import Evaluation
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.fixed import spread

__all__ = ["Subject"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Subject:
    """An evaluation with the decision on it. Perturbed rows are in no section."""

    evaluation: Evaluation
    decision: Decision

    @cached_property
    def cases(self) -> Cases:
        """The outcomes with failures counting as wrong, as the decision reads them."""
        return Cases(spread(self.evaluation, self.decision.needs), POLICIES[0])

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """The named one, then best first by what the decision compares, then those without such a figure by quality."""
        return tuple(sorted(self.decision.standings, key=self._rank))

    def _rank(self, standing: Standing) -> tuple[int, float, str]:
        compared = standing.net_value_per_case if self.decision.objective == "net value" else standing.quality
        for rank, figure in ((1, compared), (2, standing.quality)):
            if figure is not None and figure.value is not None:
                named = standing.candidate == self.decision.candidate
                return (0 if named else rank, -figure.value, standing.candidate)
        return (3, 0.0, standing.candidate)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The candidates' indices in the evaluation, in the order of `standings`."""
        names = self.evaluation.names
        return tuple(names.index(s.candidate) for s in self.standings if s.candidate in names)

    @cached_property
    def focus(self) -> int | None:
        """The candidate that sections about one candidate show: the named one, else the best that has outcomes."""
        assessed = [k for k in self.order if k in self.cases.assessed]
        names = self.evaluation.names
        if self.decision.candidate in names and names.index(self.decision.candidate) in assessed:
            return names.index(self.decision.candidate)
        return assessed[0] if assessed else None

    def name(self, k: int) -> str:
        """The name of a candidate."""
        return self.evaluation.names[k]

    def rate(self, k: int, rows: Bools | None = None) -> Estimate | None:
        """The share of cases that candidate `k` solved among some rows (rows,); None when none of them counts."""
        mask = self.cases.counted[k] if rows is None else self.cases.counted[k] & rows
        if not mask.any():
            return None
        return self.cases.rate(self.cases.solved[k], mask, self.decision.level)
