"""How probable it is that each candidate is the best, and what choosing it would lose: by the objective's posterior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merits.core.estimate import Estimate
from merits.deciding.assessment import Assessment
from merits.deciding.human import corrected
from merits.deciding.values import gain_bounds, net_values, objective_of
from merits.stats.posterior import Sample, posterior
from merits.stats.powered import FEWEST_LABELS

__all__ = ["Chances", "chances"]


@dataclass(frozen=True)
class Chances:
    """The draws for the candidates that may be chosen: those that do not certainly miss a requirement."""

    assessment: Assessment
    among: tuple[int, ...]
    sample: Sample

    def p_best(self, k: int) -> Estimate | None:
        """The probability that candidate k is the best of those that may be chosen; None for the others."""
        return self.sample.p_best(self.among.index(k), self._level) if k in self.among else None

    def expected_regret(self, k: int) -> Estimate | None:
        """What choosing candidate k loses on average, in the objective's unit a case; None for the others."""
        if k not in self.among:
            return None
        by_quality = self.assessment.compared.objective == "quality"
        unit, currency = ("points", "") if by_quality else ("money", self._currency)
        at = self.among.index(k)
        if unit == "points":
            return self.sample.expected_regret(at, self._level)
        return self.sample.expected_regret(at, self._level, unit="money", currency=currency)

    def p_right(self, chosen: int) -> Estimate | None:
        """The probability that the choice is right: that nothing else is better by more than was accepted.

        One that nobody is tied with is right if it is the best. Among the tied it was accepted that another may be
        better by no more than the tie margin.
        """
        if chosen not in self.among:
            return None
        if self.assessment.tied == (chosen,):
            return self.p_best(chosen)
        return self.sample.p_within(self.among.index(chosen), self.assessment.margin, self._level)

    @property
    def _level(self) -> float:
        return self.assessment.needs.confidence

    @property
    def _currency(self) -> str:
        return self.assessment.cases.evaluation.currency


def chances(assessment: Assessment) -> Chances | None:
    """The draws, always the same for the same outcomes; None where nobody can be compared or there are too few rows."""
    leader, cases, needs = assessment.leader, assessment.cases, assessment.needs
    among = assessment.eligible or assessment.members
    if leader is None or leader not in among:
        return None
    by_quality = objective_of(needs) == "quality"
    values = cases.solved if by_quality else net_values(cases, needs)
    by_people = corrected(cases, needs, among)
    if by_people is not None and all(part.n >= FEWEST_LABELS for part in by_people.parts):
        values = np.array(values, dtype=np.float64)
        values[list(among)] = by_people.values
    elif by_people is not None:
        return None  # of who lacks labels nothing is known
    least, most = (0.0, 1.0) if by_quality else gain_bounds(needs)
    found = posterior(
        np.asarray(values[list(among)], dtype=np.float64),
        cases.counted[list(among)],
        cases.groups,
        scale=(most - least) * (1.0 if by_people is None else by_people.stretch),
        reference=among.index(leader),
    )
    if found is None:
        return None
    return Chances(assessment, among, found.drawn(np.random.default_rng(0)))
