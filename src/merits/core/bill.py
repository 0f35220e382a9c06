"""What was paid over all runs, also for what counts no more."""

from __future__ import annotations

import msgspec

__all__ = ["Bill", "BillRow"]


class BillRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate was paid for these questions: all its answers ever, failed and superseded ones too.

    `cost` is what the provider told it used, at its price; None where there is no price. `n_unmetered` attempts may be
    on the bill too, and the provider did not tell their tokens: each at the candidate's mean answer, that would be
    `cost_of_unmetered` more.
    """

    candidate: str
    n_answers: int
    n_failed: int
    n_attempts: int
    n_unmetered: int
    tokens: dict[str, int]
    machine_s: float
    cost: float | None
    cost_of_unmetered: float = 0.0


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates. `cost` sums those with a price, and is None where none has one."""

    rows: tuple[BillRow, ...]
    currency: str
    cost: float | None
    n_unpriced: int
    n_unmetered: int
    cost_of_unmetered: float = 0.0

    def row(self, candidate: str) -> BillRow:
        """What one candidate was paid, by its name; KeyError when there is none."""
        for row in self.rows:
            if row.candidate == candidate:
                return row
        raise KeyError(f"no candidate {candidate!r}; there are {', '.join(row.candidate for row in self.rows)}")
