"""The bill: what all answers to these questions cost, over all runs, also those that count no more."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import compress, islice
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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

_AT_ONCE = 500  # answers in memory: a thousand of them take a megabyte
_OTHERS = ("machine_s", "attempts", "unmetered")
_FIELDS = (*(f"{kind}_tokens" for kind in TOKENS), *_OTHERS)
_values = attrgetter(*_FIELDS)


def bill_of(evaluation: Evaluation, store: Store, table: PriceSource | None = None) -> Bill:
    """What was ever paid for the questions of an evaluation, at the prices that its own costs are at.

    Answers that failed, were refused and asked again, or were refreshed are in it: they were paid for too. What a
    killed run had in flight is not: nobody here knows what became of it. What candidates learned from (embeddings) has
    a row of its own for each model that was asked for it: all that the store ever paid that one, at the price of the
    first candidate that learned from it.
    """
    prices = known_prices(evaluation.candidates, table, currency=evaluation.currency)
    inputs = _Inputs(evaluation)
    rows = []
    for name, version, price in zip(evaluation.names, evaluation.versions, prices, strict=True):
        rows.append(_row(name, price, inputs.those_of(store.paid(version))))
    for taught in evaluation.taught:
        price, names = prices[evaluation.index(taught.candidates[0])], ", ".join(taught.candidates)
        row = _row(f"training of {names}", price, store.paid(taught.version))
        rows += [row] if row.n_answers else []
    costs = [row.cost for row in rows if row.cost is not None]
    return Bill(
        rows=tuple(rows),
        currency=evaluation.currency,
        cost=sum(costs) if costs else None,
        n_unpriced=len(rows) - len(costs),
        n_unmetered=sum(row.n_unmetered for row in rows),
        cost_of_unmetered=sum(row.cost_of_unmetered for row in rows),
    )


class _Inputs:
    """The inputs of an evaluation, 16 bytes each."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._known = np.unique(_digests(map(str, evaluation.input_hashes)))

    def those_of(self, paid: Iterator[StoredAnswer]) -> Iterator[StoredAnswer]:
        """The answers to these inputs."""
        while some := list(islice(paid, _AT_ONCE)):
            wanted = _digests(one.key.input_hash for one in some)
            places = np.searchsorted(self._known, wanted).clip(max=len(self._known) - 1)
            yield from compress(some, (self._known[places] == wanted).tolist())


def _digests(texts: Iterable[str]) -> NDArray[np.bytes_]:
    return np.frombuffer(b"".join(blake2b(text.encode(), digest_size=16).digest() for text in texts), "S16")


class _Used:
    """What answers used, a column for each field that is not 0 throughout."""

    def __init__(self) -> None:
        self.n = 0
        self.tiers: list[str] = []
        self._columns: dict[str, array[float]] = {}

    def note(self, usages: Sequence[Usage]) -> None:
        """Takes what some answers used into account."""
        for field, values in zip(_FIELDS, zip(*map(_values, usages), strict=True), strict=True):
            if field not in self._columns and any(values):
                self._columns[field] = array("d", bytes(8 * self.n))
            if field in self._columns:
                self._columns[field].extend(values)
        self.tiers += [intern(usage.service_tier) for usage in usages]
        self.n += len(usages)

    def column(self, field: str) -> NDArray[np.float64]:
        """One field of all usages, as the one row of a matrix."""
        found = self._columns.get(field)
        return np.zeros((1, self.n)) if found is None else np.array(found)[None, :]

    def services(self) -> dict[str, NDArray[np.bool_]]:
        """Which answers were billed as what, where that is not the standard, as the one row of a matrix."""
        return {tier: np.array([[one == tier for one in self.tiers]]) for tier in set(self.tiers).difference(STANDARD)}


def _row(name: str, price: Price | None, paid: Iterator[StoredAnswer]) -> BillRow:
    used, times, n_failed = _Used(), array("d"), 0
    while some := list(islice(paid, _AT_ONCE)):
        used.note([one.answer.usage for one in some])
        times.extend(one.at for one in some)
        n_failed += sum(one.answer.failure is not None for one in some)
    tokens = {kind: used.column(f"{kind}_tokens") for kind in TOKENS}
    tokens = {kind: counts for kind, counts in tokens.items() if counts.any()}
    machine_s, attempts, unmetered = map(used.column, _OTHERS)

    def cost(unmetered: NDArray[np.int32]) -> float | None:
        found, priced = price_answers(
            [price],
            tokens,
            machine_s,
            attempts.astype(np.int32),
            unmetered,
            services=used.services(),
            asked_at=lambda _: np.array(times),
        )
        return float(found.sum()) if priced[0] else None

    told, most = cost(np.zeros(unmetered.shape, np.int32)), cost(unmetered.astype(np.int32))
    return BillRow(
        candidate=name,
        n_answers=used.n,
        n_failed=n_failed,
        n_attempts=int(attempts.sum()),
        n_unmetered=int(unmetered.sum()),
        tokens={kind: int(counts.sum()) for kind, counts in tokens.items()},
        machine_s=float(machine_s.sum()),
        cost=None if most is None else told,
        cost_of_unmetered=0.0 if most is None or told is None else most - told,
    )
