"""The bill: what all answers to these questions cost, over all runs, also those that count no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from merits.core.answer import STANDARD, Usage
from merits.core.bill import Bill, BillRow
from merits.core.candidate import Price
from merits.core.doors import Store, StoredAnswer
from merits.core.evaluation import Evaluation
from merits.evaluating.columns import TOKENS
from merits.evaluating.pricing import known_prices, price_answers

if TYPE_CHECKING:
    from merits.prices import PriceSource

__all__ = ["bill_of"]


def bill_of(evaluation: Evaluation, store: Store, table: PriceSource | None = None) -> Bill:
    """What was ever paid for the questions of an evaluation, at the prices that its own costs are at.

    Answers that failed, were refused and asked again, or were refreshed are in it: they were paid for too. What a
    killed run had in flight is not: nobody here knows what became of it.
    """
    prices = known_prices(evaluation.candidates, table, currency=evaluation.currency)
    inputs = frozenset(evaluation.input_hashes.tolist())
    rows = []
    for name, version, price in zip(evaluation.names, evaluation.versions, prices, strict=True):
        paid = (one for one in store.paid(version) if one.key.input_hash in inputs)
        rows.append(_row(name, price, paid))
    costs = [row.cost for row in rows if row.cost is not None]
    return Bill(
        rows=tuple(rows),
        currency=evaluation.currency,
        cost=sum(costs) if costs else None,
        n_unpriced=len(rows) - len(costs),
        n_unmetered=sum(row.n_unmetered for row in rows),
        cost_of_unmetered=sum(row.cost_of_unmetered for row in rows),
    )


def _row(name: str, price: Price | None, paid: Iterable[StoredAnswer]) -> BillRow:
    used: list[Usage] = []
    times: list[float] = []
    n_failed = 0
    for one in paid:
        used.append(one.answer.usage)
        times.append(one.at)
        n_failed += one.answer.failure is not None
    tokens = {kind: _column(used, f"{kind}_tokens") for kind in TOKENS}
    tokens = {kind: counts for kind, counts in tokens.items() if counts.any()}
    machine_s, attempts, unmetered = (_column(used, field) for field in ("machine_s", "attempts", "unmetered"))

    def cost(unmetered: np.ndarray[tuple[int, int], np.dtype[np.int32]]) -> float | None:
        found, priced = price_answers(
            [price],
            tokens,
            machine_s,
            attempts.astype(np.int32),
            unmetered,
            services=_services(used),
            asked_at=lambda _: np.array(times),
        )
        return float(found.sum()) if priced[0] else None

    told, most = cost(np.zeros(unmetered.shape, np.int32)), cost(unmetered.astype(np.int32))
    return BillRow(
        candidate=name,
        n_answers=len(used),
        n_failed=n_failed,
        n_attempts=int(attempts.sum()),
        n_unmetered=int(unmetered.sum()),
        tokens={kind: int(counts.sum()) for kind, counts in tokens.items()},
        machine_s=float(machine_s.sum()),
        cost=None if most is None else told,
        cost_of_unmetered=0.0 if most is None or told is None else most - told,
    )


def _services(used: list[Usage]) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    """Which answers were billed as what, where that is not the standard, as the one row of a matrix."""
    tiers = [usage.service_tier for usage in used]
    return {tier: np.array([[one == tier for one in tiers]]) for tier in set(tiers).difference(STANDARD)}


def _column(used: list[Usage], field: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """One field of all usages, as the one row of a matrix."""
    return np.fromiter((getattr(usage, field) for usage in used), np.float64, len(used))[None, :]
