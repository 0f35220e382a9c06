"""What the evaluation used and cost. Sums of what was measured, so facts and not estimates."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.bill import Bill, BillRow
from merits.core.clusters import first_seen
from merits.core.evaluation import Evaluation
from merits.core.hashes import digests_of
from merits.core.judge import Judged
from merits.core.outcome import Status
from merits.report.sections.subject import Subject

__all__ = ["SpentRow", "SpentSection", "spent_section"]


class SpentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate: answers by what became of them, tries, tokens by kind, machine seconds, and money if priced.

    All but `paid` is of the answers that count here; `paid` is what it was paid over all runs (None: not known).
    """

    name: str
    n_scored: int
    n_failed: int
    n_unscored: int
    n_missing: int
    n_attempts: int
    tokens: dict[str, int]
    machine_s: float
    cost: float | None
    paid: BillRow | None = None


class SpentSection(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates. `cost` sums those with a price; `n_unpriced` have none, so it is a lower bound then.

    `cost` is of the answers that count; `bill` is all that was ever paid, for failures and superseded answers too. What
    `judges` cost is in none of these sums.
    """

    rows: tuple[SpentRow, ...]
    token_kinds: tuple[str, ...]
    machine_s: float
    cost: float | None
    n_unpriced: int
    currency: str
    bill: Bill | None = None
    judges: tuple[Judged, ...] = ()


def spent_section(subject: Subject, bill: Bill | None = None) -> SpentSection | None:
    """None without candidates."""
    paid = _first_of_each_question(subject.evaluation)  # rows with the same question share one answer, paid for once
    if bill is not None and not any(row.n_answers for row in bill.rows):
        bill = None  # another tool's results: what they cost is not known here
    billed = {} if bill is None else {row.candidate: row for row in bill.rows}  # who only asks others has none
    rows = tuple(_row(subject, k, paid, billed.get(subject.evaluation.names[k])) for k in subject.order)
    if not rows:
        return None
    own = [row for k, row in zip(subject.order, rows, strict=True) if k not in subject.evaluation.composed]
    costs = [row.cost for row in own if row.cost is not None]
    parts = subject.evaluation.parts  # what composites asked of others than these candidates
    if parts is not None and parts.priced.any():
        costs.append(float(parts.cost[parts.priced].sum()))
    return SpentSection(
        rows=rows,
        token_kinds=tuple(kind for kind in subject.evaluation.tokens if any(row.tokens.get(kind) for row in rows)),
        machine_s=sum(row.machine_s for row in own) + (0.0 if parts is None else float(parts.machine_s.sum())),
        cost=sum(costs) if costs else None,
        n_unpriced=sum(row.cost is None for row in own),
        currency=subject.evaluation.currency,
        bill=bill,
        judges=subject.evaluation.judged,
    )


def _row(subject: Subject, k: int, paid: NDArray[np.bool_], billed: BillRow | None) -> SpentRow:
    evaluation, status = subject.evaluation, subject.evaluation.status[k]
    answered = (status == Status.SCORED) | (status == Status.UNSCORED)
    asked = status != Status.MISSING
    return SpentRow(
        name=subject.name(k),
        n_scored=int((status == Status.SCORED).sum()),
        n_failed=int((status == Status.FAILED).sum()),
        n_unscored=int((status == Status.UNSCORED).sum()),
        n_missing=int((status == Status.MISSING).sum()),
        n_attempts=int(evaluation.attempts[k][asked & paid].sum()),
        tokens={kind: int(np.sum(counts[k][asked & paid])) for kind, counts in evaluation.tokens.items()},
        machine_s=float(evaluation.machine_s[k][answered & paid].sum()),
        cost=float(evaluation.cost[k][asked & paid].sum()) if evaluation.priced[k] else None,
        paid=billed,
    )


def _first_of_each_question(evaluation: Evaluation) -> NDArray[np.bool_]:
    """Where a row (rows,) is the first with its input, repeat and perturbation."""
    question = first_seen(digests_of(evaluation.input_hashes)).astype(np.int64)
    for codes in (evaluation.repeats, np.unique(evaluation.perturbations, return_inverse=True)[1]):
        question = question * (int(codes.max(initial=0)) + 1) + codes
    first = np.unique(question, return_index=True)[1]
    found = np.zeros(evaluation.n_rows, np.bool_)
    found[first] = True
    return found
