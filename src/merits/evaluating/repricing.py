"""Prices are applied on reading: another price, of a candidate or of a judge, asks nothing again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.imported import KIND as IMPORTED
from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.evaluation import Evaluation
from merits.evaluating.composed import priced_composites
from merits.evaluating.judge_costs import repriced
from merits.evaluating.pricing import FACT, known_prices, price_answers, price_facts, priced_in_time
from merits.prices.table import PriceSource

__all__ = ["reprice"]

Floats: TypeAlias = NDArray[np.float64]


def reprice(
    evaluation: Evaluation,
    candidates: Sequence[Candidate],
    table: PriceSource | None,
    *,
    currency: str = "",
    store: Store | None = None,
    judges: Sequence[Candidate] = (),
) -> Evaluation:
    """The evaluation under present prices, and with the present names and metadata of its candidates.

    Candidates are recognised by their id; one that is not among `candidates` stays as it was evaluated. `currency`
    is that of the costs, the evaluation's own unless given. With the `store` that holds its answers each is priced as
    of when it was answered; without, as of the latest price. One that was imported keeps the costs that were imported
    with it unless it has a price, which is unknown then where its tokens are. What judges cost is priced
    alike, by their recipes among `judges` or else in the store.
    """
    present = {candidate.id: candidate for candidate in candidates}
    named = tuple(present.get(candidate.id, candidate) for candidate in evaluation.candidates)
    currency = currency or evaluation.currency
    prices = known_prices(named, table, currency=currency)
    facts = {name: fact for name, fact in evaluation.facts.items() if not name.startswith(FACT) and name != "prices"}
    evaluation = dataclasses.replace(
        evaluation, candidates=named, currency=currency, facts={**facts, **price_facts(named, prices)}
    )
    if store is not None:
        priced = priced_in_time(evaluation, prices, store)
    else:
        used = (evaluation.tokens, evaluation.machine_s, evaluation.attempts, evaluation.unmetered)
        cost, known = price_answers(prices, *used, services=evaluation.services)
        priced = dataclasses.replace(evaluation, cost=cost, priced=known)
    for index, (candidate, price) in enumerate(zip(named, prices, strict=True)):
        if candidate.kind == IMPORTED:
            by_price = (priced.cost[index], bool(priced.priced[index]))
            priced.cost[index], priced.priced[index] = _imported(evaluation, index, price, by_price)
    if priced.parts is not None:
        parts = reprice(priced.parts, candidates, table, currency=currency, store=store)
        priced = dataclasses.replace(priced, parts=dataclasses.replace(parts, facts={}))
    priced = priced_composites(priced)
    if not evaluation.judged:
        return priced
    recipes = {recipe.id: recipe for recipe in (*(() if store is None else store.candidates()), *judges)}
    return repriced(priced, recipes, table, currency)


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
