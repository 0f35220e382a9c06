"""How good trials are on dev, and which of them go to test. What is searched for looks better there than it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation
from merits.core.improvement import MEMORISED, TrialRecord
from merits.core.needs import Needs
from merits.deciding.assessment import assess
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.economics import cost_per_case
from merits.deciding.fixed import spread
from merits.deciding.standings import standings
from merits.deciding.values import objective_of
from merits.evaluating.facts import GIVEN_UP

__all__ = ["MARGIN", "Ranked", "memorised_by", "ranked", "records_of"]

MARGIN = 0.01  # of quality: what "no loss" may leave open, unless a requirement names another margin


@dataclass(frozen=True)
class Ranked:
    """A candidate with what is known of it on dev. `value` is what it is ranked by; `may` is whether it may be used.

    It may not where a requirement is certainly not met.
    """

    candidate: Candidate
    record: TrialRecord
    may: bool

    @property
    def value(self) -> float:
        """Net value of a case, or quality; -inf where nothing could be told."""
        return -np.inf if self.record.value is None else self.record.value

    @property
    def cost(self) -> float:
        """Of one case; inf where it is unknown."""
        known = self.record.cost
        return np.inf if known is None or known.value is None else known.value

    @property
    def quality(self) -> float:
        """The share solved; -inf where nothing could be told."""
        known = self.record.quality
        return -np.inf if known is None or known.value is None else known.value


def records_of(evaluation: Evaluation, needs: Needs, technique: str, at_s: float, first: int) -> list[Ranked]:
    """What a round of trials showed, numbered from `first`."""
    whole = spread(evaluation, needs)
    if not (whole.status == 1).any():
        return [_nothing(evaluation, k, technique, at_s, first + k) for k in range(len(evaluation.candidates))]
    assessment = assess(Cases(whole, POLICIES[0]), needs)
    table = standings(assessment, Cases(whole, POLICIES[1]))
    found = []
    for k, (candidate, standing) in enumerate(zip(evaluation.candidates, table, strict=True)):
        answered = int(np.isin(evaluation.status[k], (1, 2)).sum())
        if not answered or standing.quality is None:
            found.append(_nothing(evaluation, k, technique, at_s, first + k))
            continue
        net = standing.net_value_per_case
        may = all(result.met != "not met" for result in standing.requirements)
        by_quality = objective_of(needs) == "quality"
        ranked_by = standing.quality if by_quality else net
        of_quality = 1.0 if by_quality else (needs.worth_of_solved or 0.0) + needs.loss_of_wrong
        memorised = memorised_by(candidate)
        record = TrialRecord(
            number=first + k,
            technique=technique,
            candidate=candidate,
            at_s=at_s,
            quality=standing.quality,
            cost=cost_per_case(assessment.cases, k, needs.confidence) if evaluation.priced[k] else None,
            latency_s=standing.latency_p50_s,
            net_value=net,
            value=None if ranked_by is None or ranked_by.value is None else ranked_by.value - memorised * of_quality,
            n_rows=answered,
            ruled_out=not may,
        )
        found.append(Ranked(candidate, record, may))
    return found


def memorised_by(candidate: Candidate) -> float:
    """By how much the quality of a candidate on dev is too good, as far as who proposed it knows: from 0 to 1."""
    known = candidate.metadata.get(MEMORISED, 0.0)
    return min(max(float(known), 0.0), 1.0) if isinstance(known, int | float) else 0.0


def _nothing(evaluation: Evaluation, k: int, technique: str, at_s: float, number: int) -> Ranked:
    name = evaluation.names[k]
    why = evaluation.facts.get(f"{GIVEN_UP}{name}") or evaluation.facts.get(f"failures of {name}") or "not answered"
    record = TrialRecord(number=number, technique=technique, candidate=evaluation.candidates[k], at_s=at_s, failed=why)
    return Ranked(evaluation.candidates[k], record, may=False)


def ranked(all_: Collection[Ranked], n_rows: int) -> list[Ranked]:
    """Those that were asked everything and may be used, the best first; of equals the cheaper."""
    whole = [one for one in all_ if one.may and one.record.n_rows >= n_rows and one.value > -np.inf]
    return sorted(whole, key=lambda one: (-one.value, one.cost, one.record.number))
