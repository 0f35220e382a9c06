"""What the answers of an evaluation cost. Prices are applied on reading: another price asks nothing again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate, Price
from merits.core.errors import TaskError
from merits.core.evaluation import Evaluation

if TYPE_CHECKING:
    from merits.prices import PriceTable

__all__ = ["price_answers", "price_facts", "reprice"]

Floats = NDArray[np.float64]


def reprice(
    evaluation: Evaluation, candidates: Sequence[Candidate], table: PriceTable | None, *, currency: str = ""
) -> Evaluation:
    """The evaluation under present prices, and with the present names and metadata of its candidates.

    Candidates are recognised by their id; one that is not among `candidates` stays as it was evaluated. `currency`
    is that of the costs, the evaluation's own unless given.
    """
    present = {candidate.id: candidate for candidate in candidates}
    named = tuple(present.get(candidate.id, candidate) for candidate in evaluation.candidates)
    currency = currency or evaluation.currency
    cost, priced = price_answers(
        named, table, evaluation.tokens, evaluation.machine_s, evaluation.attempts, currency=currency
    )
    facts = {**evaluation.facts, **price_facts(table)}
    return dataclasses.replace(evaluation, candidates=named, cost=cost, priced=priced, currency=currency, facts=facts)


def price_answers(
    candidates: Sequence[Candidate],
    table: PriceTable | None,
    tokens: Mapping[str, Floats],
    machine_s: Floats,
    attempts: NDArray[np.int32],
    *,
    currency: str,
) -> tuple[Floats, NDArray[np.bool_]]:
    """The costs (candidates, rows), and for which candidates they are known; where they are not, they are 0."""
    cost = np.zeros(machine_s.shape)
    priced = np.zeros(len(candidates), np.bool_)
    for index, candidate in enumerate(candidates):
        price = _price(candidate, table)
        if price is None:
            continue
        from merits.prices import costs

        _check_currency(candidate, price, currency)
        own = {name: counts[index] for name, counts in tokens.items()}
        known = costs(price, tokens=own, machine_s=machine_s[index], attempts=attempts[index])
        if known is not None:
            cost[index], priced[index] = known, True
    return cost, priced


def price_facts(table: PriceTable | None) -> dict[str, str]:
    """Which prices were applied."""
    return {"prices": f"as of {table.as_of}, from {table.source}"} if table else {}


def _price(candidate: Candidate, table: PriceTable | None) -> Price | None:
    return candidate.price if table is None else table.price_of(candidate)


def _check_currency(candidate: Candidate, price: Price, currency: str) -> None:
    if price.currency != currency:
        raise TaskError(
            f"candidate {candidate.name!r} is priced in {price.currency}, and the needs are in {currency}.",
            f"Give its price in {currency}, or set `currency: {price.currency}` under `needs`.",
        )
