"""Money, to the cent; what is not known is not free."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merits.core.candidate import Candidate, Price
from merits.core.errors import TaskError
from merits.prices import costs, load_table

TABLE = """
as_of: 2026-05-01
source: the provider's price page
currency: EUR
models:
  small: {input_per_million: 0.15, output_per_million: 0.60, cache_read_per_million: 0.075}
  by-call: {per_call: 0.01}
"""


def used(**tokens: float) -> dict[str, np.ndarray]:
    return {name: np.array([count], np.float64) for name, count in tokens.items()}


def cost(price: Price | None, *, machine_s: float = 0.0, attempts: int = 1, **tokens: float) -> float | None:
    found = costs(
        price, tokens=used(**tokens), machine_s=np.array([machine_s]), attempts=np.array([attempts], np.int32)
    )
    return None if found is None else float(found[0])


def test_tokens_are_billed_by_kind() -> None:
    """1,000,000 input at 2, 500,000 cached at 0.5, 100,000 output at 8 and as many of reasoning: 2 + 0.25 + 1.60."""
    price = Price(input_per_million=2, output_per_million=8, cache_read_per_million=0.5)
    found = cost(price, input=1_000_000, cache_read=500_000, output=100_000, reasoning=100_000)
    assert found == pytest.approx(3.85, abs=1e-9)


def test_cached_input_and_reasoning_follow_the_habit_of_providers() -> None:
    """Where they have no price of their own: input's and output's."""
    price = Price(input_per_million=1, output_per_million=10)
    assert cost(price, cache_read=1_000_000) == pytest.approx(1)
    assert cost(price, cache_write=1_000_000) == pytest.approx(1)
    assert cost(price, reasoning=1_000_000) == pytest.approx(10)


def test_machine_hours_are_billed_by_the_second() -> None:
    """An hour at 3.60 is a tenth of a cent a second."""
    assert cost(Price(machine_per_hour=3.6), machine_s=2.5) == pytest.approx(0.0025)


def test_every_attempt_of_a_call_is_billed() -> None:
    """Failed attempts are often billed too."""
    assert cost(Price(per_call=0.02), attempts=3) == pytest.approx(0.06)


def test_prices_add_up() -> None:
    """By call, by token and by hour."""
    price = Price(per_call=1, input_per_million=1, output_per_million=1, machine_per_hour=3600)
    assert cost(price, input=1_000_000, machine_s=1) == pytest.approx(3)


@pytest.mark.parametrize(
    ("price", "tokens"),
    [
        (None, {"input": 1}),
        (Price(), {}),
        (Price(input_per_million=1), {"input": 1, "output": 1}),
        (Price(output_per_million=1), {"input": 1}),
        (Price(input_per_million=1, output_per_million=1), {"audio": 1}),
        (Price(input_per_million=1, output_per_million=1, per_call=1), {"image": 1}),
    ],
)
def test_an_unknown_price_is_no_record(price: Price | None, tokens: dict[str, float]) -> None:
    """Never 0: a candidate without a price would win every comparison of costs."""
    assert cost(price, **tokens) is None


def test_free_is_not_unknown() -> None:
    """A price of 0 is a price."""
    assert cost(Price(input_per_million=0, output_per_million=0), input=10, output=10) == 0.0


def test_a_local_models_tokens_cost_nothing_beyond_its_seconds() -> None:
    """It counts tokens, and is paid for by the hour."""
    assert cost(Price(machine_per_hour=3600), machine_s=1, input=100, output=5) == pytest.approx(1)


def test_no_tokens_need_no_token_price() -> None:
    """An unpriced kind matters only when it was used."""
    assert cost(Price(input_per_million=1), input=1_000_000, output=0) == pytest.approx(1)


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    file = tmp_path / "prices.yaml"
    file.write_text(TABLE)
    return file


def chat(model: str, price: Price | None = None) -> Candidate:
    return Candidate(name="mine", kind="chat", params={"model": model}, price=price)


def test_a_model_is_priced_by_its_name(table_file: Path) -> None:
    """With the table's date, source and currency, so that a report can say where a figure is from."""
    price = load_table(table_file).price_of(chat("small"))
    assert price == Price(
        currency="EUR",
        input_per_million=0.15,
        output_per_million=0.60,
        cache_read_per_million=0.075,
        as_of="2026-05-01",
        source="the provider's price page",
    )


def test_the_recipes_own_price_goes_first(table_file: Path) -> None:
    """A negotiated price is known better by the user."""
    own = Price(currency="EUR", per_call=0.5)
    assert load_table(table_file).price_of(chat("small", own)) is own


def test_an_unlisted_model_has_no_record_and_the_note_names_the_near_miss(table_file: Path) -> None:
    """Names of models are easily misspelt."""
    table = load_table(table_file)
    assert table.price_of(chat("smal")) is None
    assert "Did you mean 'small'?" in table.note(chat("smal"))
    assert table.note(chat("small")) == ""
    assert table.price_of(Candidate(name="a", kind="most-common")) is None
    assert table.note(Candidate(name="a", kind="most-common")) == ""


