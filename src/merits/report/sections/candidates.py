"""The table of candidates: who they are, and how each came out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from merits.core.candidate import Candidate
from merits.core.decision import Met, Standing
from merits.core.estimate import cases_to_hold
from merits.report.plain import one_line
from merits.report.sections.subject import Subject

__all__ = ["CandidateRow", "Requirements", "Units", "candidate_rows", "units_of"]


class Requirements(msgspec.Struct, frozen=True):
    """How many requirements a candidate meets, misses, or may yet meet."""

    n_met: int
    n_not_met: int
    n_open: int


class Units(msgspec.Struct, frozen=True):
    """For how many cases costs are given, so that they have few zeros: 1,000 cases and 1 solved one, or more."""

    cases: int = 1_000
    solved: int = 1


class CandidateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate; `named` when the verdict names it. `notes` are its licence, where it runs and the like."""

    name: str
    kind: str
    named: bool
    standing: Standing
    requirements: Requirements
    notes: dict[str, str]


def candidate_rows(subject: Subject) -> tuple[CandidateRow, ...]:
    """A row for each candidate, best first."""
    recipes = {candidate.name: candidate for candidate in subject.evaluation.candidates}
    return tuple(_row(standing, recipes.get(standing.candidate), subject) for standing in subject.standings)


def units_of(rows: Sequence[CandidateRow]) -> Units:
    """The units in which the best candidate that costs anything costs at least a thousandth of the currency."""
    costs = (row.standing.cost_per_1000 for row in rows)
    best = next((cost.value for cost in costs if cost is not None and cost.value), 0.0) / 1_000
    return Units(cases=max(1_000, cases_to_hold(best)), solved=cases_to_hold(best))


def _row(standing: Standing, recipe: Candidate | None, subject: Subject) -> CandidateRow:
    notes = recipe.metadata if recipe else {}
    return CandidateRow(
        name=standing.candidate,
        kind=recipe.kind if recipe else "",
        named=standing.candidate == subject.decision.candidate,
        standing=standing,
        requirements=Requirements(*(_count(standing, met) for met in ("met", "not met", "not yet known"))),
        notes={one_line(key, 40): one_line(value, 120) for key, value in notes.items()},
    )


def _count(standing: Standing, met: Met) -> int:
    return sum(result.met == met for result in standing.requirements)
