"""What the answers of an evaluation cost. Prices are applied on reading: another price asks nothing again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merits.candidates.imported import KIND as IMPORTED
from merits.core.candidate import Candidate, Price
from merits.core.errors import TaskError
from merits.core.evaluation import Evaluation

if TYPE_CHECKING:
    from merits.prices import PriceTable

__all__ = ["known_prices", "price_answers", "price_facts", "reprice"]

Floats = NDArray[np.float64]


def reprice(
    evaluation: Evaluation, candidates: Sequence[Candidate], table: PriceTable | None, *, currency: str = ""
) -> Evaluation:
    """The evaluation under present prices, and with the present names and metadata of its candidates.

    Candidates are recognised by their id; one that is not among `candidates` stays as it was evaluated. `currency`
    is that of the costs, the evaluation's own unless given. One that was imported keeps the costs that were imported
    with it unless it has a price, which is unknown then where its tokens are.
    """
    present = {candidate.id: candidate for candidate in candidates}
    named = tuple(present.get(candidate.id, candidate) for candidate in evaluation.candidates)
    currency = currency or evaluation.currency
    prices = known_prices(named, table, currency=currency)
    used = (evaluation.tokens, evaluation.machine_s, evaluation.attempts, evaluation.unmetered)
    cost, priced = price_answers(prices, *used)
    for index, (candidate, price) in enumerate(zip(named, prices, strict=True)):
        if candidate.kind == IMPORTED:
            cost[index], priced[index] = _imported(evaluation, index, price, (cost[index], bool(priced[index])))
    facts = {**evaluation.facts, **price_facts(table)}
    return dataclasses.replace(evaluation, candidates=named, cost=cost, priced=priced, currency=currency, facts=facts)


def _imported(
    evaluation: Evaluation, k: int, price: Price | None, by_price: tuple[Floats, bool]
) -> tuple[Floats, bool]:
    """The costs of an imported candidate: those by its price, else the tool's own; unknown without recorded tokens."""
    if price is None:
        return evaluation.cost[k], bool(evaluation.priced[k])
    by_token = price.input_per_million is not None or price.output_per_million is not None
    if by_token and not any(counts[k].any() for counts in evaluation.tokens.values()):
        return np.zeros_like(by_price[0]), False
    return by_price


def known_prices(
    candidates: Sequence[Candidate], table: PriceTable | None, *, currency: str
) -> tuple[Price | None, ...]:
    """The price of each candidate, its recipe's own or that in the table; TaskError for one in another currency."""
    prices = tuple(candidate.price if table is None else table.price_of(candidate) for candidate in candidates)
    for candidate, price in zip(candidates, prices, strict=True):
        if price is not None and price.currency != currency:
            raise TaskError(
                f"candidate {candidate.name!r} is priced in {price.currency}, and the needs are in {currency}.",
                f"Give its price in {currency}, or set `currency: {price.currency}` under `needs`.",
            )
    return prices


def price_answers(
    prices: Sequence[Price | None],
    tokens: Mapping[str, Floats],
    machine_s: Floats,
    attempts: NDArray[np.int32],
    unmetered: NDArray[np.int32] | None = None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """The costs (candidates, rows), and for which candidates they are known; where they are not, they are 0.

    An attempt that may be on the bill and whose tokens the provider did not tell (`unmetered`) is counted as what an
    answer of that candidate costs on average in tokens, over the answers that were told in full. Where none was, and
    tokens have a price, what the candidate costs is not known.
    """
    from merits.prices import costs

    cost = np.zeros(machine_s.shape)
    priced = np.zeros(len(prices), np.bool_)
    for index, price in enumerate(prices):
        own = {name: counts[index] for name, counts in tokens.items()}
        known = costs(price, tokens=own, machine_s=machine_s[index], attempts=attempts[index])
        if known is not None and unmetered is not None and price is not None and unmetered[index].any():
            known = _with_unmetered(known, price, own, unmetered[index])
        if known is not None:
            cost[index], priced[index] = known, True
    return cost, priced


def _with_unmetered(
    known: Floats, price: Price, tokens: Mapping[str, Floats], unmetered: NDArray[np.int32]
) -> Floats | None:
    """The costs of one candidate with its unmetered attempts at the mean of the others; None when there are none."""
    from merits.prices import costs

    nothing = np.zeros(len(known))
    of_tokens = costs(price, tokens=tokens, machine_s=nothing, attempts=nothing.astype(np.int32))
    if of_tokens is None or not (price.input_per_million or price.output_per_million):
        return known
    told = (unmetered == 0) & (of_tokens > 0.0)
    return known + unmetered * of_tokens[told].mean() if told.any() else None


def price_facts(table: PriceTable | None) -> dict[str, str]:
    """Which prices were applied."""
    return {"prices": f"as of {table.as_of}, from {table.source}"} if table else {}