def test_another_currency_is_an_error_not_a_comparison(table_file: Path) -> None:
    """Euros and dollars do not compare."""
    with pytest.raises(TaskError, match="priced in USD, the price table in EUR"):
        load_table(table_file).price_of(chat("small", Price(per_call=1)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "models: {a: {input_per_milion: 1}}\nas_of: x",
            "model 'a': unknown key 'input_per_milion'.*input_per_million",
        ),
        ("models: {}\nas_off: x", "unknown key 'as_off'. Did you mean 'as_of'"),
        ("models: {a: {per_call: -1}}\nas_of: x", ">= 0.0"),
        ("models: {a: {per_call: cheap}}\nas_of: x", "per_call: expected a number"),
        ("models: {}", "as_of"),
        ("- a\n- b", "is no price table"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_bad_table_is_refused_with_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    """A misspelt price would be an unknown one."""
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(TaskError, match=message) as caught:
        load_table(file)
    assert "prices.yaml" in str(caught.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    """With the key that names it."""
    with pytest.raises(TaskError, match="there is no price table"):
        load_table(tmp_path / "none.yaml")


def test_what_is_paid_once_is_no_price_of_an_answer() -> None:
    """Unknown, not free; a month that is paid makes an answer cost nothing beyond it."""
    assert cost(Price(one_off=500.0), input=10) is None
    assert cost(Price(per_month=500.0), input=10) == 0.0
    assert cost(Price(per_call=0.01, one_off=500.0, per_month=50.0)) == pytest.approx(0.01)


def test_what_is_paid_once_takes_the_rest_from_the_table(tmp_path: Path) -> None:
    """A tuned model: its training in the recipe, its tokens in the table."""
    (tmp_path / "prices.yaml").write_text(TABLE, "utf-8")
    table = load_table(tmp_path / "prices.yaml")
    tuned = Candidate(name="t", kind="chat", params={"model": "small"}, price=Price(one_off=90.0, currency="EUR"))
    price = table.price_of(tuned)
    assert price is not None
    assert (price.one_off, price.input_per_million, price.as_of) == (90.0, 0.15, "2026-05-01")
    lost = Candidate(name="t", kind="chat", params={"model": "smal"}, price=Price(one_off=90.0, currency="EUR"))
    assert "Did you mean 'small'?" in table.note(lost)


def test_what_is_written_for_an_hour_and_what_is_spoken_have_rates_of_their_own() -> None:
    """Anthropic charges twice the input for an hour's cache; without a rate that is unknown, not the other's."""
    used = {"cache_write": np.array([1e6]), "cache_write_1h": np.array([1e6])}
    spoken = {"audio": np.array([1e6]), "audio_output": np.array([1e6])}
    alone = Price(input_per_million=1.0, cache_write_per_million=1.25, audio_per_million=10.0)
    both = Price(
        input_per_million=1.0,
        cache_write_per_million=1.25,
        cache_write_1h_per_million=2.0,
        audio_per_million=10.0,
        audio_output_per_million=20.0,
    )
    rest = {"machine_s": np.zeros(1), "attempts": np.ones(1, np.int32)}
    assert costs(alone, tokens=used, **rest) is None
    assert costs(alone, tokens=spoken, **rest) is None
    assert costs(both, tokens=used, **rest) == pytest.approx([3.25])
    assert costs(both, tokens=spoken, **rest) == pytest.approx([30.0])


def test_anthropics_usage_and_the_bundled_table_tell_an_hour_from_five_minutes() -> None:
    """As the real reply tells it, priced as the real list does."""
    from merits.candidates.messages import usage_of
    from merits.prices.known import known

    told = {"ephemeral_5m_input_tokens": 456, "ephemeral_1h_input_tokens": 100}
    usage = usage_of({"input_tokens": 3, "cache_creation_input_tokens": 556, "cache_creation": told})
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (456, 100)
    price = known().price("anthropic", "claude-haiku-4-5")
    assert price is not None
    assert (price.cache_write_per_million, price.cache_write_1h_per_million) == (1.25, 2.0)


def test_openais_usage_tells_what_was_heard_from_what_was_spoken() -> None:
    """In its details of what was asked and of what was said."""
    from merits.candidates.completions import usage_of

    details = {"prompt_tokens_details": {"audio_tokens": 7}, "completion_tokens_details": {"audio_tokens": 9}}
    usage = usage_of({"prompt_tokens": 10, "completion_tokens": 12, "total_tokens": 22, **details})
    assert (usage.input_tokens, usage.audio_tokens, usage.output_tokens, usage.audio_output_tokens) == (3, 7, 3, 9)
