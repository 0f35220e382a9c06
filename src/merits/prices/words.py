"""A price in words: what it charges, since when, and who says so."""

from __future__ import annotations

from merits.core.price import Price, Tariff

__all__ = ["price_in_words", "rates_in_words", "source_in_words"]

_NAMES = {
    "input": "in",
    "output": "out",
    "cache_read": "cached",
    "cache_write": "cache write",
    "cache_write_1h": "cache write for an hour",
    "audio_output": "spoken audio",
}


def price_in_words(price: Price) -> str:
    """What a price says, with its date and source.

    >>> price_in_words(Price(input_per_million=0.15, output_per_million=0.6, as_of="2026-11-09", source="the bill"))
    '0.15 in, 0.6 out a million tokens (USD); as of 2026-11-09, from the bill'
    """
    rates = rates_in_words(price, price.currency)
    if price.changes:
        more = "another tariff" if len(price.changes) == 1 else f"{len(price.changes)} other tariffs"
        rates += f", {more} from {price.changes[0].from_} on"
    return f"{rates}; {source_in_words(price)}"


def source_in_words(price: Price) -> str:
    """When a price held and who says so.

    >>> source_in_words(Price(per_call=1.0))
    'as the recipe says, undated'
    """
    day = f"as of {price.as_of}" if price.as_of else "undated"
    return f"{day}, from {price.source}" if price.source else f"as the recipe says, {day}"


def rates_in_words(tariff: Tariff, currency: str) -> str:
    """The rates of a tariff.

    >>> rates_in_words(Tariff(per_call=0.01, machine_per_hour=2.0), "EUR")
    '0.01 a call, 2 an hour of the machine (EUR)'
    """
    by_token = ", ".join(f"{rate:.10g} {_NAMES.get(kind, kind)}" for kind, rate in tariff.by_token.items())
    parts = [f"{by_token} a million tokens"] if by_token else []
    if tariff.per_call is not None:
        parts.append(f"{tariff.per_call:.10g} a call")
    if tariff.machine_per_hour is not None:
        parts.append(f"{tariff.machine_per_hour:.10g} an hour of the machine")
    said = ", ".join(parts) or "nothing for an answer"
    return f"{said} ({currency})"
