"""Tiers, services, days and hours, in decimal arithmetic; what is not known is not charged at some other rate."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.core.candidate import Candidate, Price
from merits.core.errors import UsageError
from merits.core.price import PriceChange, Service, Tier
from merits.prices import PriceBook, PriceTable, costs
from merits.prices.quotes import quotes
from merits.prices.table import ModelPrice

TODAY = datetime.date(2026, 11, 20)


def cost(price: Price, *, service: str = "", at: datetime.datetime | None = None, **tokens: int) -> float | None:
    found = costs(
        price,
        tokens={kind: np.array([float(n)]) for kind, n in tokens.items()},
        machine_s=np.zeros(1),
        attempts=np.ones(1, np.int32),
        services={service: np.array([True])} if service else None,
        asked_at=None if at is None else at.timestamp(),
    )
    return None if found is None else float(found[0])


def test_a_long_question_pays_the_tier_for_all_its_tokens() -> None:
    """Past the threshold, not at it; cached tokens count towards it."""
    price = Price(
        input_per_million=3.0,
        output_per_million=15.0,
        cache_read_per_million=0.3,
        tiers=(Tier(above=200_000, input_per_million=6.0, output_per_million=22.5),),
    )
    assert cost(price, input=200_000, output=1_000) == pytest.approx(0.6 + 0.015)
    assert cost(price, input=100_001, cache_read=100_000, output=1_000) == pytest.approx(0.600006 + 0.03 + 0.0225)


def test_a_batch_costs_its_factor_and_nothing_is_guessed_without_one() -> None:
    """An unknown batch price is unknown, not the full price."""
    price = Price(input_per_million=2.0, output_per_million=8.0)
    assert cost(price, service="batch", input=1_000_000) is None
    assert cost(price, service="default", input=1_000_000) == 2.0
    halved = Price(input_per_million=2.0, output_per_million=8.0, batch_factor=0.5)
    assert cost(halved, service="batch", input=1_000_000, output=1_000_000) == 5.0
    assert cost(halved, service="flex", input=1_000_000) is None
    own = Price(input_per_million=2.0, output_per_million=8.0, services={"flex": Service(input_per_million=1.0)})
    assert cost(own, service="flex", input=1_000_000, output=1_000_000) == 9.0


def test_rows_of_one_candidate_may_be_served_differently() -> None:
    """A run may be finished in a batch."""
    price = Price(input_per_million=1.0, output_per_million=1.0, batch_factor=0.5)
    found = costs(
        price,
        tokens={"input": np.array([1e6, 1e6])},
        machine_s=np.zeros(2),
        attempts=np.ones(2, np.int32),
        services={"batch": np.array([False, True])},
    )
    assert found is not None
    assert found.tolist() == [1.0, 0.5]


def test_an_answer_costs_what_the_price_was_when_it_came() -> None:
    """A price changes at midnight UTC."""
    change = PriceChange(from_=datetime.date(2026, 10, 1), input_per_million=1.0)
    price = Price(input_per_million=2.0, changes=(change,))
    midnight = datetime.datetime(2026, 10, 1, tzinfo=datetime.UTC)
    assert cost(price, at=midnight - datetime.timedelta(seconds=1), input=1_000_000) == 2.0
    assert cost(price, at=midnight, input=1_000_000) == 1.0


def test_a_tariff_of_a_later_day_is_not_yet_known() -> None:
    """Announced prices are no prices."""
    change = PriceChange(from_=datetime.date(2027, 1, 1), per_call=9.0)
    candidate = Candidate(name="a", kind="chat", params={"model": "m"}, price=Price(per_call=1.0, changes=(change,)))
    price = PriceBook(on=TODAY).price_of(candidate)
    assert price is not None
    assert price.changes == ()


counts = st.integers(0, 10_000_000)
rates = st.decimals(0, 200, places=6)


@given(st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=50), rates, rates, rates)
def test_sums_are_right_to_a_millionth_of_a_cent(
    used: list[tuple[int, int, int]], asked: Decimal, said: Decimal, cached: Decimal
) -> None:
    """Against exact decimal arithmetic: nothing is rounded before the end."""
    price = Price(input_per_million=float(asked), output_per_million=float(said), cache_read_per_million=float(cached))
    kinds = ("input", "output", "cache_read")
    found = costs(
        price,
        tokens={kind: np.array([float(row[n]) for row in used]) for n, kind in enumerate(kinds)},
        machine_s=np.zeros(len(used)),
        attempts=np.ones(len(used), np.int32),
    )
    exact = sum((row[0] * asked + row[1] * said + row[2] * cached) / 1_000_000 for row in used)
    assert found is not None
    assert float(found.sum()) == pytest.approx(float(exact), abs=1e-8)


def chat(model: str, **params: str) -> Candidate:
    return Candidate(name="mine", kind="chat", params={"model": model, **params})


def test_a_providers_price_is_known_out_of_the_box_with_day_and_source() -> None:
    """No account and no table."""
    price = PriceBook(on=TODAY).price_of(chat("gpt-4o-mini"))
    assert price is not None
    assert (price.input_per_million, price.output_per_million) == (0.15, 0.6)
    assert price.as_of
    assert "openai" in price.source


def test_whoever_answers_at_another_address_has_other_prices() -> None:
    """A proxy, or a server of one's own; a provider's own address is the provider."""
    book = PriceBook(on=TODAY)
    assert book.price_of(chat("gpt-4o-mini", base_url="http://localhost:8000/v1")) is None
    assert "not openai's" in book.note(chat("gpt-4o-mini", base_url="http://localhost:8000/v1"))
    assert book.price_of(chat("gpt-4o-mini", base_url="https://api.openai.com/v1")) is not None
    assert book.price_of(chat("qwen3", provider="vllm")) is None


def test_own_prices_go_first() -> None:
    """The recipe's, then the table's, then the provider's."""
    table = PriceTable(as_of="2026-05-01", models={"gpt-4o-mini": ModelPrice(per_call=1.0)})
    book = PriceBook(on=TODAY, table=table)
    own = Candidate(name="a", kind="chat", params={"model": "gpt-4o-mini"}, price=Price(per_call=2.0))
    assert [book.price_of(one).per_call for one in (own, chat("gpt-4o-mini"))] == [2.0, 1.0]  # type: ignore[union-attr]
    assert book.price_of(chat("gpt-4o")).input_per_million == 2.5  # type: ignore[union-attr]


