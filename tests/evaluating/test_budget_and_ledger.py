"""Against a provider that fails: what it bills is within the budget but for what is in flight, and is what we bill."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from merits.core.candidate import Candidate, Price
from merits.core.racing import Budget
from merits.evaluating import bill_of, evaluate
from merits.store import open_store
from merits.testing.provider import FakeProvider, Fault
from tests.evaluating.making import task

PRICE = Price(input_per_million=1000.0, output_per_million=3000.0, cache_read_per_million=100.0)
TOLD = (Fault("server_error", 0.1), Fault("empty", 0.05), Fault("rate_limit", 0.02, retry_after_s=0.01))
DEAREST = 0.07  # of one answer: the prompt with its labels, and one word back


def spend(provider: FakeProvider, concurrency: int, budget: str, n: int = 400):  # type: ignore[no-untyped-def]
    candidates = [
        Candidate(name=name, kind="chat", params={"model": name, "base_url": provider.base_url}, price=PRICE)
        for name in ("one", "other")
    ]
    with closing(open_store(":memory:")) as store:
        evaluation = asyncio.run(
            evaluate(
                task(n, concurrency=concurrency, retries=3),
                candidates,
                store=store,
                env={"OPENAI_API_KEY": "any"},
                budget=Budget.of(budget),
            )
        )
        return evaluation, bill_of(evaluation, store)


@pytest.mark.parametrize("concurrency", [1, 8, 32])
def test_what_the_provider_bills_is_within_the_budget_and_is_our_bill(concurrency: int) -> None:
    with FakeProvider(faults=TOLD, rates=PRICE, cached_tokens=3, latency_s=0.002) as provider:
        evaluation, bill = spend(provider, concurrency, "2.5 USD")
        billed = provider.ledger.money
    assert billed is not None
    assert evaluation.budget is not None
    assert evaluation.budget.ended
    assert 1.0 < billed <= 2.5 + provider.ledger.most_at_once * DEAREST
    assert evaluation.budget.spent == pytest.approx(billed)
    assert bill.cost == pytest.approx(billed)
    assert sum(row.n_attempts for row in bill.rows) == provider.ledger.n_requests


def test_what_the_provider_bills_without_telling_is_counted_and_said() -> None:
    """A reply that was cut on its way may be on the bill: counted at the mean, and named."""
    faults = [Fault("reset", 0.1), Fault("malformed", 0.1)]
    with FakeProvider(faults=faults, rates=PRICE, bill_lost=True, latency_s=0.001) as provider:
        evaluation, bill = spend(provider, 4, "2 USD", n=60)
        billed = provider.ledger.money
    assert billed is not None
    assert bill.n_unmetered > 0
    assert bill.cost is not None
    assert bill.cost < billed  # what was told, to the cent
    assert bill.cost + bill.cost_of_unmetered == pytest.approx(billed, rel=0.1)
    assert evaluation.budget is not None
    assert evaluation.budget.spent == pytest.approx(billed, rel=0.15)
