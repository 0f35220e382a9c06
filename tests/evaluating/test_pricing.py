"""Prices are applied on reading: another price asks nothing again, and an unknown one is not 0."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from merits.core.answer import Answer, Usage
from merits.core.candidate import Price
from merits.core.doors import Store
from merits.core.errors import TaskError, UsageError
from merits.core.needs import Needs
from merits.core.price import PriceChange
from merits.core.task import Task
from merits.evaluating import evaluate, reprice
from merits.evaluating.billing import bill_of
from merits.store import open_store
from merits.testing.models import Constant, Flaky, Replying
from tests.evaluating.making import named, run, task


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


def _reply(input: object) -> Answer:
    return Answer("even", usage=Usage(input_tokens=1000, output_tokens=10))


TOKENS = Price(input_per_million=2.0, output_per_million=10.0)


def test_tokens_cost_what_the_recipe_says(store: Store) -> None:
    """1,000 tokens in at 2 USD a million and 10 out at 10 are 0.0021 USD."""
    (candidate,) = named(a=Replying(_reply))
    evaluation = run(task(2), [replace(candidate, price=TOKENS)], store)
    assert evaluation.cost.tolist() == [[pytest.approx(0.0021)] * 2]
    assert evaluation.priced.tolist() == [True]


def test_an_unknown_price_is_not_0(store: Store) -> None:
    """It is marked as unknown."""
    evaluation = run(task(2), named(a=Constant("even")), store)
    assert evaluation.priced.tolist() == [False]


def test_failed_attempts_are_paid(store: Store) -> None:
    """The second attempt succeeded; both were calls."""
    (candidate,) = named(a=Flaky("even", 1))
    of = task(2, retries=1)
    evaluation = run(of, [replace(candidate, price=Price(per_call=0.5))], store)
    assert evaluation.attempts.tolist() == [[2, 2]]
    assert evaluation.cost.tolist() == [[1.0, 1.0]]


def test_repricing_changes_costs_and_names_and_nothing_else(store: Store) -> None:
    """A price slider runs nothing."""
    candidate, other = named(a=Replying(_reply), b=Constant("odd"))
    evaluation = run(task(2), [candidate, other], store)
    dearer = reprice(evaluation, [replace(candidate, name="new name", price=TOKENS)], None)
    assert dearer.names == ("new name", "b")
    assert dearer.cost[0].tolist() == [pytest.approx(0.0021)] * 2
    assert dearer.priced.tolist() == [True, False]
    assert dearer.solved is evaluation.solved
    assert dearer.versions == evaluation.versions


def test_a_price_in_another_currency_is_refused(store: Store) -> None:
    """Euros and dollars do not add up."""
    (candidate,) = named(a=Constant("even"))
    with pytest.raises(TaskError, match="priced in EUR, and the needs are in USD"):
        run(task(2), [replace(candidate, price=Price(currency="EUR", per_call=1.0))], store)


def test_a_price_in_another_currency_is_refused_before_anything_is_asked(store: Store) -> None:
    """Answers cost money; a mistake in the file must not."""
    model = Constant("even")
    (candidate,) = named(a=model)
    with pytest.raises(UsageError):
        run(task(2), [replace(candidate, price=Price(currency="EUR", per_call=1.0))], store)
    assert model.asked == []


def test_the_needs_say_the_currency(store: Store) -> None:
    """Costs are in the currency that the worth is in."""
    (candidate,) = named(a=Constant("even"))
    of: Task = replace(task(2), needs=Needs(currency="EUR"))
    evaluation = run(of, [replace(candidate, price=Price(currency="EUR", per_call=1.0))], store)
    assert (evaluation.currency, evaluation.cost.tolist()) == ("EUR", [[1.0, 1.0]])


def test_each_answer_costs_what_held_when_it_came(store: Store) -> None:
    """Half of them were asked before the price changed; the same again from what is stored."""
    change = PriceChange(from_=datetime.date(2026, 10, 1), input_per_million=1.0, output_per_million=0.0)
    price = Price(input_per_million=2.0, output_per_million=0.0, changes=(change,))
    (candidate,) = named(a=Replying(_reply))
    recipe, of = replace(candidate, price=price), task(4)
    before = datetime.datetime(2026, 9, 30, tzinfo=datetime.UTC).timestamp()
    after = datetime.datetime(2026, 10, 2, tzinfo=datetime.UTC).timestamp()
    some = replace(of, examples=tuple(e for n, e in enumerate(of.examples) if n % 4 < 2))
    asyncio.run(evaluate(some, [recipe], store=store, clock=lambda: before))
    evaluation = asyncio.run(evaluate(of, [recipe], store=store, clock=lambda: after))
    assert sorted(evaluation.cost[0].tolist()) == [pytest.approx(0.001)] * 2 + [pytest.approx(0.002)] * 2
    stored = store.evaluation(of.id, "test")
    assert stored is not None
    again = reprice(stored, [recipe], None, store=store)
    assert again.cost.tolist() == evaluation.cost.tolist()


def test_a_batch_costs_what_a_batch_costs(store: Store) -> None:
    """Also when it is read from the store; without a batch price its cost is unknown."""

    def reply(input: object) -> Answer:
        tier = "batch" if str(input).endswith("0") else "default"
        return Answer("even", usage=Usage(input_tokens=1_000_000, service_tier=tier))

    (candidate,) = named(a=Replying(reply))
    price = Price(input_per_million=2.0, output_per_million=2.0, batch_factor=0.5)
    of = task(2)
    evaluation = run(of, [replace(candidate, price=price)], store)
    assert evaluation.cost.tolist() == [[1.0, 2.0]]
    stored = store.evaluation(of.id, "test")
    assert stored is not None
    assert stored.services["batch"].tolist() == [[True, False]]
    full = reprice(stored, [replace(candidate, price=Price(input_per_million=2.0, output_per_million=2.0))], None)
    assert full.priced.tolist() == [False]


def test_the_report_can_say_which_price_was_applied(store: Store) -> None:
    """With date and source."""
    (candidate,) = named(a=Constant("even"))
    price = Price(per_call=0.5, as_of="2026-11-01", source="our contract")
    evaluation = run(task(2), [replace(candidate, price=price)], store)
    assert evaluation.facts["price of a"] == "0.5 a call (USD); as of 2026-11-01, from our contract"


def test_a_bill_of_more_answers_than_are_read_at_once_is_whole(store: Store) -> None:
    """A kind of token that only the last answers used is counted too."""

    def reply(input: object) -> Answer:
        return Answer("even", usage=Usage(input_tokens=1000, output_tokens=7 * (input == "test 1199")))

    (candidate,) = named(a=Replying(reply))
    evaluation = run(task(1_200), [replace(candidate, price=TOKENS)], store)
    (row,) = bill_of(evaluation, store).rows
    assert (row.n_answers, row.n_attempts, row.n_failed) == (1_200, 1_200, 0)
    assert row.tokens == {"input": 1_200_000, "output": 7}
    assert evaluation.cost.sum() == pytest.approx(row.cost)
