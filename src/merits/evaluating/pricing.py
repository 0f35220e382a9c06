"""What the answers of an evaluation cost, each as of when it was answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Candidate, Price
from merits.core.doors import AnswerKey, Store, StoredAnswer
from merits.core.errors import TaskError
from merits.core.evaluation import Evaluation
from merits.evaluating.contenders import Contender
from merits.prices.costs import costs, needs_times
from merits.prices.table import PriceSource
from merits.prices.words import price_in_words

__all__ = ["FACT", "Used", "known_prices", "price_answers", "price_facts", "priced_in_time", "prices_of_contenders"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
AskedAt: TypeAlias = Callable[[int], Floats | float]
FACT = "price of "


def known_prices(
    candidates: Sequence[Candidate], table: PriceSource | None, *, currency: str
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


def prices_of_contenders(
    contenders: Sequence[Contender], table: PriceSource | None, *, currency: str
) -> tuple[Price | None, ...]:
    """The price of each; a composite takes nothing for itself: what it costs is what those do that it asks."""
    prices = known_prices([each.candidate for each in contenders], table, currency=currency)
    free = Price(per_call=0.0, currency=currency, source="the sum of the parts that it asks")
    return tuple(free if each.parts else price for each, price in zip(contenders, prices, strict=True))


def price_answers(
    prices: Sequence[Price | None],
    tokens: Mapping[str, Floats],
    machine_s: Floats,
    attempts: NDArray[np.int32],
    unmetered: NDArray[np.int32] | None = None,
    *,
    services: Mapping[str, Bools] | None = None,
    asked_at: AskedAt | None = None,
) -> tuple[Floats, Bools]:
    """The costs (candidates, rows), and for which candidates they are known; where they are not, they are 0.

    An attempt that may be on the bill and whose tokens the provider did not tell (`unmetered`) is counted as what an
    answer of that candidate costs on average in tokens, over the answers that were told in full. Where none was, and
    tokens have a price, what the candidate costs is not known. `asked_at` gives the times of a candidate's answers
    (UNIX seconds), and is only called for one whose price has changed; without it the latest price holds for all.
    """
    cost = np.zeros(machine_s.shape)
    priced = np.zeros(len(prices), np.bool_)
    for index, price in enumerate(prices):
        served = {name: mask[index] for name, mask in (services or {}).items() if mask[index].any()}
        used = Used(
            {name: counts[index] for name, counts in tokens.items()},
            machine_s[index],
            attempts[index],
            served,
            asked_at(index) if asked_at is not None and needs_times(price, served) else None,
        )
        known = used.cost(price)
        if known is not None and unmetered is not None and price is not None and unmetered[index].any():
            known = _with_unmetered(known, price, used, unmetered[index])
        if known is not None:
            cost[index], priced[index] = known, True
    return cost, priced


def priced_in_time(evaluation: Evaluation, prices: Sequence[Price | None], store: Store) -> Evaluation:
    """The evaluation with what each answer costs under these prices, as of when it was answered (as stored)."""
    cost, priced = price_answers(
        prices,
        evaluation.tokens,
        evaluation.machine_s,
        evaluation.attempts,
        evaluation.unmetered,
        services=evaluation.services,
        asked_at=lambda k: _answered_at(evaluation, k, store),
    )
    return dataclasses.replace(evaluation, cost=cost, priced=priced)


def _answered_at(evaluation: Evaluation, k: int, store: Store) -> Floats:
    """When the answers of one candidate came (rows,): those that count; 0 where there is none."""
    latest: dict[AnswerKey, StoredAnswer] = {}
    for one in store.paid(evaluation.versions[k]):
        earlier = latest.get(one.key)
        if earlier is None or earlier.answer.failure is not None or one.answer.failure is None:
            latest[one.key] = one
    keys = zip(evaluation.input_hashes.tolist(), evaluation.repeats.tolist(), evaluation.asked_as.tolist(), strict=True)
    found = (latest.get(AnswerKey(*key)) for key in keys)
    return np.array([0.0 if one is None else one.at for one in found])


class Used(NamedTuple):
    """What some answers of one candidate used, answer by answer. `asked_at` is needed where `needs_times` says so."""

    tokens: Mapping[str, Floats]
    machine_s: Floats
    attempts: NDArray[np.int32]
    services: Mapping[str, Bools]
    asked_at: Floats | float | None

    def cost(self, price: Price | None) -> Floats | None:
        """What each cost; None where that is not known."""
        return costs(price, **self._asdict())

    def told(self, price: Price, unmetered: NDArray[np.int32]) -> tuple[float, int] | None:
        """The cost of tokens of those that were told in full, and of how many; None where tokens have no price."""
        n = len(self.machine_s)
        of_tokens = self._replace(machine_s=np.zeros(n), attempts=np.zeros(n, np.int32)).cost(price)
        if of_tokens is None or not any(any(tariff.by_token.values()) for tariff in price.tariffs):
            return None
        told = (unmetered == 0) & (of_tokens > 0.0)
        return float(of_tokens[told].sum()), int(np.count_nonzero(told))


def _with_unmetered(known: Floats, price: Price, used: Used, unmetered: NDArray[np.int32]) -> Floats | None:
    """The costs of one candidate with its unmetered attempts at the mean of the others; None when there are none."""
    told = used.told(price, unmetered)
    if told is None:
        return known
    cost, n = told
    return known + unmetered * (cost / n) if n else None


def price_facts(candidates: Sequence[Candidate], prices: Sequence[Price | None]) -> dict[str, str]:
    """Which price was applied to each candidate, with its date and source; nothing of one that has none."""
    pairs = zip(candidates, prices, strict=True)
    return {f"{FACT}{candidate.name}": price_in_words(price) for candidate, price in pairs if price is not None}
