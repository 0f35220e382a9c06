"""The bundled table says what the package says that it was made from."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from merits.core.price import PriceChange
from merits.prices.costs import costs
from merits.prices.known import FILE, Known, known

_SERVICES = {"batch": "processing", "flex": "service_tier", "priority": "service_tier", "": ""}


def test_every_provider_and_model_can_be_read() -> None:
    """The table is read a provider at a time: a broken one would be noticed by whoever needs it."""
    table = known()
    models = [model for name in table.providers for model in table.models(name)]
    assert len(table.providers) > 40
    assert len(models) > 2_000


def test_it_is_there_at_once() -> None:
    """The first request waits for it; the package itself takes 0.4 s."""
    start = time.process_time()
    table = msgspec.json.decode(FILE.read_bytes(), type=Known)
    assert table.price("openai", "gpt-4o-mini") is not None
    assert time.process_time() - start < 0.1


def test_a_price_says_its_day_and_its_page() -> None:
    """Who doubts it can look."""
    price = known().price("anthropic", "claude-sonnet-4-5")
    assert price is not None
    assert datetime.fromisoformat(price.as_of).year >= 2026
    assert "anthropic.com/pricing" in price.source


def test_names_that_a_provider_answers_with_are_known() -> None:
    """A day in a name is written in two ways."""
    named = [
        known().price("openai", name) for name in ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4o-mini-20240718")
    ]
    assert named[0] is not None
    assert named == [named[0]] * 3


def test_the_same_names_elsewhere_have_other_prices() -> None:
    """A price belongs to a provider and a model."""
    assert known().price("groq", "gpt-4o-mini") is None
    assert known().price("xai", "grok-4") is not None
    azure, own = known().price("azure", "gpt-4o-mini"), known().price("openai", "gpt-4o-mini")
    assert azure is not None
    assert own is not None
    assert azure.input_per_million


def test_hours_of_the_day_change_a_price() -> None:
    """DeepSeek costs twice in the busy hours."""
    price = known().price("deepseek", "deepseek-v4-pro")
    assert price is not None
    assert any(isinstance(change, PriceChange) and change.hours for change in price.changes)
    quiet, busy = (datetime(2026, 11, 2, hour, 30, tzinfo=UTC) for hour in (0, 2))
    assert price.at(busy).input_per_million == 2 * (price.at(quiet).input_per_million or 0)


def test_money_is_that_of_the_package_for_every_model_date_and_service() -> None:
    """To the last digit of its decimal arithmetic, but for kinds of tokens that we count together."""
    package = pytest.importorskip("genai_prices", reason="the table is checked against genai-prices (extra: prices)")
    from genai_prices import data

    drawn = random.Random(4)
    n_compared = 0
    table = known()
    if table.source != f"genai-prices {package.__version__}":
        pytest.skip(f"the table is of {table.source}")
    for provider in data.providers:
        for model in provider.models:
            price = table.price(provider.id, model.id)
            if price is None or provider.find_model(model.id) is not model:
                continue
            for _ in range(4):
                counts = [drawn.choice((0, 17, 4_321, 150_000, 300_000)) for _ in range(4)]
                at = datetime(2026, drawn.randint(1, 11), drawn.randint(1, 28), drawn.randint(0, 23), tzinfo=UTC)
                service = drawn.choice(("", "", *_SERVICES))
                ours = _ours(price, counts, at, service)
                if ours is None:
                    continue
                asked, read, written, said = counts
                usage = package.Usage(
                    input_tokens=asked + read + written,
                    cache_read_tokens=read,
                    cache_write_tokens=written,
                    output_tokens=said,
                )
                context = {_SERVICES[service]: service} if service else None
                theirs = model.calc_price(usage, provider, genai_request_timestamp=at, price_context=context)
                assert ours == pytest.approx(float(theirs.total_price), rel=1e-12, abs=1e-15), (provider.id, model.id)
                n_compared += 1
    assert n_compared > 2_000


def _ours(price, counts, at, service):  # type: ignore[no-untyped-def]
    kinds = ("input", "cache_read", "cache_write", "output")
    found = costs(
        price,
        tokens={kind: np.array([float(count)]) for kind, count in zip(kinds, counts, strict=True)},
        machine_s=np.zeros(1),
        attempts=np.ones(1, np.int32),
        services={service: np.array([True])} if service else {},
        asked_at=at.timestamp(),
    )
    return None if found is None else float(found[0])


def test_a_price_of_a_day_of_which_the_table_does_not_speak_says_so() -> None:
    """In 2020 there was no such model; a plain figure would be a claim."""
    from merits.prices.quotes import quotes
    from merits.report.price_list import price_list

    said = "since when is not known: on that day it may have cost something else, or not have been there"
    for day, since, is_said in (("2020-01-01", None, True), ("2026-11-20", "2026-10-14", False)):
        (quote,) = quotes("gpt-4o-mini", "openai", on=datetime.fromisoformat(day).date())
        assert quote.since == since
        assert (said in price_list(quote)) is is_said
