"""One candidate against each of the others, as sums of everything that a net value is made of.

From these sums the net value under any amounts follows without going back to the rows: break-even points, the
tornado and the curves are all read off them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from merits.core.needs import Needs
from merits.deciding.assessment import Assessment
from merits.deciding.fixed import fixed_per_case
from merits.deciding.values import COMPONENTS, amounts, components, gain_bounds
from merits.stats.critical import Bools, Floats
from merits.stats.crossing import Moments, moments

__all__ = ["Versus", "difference", "half_and_middle", "versus", "weights_of"]

_AT = {name: i for i, name in enumerate(COMPONENTS)}


@dataclass(frozen=True)
class Versus:
    """The subject and its rivals. Rivals are eligible candidates with a price; indices are the evaluation's.

    `against[k]` are the sums of the subject's components minus those of k, over the rows that count for both;
    `own[k]` those of one candidate alone.
    """

    assessment: Assessment
    subject: int
    rivals: tuple[int, ...]
    against: dict[int, Moments]
    own: dict[int, Moments]

    @property
    def needs(self) -> Needs:
        """The needs that are decided under."""
        return self.assessment.needs

    @property
    def level(self) -> float:
        """The level of the intervals."""
        return self.needs.confidence

    @property
    def currency(self) -> str:
        """What money is in."""
        return self.assessment.cases.evaluation.currency

    @cached_property
    def weights(self) -> Floats:
        """What one unit of each component is worth under the needs, and 0 for the constant."""
        return weights_of(amounts(self.needs))

    @cached_property
    def span(self) -> float:
        """How far the outcome of one case can move the net value."""
        least, most = gain_bounds(self.needs)
        return most - least

    def name(self, k: int) -> str:
        """The name of a candidate."""
        return self.assessment.names[k]

    def ahead(self, k: int, weights: Floats | None = None) -> float:
        """By how much the subject brings more than rival k, as it looks."""
        return self.against[k].mean(self.weights if weights is None else weights)

    def leads(self, weights: Floats, shift: dict[int, float] | None = None) -> int:
        """Who brings most under other weights; `shift` is added to the net value of some candidates."""
        moved = shift or {}
        gaps = {k: self.ahead(k, weights) + moved.get(self.subject, 0.0) - moved.get(k, 0.0) for k in self.rivals}
        best = min(gaps, key=lambda k: (gaps[k], k), default=self.subject)
        return self.subject if not gaps or gaps[best] >= -1e-12 * max(self.span, 1e-12) else best

    def fixed(self, k: int) -> float:
        """The fixed costs that are in the cost of a case of k."""
        return fixed_per_case(self.assessment.cases.evaluation.candidates[k], self.needs) or 0.0

    def spread_over(self, volume: float) -> dict[int, float]:
        """What each candidate's net value of a case gains where its fixed costs are spread over another volume."""
        now = self.needs.volume_per_month or volume
        return {k: self.fixed(k) * (1.0 - now / volume) for k in (self.subject, *self.rivals)}

    @staticmethod
    def only(component: str, amount: float = 1.0) -> Floats:
        """The weights that pick out one component."""
        return weights_of({component: amount})


def versus(assessment: Assessment, subject: int) -> Versus | None:
    """The subject against all eligible candidates that have a price; None when it has none itself."""
    cases = assessment.cases
    if not cases.evaluation.priced[subject]:
        return None
    rivals = tuple(k for k in assessment.eligible if k != subject and cases.evaluation.priced[k])
    mine = _columns(assessment, subject)
    against, own = {}, {subject: _sums(mine, cases.counted[subject], assessment)}
    for k in rivals:
        theirs = _columns(assessment, k)
        against[k] = _sums(mine - theirs, cases.counted[subject] & cases.counted[k], assessment)
        own[k] = _sums(theirs, cases.counted[k], assessment)
    known = tuple(k for k in rivals if against[k].n_groups >= 2)
    return Versus(assessment, subject, known, against, own)


def half_and_middle(weights: Floats) -> tuple[float, float]:
    """Half the span, and the middle, of what the outcome of one case brings under some weights: solved or wrong."""
    solved, wrong = float(weights[_AT["solved"]]), float(weights[_AT["wrong"]])
    return abs(solved - wrong) / 2.0, (solved + wrong) / 2.0


def difference(assessment: Assessment, i: int, j: int) -> Moments:
    """The sums of the components of i minus those of j, over the rows that count for both."""
    both = assessment.cases.counted[i] & assessment.cases.counted[j]
    return _sums(_columns(assessment, i) - _columns(assessment, j), both, assessment)


def weights_of(by_component: dict[str, float]) -> Floats:
    """Amounts by component as a vector in the order of `COMPONENTS`, 0 for the rest and for the constant."""
    found = np.zeros(len(COMPONENTS) + 1)
    for name, amount in by_component.items():
        found[_AT[name]] = amount
    return found


def _columns(assessment: Assessment, k: int) -> Floats:
    parts = components(assessment.cases, assessment.needs, k)
    return np.stack([parts[name] for name in COMPONENTS])


def _sums(columns: Floats, mask: Bools, assessment: Assessment) -> Moments:
    if mask.all():
        return moments(columns, assessment.cases.groups)
    return moments(columns[:, mask], assessment.cases.groups_at(mask))
