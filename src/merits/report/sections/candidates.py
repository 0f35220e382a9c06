"""The table of candidates: who they are, and how each came out."""

from __future__ import annotations

import msgspec

from merits.core.candidate import Candidate
from merits.core.decision import Met, Standing
from merits.report.plain import one_line
from merits.report.sections.subject import Subject

__all__ = ["CandidateRow", "Requirements", "candidate_rows"]


class Requirements(msgspec.Struct, frozen=True):
    """How many requirements a candidate meets, misses, or may yet meet."""

    n_met: int
    n_not_met: int
    n_open: int


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