def test_a_table_may_tell_providers_apart() -> None:
    """The same model costs something else at another provider."""
    models = {"groq/m": ModelPrice(per_call=1.0), "m": ModelPrice(per_call=2.0)}
    table = PriceTable(as_of="2026-05-01", models=models)
    assert [table.price_of(chat("m", provider=p)).per_call for p in ("groq", "openai")] == [1.0, 2.0]  # type: ignore[union-attr]


def test_dollars_are_exchanged_only_at_a_rate_that_was_given() -> None:
    """Without one the price is no record, and the note says what to do."""
    without = PriceBook(on=TODAY, currency="EUR")
    assert without.price_of(chat("gpt-4o-mini")) is None
    assert "exchange_rate" in without.note(chat("gpt-4o-mini"))
    price = PriceBook(on=TODAY, currency="EUR", exchange_rate=0.9).price_of(chat("gpt-4o-mini"))
    assert price is not None
    assert (price.currency, price.input_per_million) == ("EUR", pytest.approx(0.135))
    assert "at 0.9 EUR a USD" in price.source
    batch = price.changes[-1].services["batch"]
    assert batch.input_per_million == pytest.approx(0.0675)


def test_hours_that_are_paid_and_not_used_make_the_used_ones_dearer() -> None:
    """40 % of a machine of 1 an hour is 2.50 an hour of work."""
    price = Price(machine_per_hour=1.0, utilisation=0.4)
    found = costs(price, tokens={}, machine_s=np.array([3600.0]), attempts=np.ones(1, np.int32))
    assert found is not None
    assert found[0] == pytest.approx(2.5)


def test_a_quote_names_the_near_miss_and_the_seller() -> None:
    """Whoever mistypes a model is told the right one."""
    with pytest.raises(UsageError, match="Did you mean 'gpt-4o-mini'"):
        quotes("gpt-4o-minni", on=TODAY)
    with pytest.raises(UsageError, match=r"It is known at .*anthropic"):
        quotes("claude-sonnet-4-5", "openai", on=TODAY)
    with pytest.raises(UsageError, match="no provider 'opnai'"):
        quotes("gpt-4o", "opnai", on=TODAY)
