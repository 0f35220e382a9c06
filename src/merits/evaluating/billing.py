"""The bill: what all answers to these questions cost, over all runs, also those that count no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress, islice
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import STANDARD, Usage
from merits.core.bill import Bill, BillRow
from merits.core.candidate import Price
from merits.core.doors import Store, StoredAnswer
from merits.core.evaluation import Evaluation
from merits.core.hashes import digests_of
from merits.evaluating.columns import TOKENS
from merits.evaluating.pricing import Used, known_prices
from merits.prices.costs import needs_times

if TYPE_CHECKING:
    from merits.prices import PriceSource

__all__ = ["bill_of"]

_AT_ONCE = 500  # answers in memory: a thousand of them take a megabyte


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
    for k, (name, version, price) in enumerate(zip(evaluation.names, evaluation.versions, prices, strict=True)):
        if k not in evaluation.composed:  # they are paid as those that they ask
            rows.append(_row(name, price, inputs.those_of(store.paid(version))))
    if evaluation.parts is not None:
        of_prices = known_prices(evaluation.parts.candidates, table, currency=evaluation.currency)
        of_parts = zip(evaluation.parts.names, evaluation.parts.versions, of_prices, strict=True)
        for k, (part, version, price) in enumerate(of_parts, len(evaluation.candidates)):
            if k not in evaluation.composed:
                rows.append(_row(f"{part} (as a part)", price, inputs.those_of(store.paid(version))))
    for taught in evaluation.taught:
        price, names = prices[evaluation.index(taught.candidates[0])], ", ".join(taught.candidates)
        if taught.teacher is not None:
            (price,) = known_prices((taught.teacher,), table, currency=evaluation.currency)
            names = f"{names} by {taught.teacher.name}"
        paid = store.paid(taught.version)
        row = _row(f"training of {names}", price, _in_parts(paid) if taught.teacher is None else inputs.others(paid))
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


def _in_parts(paid: Iterator[StoredAnswer]) -> Iterator[Sequence[StoredAnswer]]:
    while some := list(islice(paid, _AT_ONCE)):
        yield some


class _Inputs:
    """The inputs of an evaluation, 16 bytes each."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._known = np.sort(digests_of(evaluation.input_hashes))

    def those_of(self, paid: Iterator[StoredAnswer]) -> Iterator[Sequence[StoredAnswer]]:
        """The answers to these inputs, some thousand at once: a million of them are not in memory together."""
        for some in _in_parts(paid):
            yield list(compress(some, self._among(some).tolist()))

    def others(self, paid: Iterator[StoredAnswer]) -> Iterator[Sequence[StoredAnswer]]:
        """The answers to other inputs: those to these are on the bill already."""
        for some in _in_parts(paid):
            yield list(compress(some, (~self._among(some)).tolist()))

    def _among(self, some: Sequence[StoredAnswer]) -> NDArray[np.bool_]:
        wanted = digests_of(one.key.input_hash for one in some)
        places = np.searchsorted(self._known, wanted).clip(max=len(self._known) - 1)
        return np.asarray(self._known[places] == wanted)


class _Costs:
    """What answers cost together, those that were told and those that were not."""

    def __init__(self, price: Price | None) -> None:
        self._price = price
        self._known = _used((), price).cost(price) is not None
        self._told, self._n_told, self._by_token, self._n_unmetered = 0.0, 0, False, 0
        self._cost = 0.0

    def note(self, used: Used, unmetered: NDArray[np.int32]) -> None:
        """Takes some answers into account."""
        cost = used.cost(self._price) if self._known else None
        if cost is None or self._price is None:
            self._known = False
            return
        self._cost += float(cost.sum())
        self._n_unmetered += int(unmetered.sum())
        told = used.told(self._price, unmetered)
        if told is not None:
            self._by_token = True
            self._told, self._n_told = self._told + told[0], self._n_told + told[1]

    def together(self) -> tuple[float | None, float]:
        """The cost of what was told, and of what was not at the mean of what was; None and 0 where that is unknown."""
        if not self._known or (self._by_token and self._n_unmetered and not self._n_told):
            return None, 0.0
        mean = self._told / self._n_told if self._n_told else 0.0
        return self._cost, self._n_unmetered * mean


def _used(paid: Sequence[StoredAnswer], price: Price | None) -> Used:
    usages = [one.answer.usage for one in paid]
    tiers = [usage.service_tier for usage in usages]
    services = {tier: np.array([one == tier for one in tiers]) for tier in set(tiers).difference(STANDARD)}
    tokens = {kind: _column(usages, f"{kind}_tokens") for kind in TOKENS}
    return Used(
        {kind: counts for kind, counts in tokens.items() if counts.any()},
        _column(usages, "machine_s"),
        _column(usages, "attempts").astype(np.int32),
        services,
        np.array([one.at for one in paid]) if needs_times(price, services) else None,
    )


def _column(usages: Sequence[Usage], field: str) -> NDArray[np.float64]:
    return np.fromiter(map(attrgetter(field), usages), np.float64, len(usages))


def _row(name: str, price: Price | None, paid: Iterator[Sequence[StoredAnswer]]) -> BillRow:
    n, costs, machine_s = Counter[str](), _Costs(price), 0.0
    tokens = Counter[str]()
    for some in paid:
        used = _used(some, price)
        unmetered = _column([one.answer.usage for one in some], "unmetered").astype(np.int32)
        costs.note(used, unmetered)
        machine_s += float(used.machine_s.sum())
        n["answers"] += len(some)
        n["failed"] += sum(one.answer.failure is not None for one in some)
        n["attempts"] += int(used.attempts.sum())
        n["unmetered"] += int(unmetered.sum())
        for kind, counts in used.tokens.items():
            tokens[kind] += int(counts.sum())
    cost, of_unmetered = costs.together()
    return BillRow(
        candidate=name,
        n_answers=n["answers"],
        n_failed=n["failed"],
        n_attempts=n["attempts"],
        n_unmetered=n["unmetered"],
        tokens={kind: tokens[kind] for kind in TOKENS if kind in tokens},
        machine_s=machine_s,
        cost=cost,
        cost_of_unmetered=of_unmetered,
    )
