"""Who leads, who is tied with the leader, who is worse: on the same rows, corrected for all pairs.

The leader is picked because it looks best, so comparing it with the K - 1 others is not K - 1 comparisons: with 6
(12) equal candidates, Holm over 5 (11) makes a false "better than" in 11 % (18 %) of decisions. Corrected over all
pairs it stays under 5 %, whoever leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import scipy

from merits.core.estimate import Estimate
from merits.core.needs import Needs
from merits.deciding.cases import Cases
from merits.deciding.human import corrected
from merits.deciding.values import gain_bounds, net_values, objective_of
from merits.stats.clusters import FEW_GROUPS
from merits.stats.critical import Floats
from merits.stats.paired import PairedDifferences, compare_all, holm
from merits.stats.power import examples_for_margin
from merits.stats.powered import METHOD

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """All pairs of the candidates that can be compared. Indices are those of the evaluation.

    `means` is the objective of each, on its own rows. `scale` is what a solved case and a wrong one differ by.
    """

    members: tuple[int, ...]
    means: dict[int, float]
    pairs: PairedDifferences
    adjusted: Floats
    confidence: float
    scale: float
    currency: str
    objective: Literal["quality", "net value"]
    grouped: bool
    corrected: bool = False

    @property
    def n_pairs(self) -> int:
        """How many comparisons the claims are corrected for."""
        return max(1, len(self.members) * (len(self.members) - 1) // 2)

    @cached_property
    def reach(self) -> Floats:
        """Half the width of the simultaneous intervals."""
        return self.pairs.reach(1.0 - (1.0 - self.confidence) / self.n_pairs)

    def better(self, i: int, j: int) -> bool:
        """Whether candidate i is certainly better than candidate j."""
        a, b = self._at(i, j)
        return bool(self.pairs.centre[a, b] > 0 and self.adjusted[a, b] <= 1.0 - self.confidence)

    def open_loss(self, i: int, j: int) -> float:
        """The most that candidate i may be better than candidate j: the upper end of the simultaneous interval."""
        a, b = self._at(i, j)
        return float(min(self.pairs.centre[a, b] + self.reach[a, b], self._most))

    def p_value(self, i: int, j: int) -> float:
        """The two-sided p-value of a difference between i and j, adjusted for all pairs."""
        return float(self.adjusted[self._at(i, j)])

    def difference(self, i: int, j: int) -> Estimate:
        """Candidate i minus candidate j, with the simultaneous interval.

        Where Holm's method shows a difference that the simultaneous interval just does not, the interval ends at 0:
        that is the interval that belongs to Holm's claim (Guilbaud 2008, doi:10.1002/bimj.200710449).
        """
        a, b = self._at(i, j)
        centre, reach = float(self.pairs.centre[a, b]), float(self.reach[a, b])
        known = bool(np.isfinite(reach))
        low, high = max(centre - reach, -self._most), min(centre + reach, self._most)
        if self.better(i, j):
            low = max(low, 0.0)
        if self.better(j, i):
            high = min(high, 0.0)
        return Estimate(
            value=float(self.pairs.difference[a, b]) if self.pairs.n[a, b] else None,
            low=low if known else None,
            high=high if known else None,
            level=self.confidence,
            n=int(self.pairs.n_groups[a, b]),
            unit="points" if self.objective == "quality" else "money",
            method=self._method(int(self.pairs.n_groups[a, b])),
            currency="" if self.objective == "quality" else self.currency,
        )

    def examples_to_tell(self, i: int, j: int) -> int | None:
        """How many examples would show which of two is better with 80 % power; None when there is no difference."""
        a, b = self._at(i, j)
        difference = abs(float(self.pairs.difference[a, b]))
        return examples_for_margin(0.0, *self._evidence(i, j), difference, critical=self._critical(a, b))

    def examples_to_bound(self, i: int, j: int, margin: float) -> int | None:
        """How many examples would show, with 80 % power, that i is better than j by less than a margin."""
        a, b = self._at(i, j)
        centre = float(self.pairs.difference[a, b])
        return examples_for_margin(centre, *self._evidence(i, j), margin, critical=self._critical(a, b))

    def detectable(self, i: int, j: int, power: float = 0.8) -> float | None:
        """The smallest difference that as many examples as there are show with a probability; None without evidence.

        (critical value + z_{power}) standard errors, at the spread that was found.
        """
        a, b = self._at(i, j)
        error = float(self.pairs.error[a, b])
        if not np.isfinite(error):
            return None
        return min((self._critical(a, b) + float(scipy.special.ndtri(power))) * error, self._most)

    def difference_of(self, i: int, j: int) -> float:
        """How much better candidate i looks than candidate j, without its interval."""
        return float(self.pairs.difference[self._at(i, j)])

    def n_common(self, i: int, j: int) -> int:
        """On how many independent rows (or groups) i and j were compared."""
        return int(self.pairs.n_groups[self._at(i, j)])

    def _evidence(self, i: int, j: int) -> tuple[float, int]:
        at = self._at(i, j)
        return float(self.pairs.error[at]), int(self.pairs.n_groups[at])

    def _critical(self, a: int, b: int) -> float:
        error = float(self.pairs.error[a, b])
        return float(self.reach[a, b]) / error if np.isfinite(error) and error > 0 else 0.0

    def _at(self, i: int, j: int) -> tuple[int, int]:
        return self.members.index(i), self.members.index(j)

    @property
    def _most(self) -> float:
        return 1.0 if self.objective == "quality" else float("inf")

    def _method(self, n: int) -> str:
        name = self.pairs.method(grouped=self.grouped)
        few = ", few groups" if self.grouped and n < FEW_GROUPS else ""
        if self.corrected:
            name = f"{METHOD}, paired"
        many = f", simultaneous over {self.n_pairs} pairs" if self.n_pairs > 1 else ""
        return f"{name}{many}{few}"


def compare(cases: Cases, needs: Needs, members: Sequence[int]) -> Comparison:
    """All pairs of some candidates, by net value or by quality (the share of cases solved).

    Of a race the intervals and p-values hold at every look.

    Quality is the share solved even where the scorer gives values in between: what counts as solved is the task's
    definition, and the same one that a solved case is priced by.
    """
    objective = objective_of(needs)
    chosen = list(members)
    values = cases.solved.astype(np.float64) if objective == "quality" else net_values(cases, needs)
    scale = 1.0 if objective == "quality" else (needs.worth_of_solved or 0.0) + needs.loss_of_wrong
    counted = cases.counted[chosen]
    least, most = gain_bounds(needs) if objective == "net value" else (0.0, 1.0)
    by_people = corrected(cases, needs, chosen)
    if by_people is not None:
        values = values.copy()
        values[chosen] = by_people.values
        pairs = by_people.pairs(cases)
    else:
        found = compare_all(values[chosen], counted, cases.groups, scale=most - least)
        pairs = replace(found, anytime=cases.anytime)
    return Comparison(
        members=tuple(chosen),
        means={k: float(values[k][cases.counted[k]].mean()) for k in chosen},
        pairs=pairs,
        adjusted=_adjusted(pairs),
        confidence=needs.confidence,
        scale=scale,
        currency=cases.evaluation.currency,
        objective=objective,
        grouped=cases.groups is not None,
        corrected=by_people is not None,
    )


def _adjusted(pairs: PairedDifferences) -> Floats:
    """The p-values after Holm over all pairs, as a symmetric matrix with 1 on the diagonal."""
    p = pairs.p_values
    above = np.triu_indices(len(p), 1)
    adjusted = np.ones_like(p)
    adjusted[above] = holm(p[above])
    adjusted.T[above] = adjusted[above]
    return adjusted
