"""Where candidates disagree: who solves what the others do not, and what a perfect choice among them could reach."""

from __future__ import annotations

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.report.sections.subject import Subject
from merits.stats.rates import rate

__all__ = ["Alone", "DisagreementSection", "disagreement_section"]

_MOST = 12


class Alone(msgspec.Struct, frozen=True):
    """How many examples a candidate alone solved, of those that all were scored on."""

    name: str
    n: int


class DisagreementSection(msgspec.Struct, frozen=True, kw_only=True):
    """`only[i][j]` is how many examples candidate i solved and candidate j did not, of those both were scored on.

    `by_all`, `by_none` and `by_any` are shares of the `n_common` examples that all of these were scored on; `by_any`
    is what could be reached by always asking the right one.
    """

    names: tuple[str, ...]
    only: tuple[tuple[int, ...], ...]
    n_pairs: tuple[tuple[int, ...], ...]
    by_all: Estimate | None
    by_none: Estimate | None
    by_any: Estimate | None
    alone: tuple[Alone, ...]
    n_common: int


def disagreement_section(subject: Subject) -> DisagreementSection | None:
    """None with fewer than two candidates that were scored."""
    shown = [k for k in subject.order if k in subject.cases.assessed][:_MOST]
    if len(shown) < 2:
        return None
    scored, solved = subject.cases.scored[shown], subject.cases.solved[shown]
    # Products of 0/1 matrices count pairs; float32 counts exactly up to 16 million rows and is much faster than int.
    right, wrong, there = (part.astype(np.float32) for part in (solved, scored & ~solved, scored))
    common = np.asarray(scored.all(axis=0))
    n_solved = solved.sum(axis=0)
    names = tuple(subject.name(k) for k in shown)
    groups = subject.cases.groups_at(common)

    def share(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Estimate | None:
        return rate(chosen[common], groups, subject.decision.level) if common.any() else None

    exactly_one = common & (n_solved == 1)
    return DisagreementSection(
        names=names,
        only=tuple(tuple(line) for line in (right @ wrong.T).astype(int).tolist()),
        n_pairs=tuple(tuple(line) for line in (there @ there.T).astype(int).tolist()),
        by_all=share(n_solved == len(shown)),
        by_none=share(n_solved == 0),
        by_any=share(n_solved > 0),
        alone=tuple(Alone(name, int((exactly_one & solved[i]).sum())) for i, name in enumerate(names)),
        n_common=int(common.sum()),
    )
