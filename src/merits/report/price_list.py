"""A price for people: a line for each way of service and length of question."""

from __future__ import annotations

from merits.prices.quotes import Quote, TierQuote

__all__ = ["price_list"]

_NAMES = {
    "cache_read": "cached input",
    "cache_write": "cache write",
    "cache_write_1h": "cache write for an hour",
    "audio_output": "spoken audio",
}


def price_list(quote: Quote) -> str:
    """The rates of a model, with date and source.

    >>> tier = TierQuote(service="standard", above=0, rates={"input": 0.15, "output": 0.6})
    >>> print(price_list(Quote(provider="openai", model="small", on="2026-11-20", currency="USD", tiers=(tier,),
    ...                        per_call=None, as_of="2026-11-09", source="its page")))
    small at openai on 2026-11-20, USD per million tokens:
      standard: input 0.15, output 0.6
      as of 2026-11-09, from its page
    """
    lines = [f"{quote.model} at {quote.provider} on {quote.on}, {quote.currency} per million tokens:"]
    lines += [f"  {_line(tier)}" for tier in quote.tiers]
    lines += [f"  {hours} UTC, {_line(tier)}" for hours, tiers in quote.hours.items() for tier in tiers]
    if quote.per_call is not None:
        lines.append(f"  and {quote.per_call:.10g} a call")
    if quote.since is None and quote.on < quote.as_of:
        lines.append("  since when is not known: on that day it may have cost something else, or not have been there")
    if quote.next_change is not None:
        lines.append(f"  another tariff from {quote.next_change} on")
    return "\n".join([*lines, f"  as of {quote.as_of}, from {quote.source}"])


def _line(tier: TierQuote) -> str:
    rates = ", ".join(f"{_NAMES.get(kind, kind)} {rate:.10g}" for kind, rate in tier.rates.items())
    length = f", past {tier.above:,} input tokens" if tier.above else ""
    return f"{tier.service}{length}: {rates}"
