"""What Merits would charge for a model on a day, and whom it believes."""

from __future__ import annotations

import datetime

import msgspec

from merits.core.errors import UsageError
from merits.core.price import Tariff
from merits.core.validate import did_you_mean
from merits.prices.costs import levels
from merits.prices.known import Known, known

__all__ = ["Quote", "TierQuote", "quotes", "sellers_and_models"]

_EVER = datetime.date(1970, 1, 1)
_NOON = datetime.time(12, tzinfo=datetime.UTC)


class TierQuote(msgspec.Struct, frozen=True, kw_only=True):
    """Rates per million tokens by kind, for questions of more than `above` input tokens, in one way of service."""

    service: str
    above: int
    rates: dict[str, float]


class Quote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The price of one model at one provider on a day. `hours` are tariffs of that day that hold in some hours only.

    `since` is the first day of these rates; None where the table does not say, as of the first it knows of a model: on
    a day before `as_of` it may have cost something else, or not have been there. `next_change` is the first later day
    with another tariff; None where none is known.
    """

    provider: str
    model: str
    on: str
    currency: str
    tiers: tuple[TierQuote, ...]
    per_call: float | None
    as_of: str
    source: str
    hours: dict[str, tuple[TierQuote, ...]] = {}
    since: str | None = None
    next_change: str | None = None


def quotes(model: str, provider: str = "", *, on: datetime.date) -> tuple[Quote, ...]:
    """The price of a model at each provider that sells it, or at the one that is named.

    UsageError, naming near misses, where nobody is known to.

    >>> (quote,) = quotes("gpt-4o-mini", "openai", on=datetime.date(2026, 11, 20))
    >>> [(tier.service, tier.rates["input"]) for tier in quote.tiers][:2]
    [('standard', 0.15), ('batch', 0.075)]
    """
    table = known()
    if provider and table.provider(provider) is None:
        raise UsageError(f"no provider {provider!r} is known.", did_you_mean(provider, table.providers))
    names = (provider,) if provider else table.sellers(model)
    found = tuple(quote for name in names if (quote := _quote(table, name, model, on)) is not None)
    if not found:
        raise UsageError(*_unknown(table, model, provider))
    return found


def sellers_and_models(provider: str = "") -> dict[str, tuple[str, ...]]:
    """The models whose price is known, by provider; UsageError, with the near miss, for a provider that is not."""
    table = known()
    if provider and table.provider(provider) is None:
        raise UsageError(f"no provider {provider!r} is known.", did_you_mean(provider, table.providers))
    return {name: table.models(name) for name in ((provider,) if provider else tuple(table.providers))}


def _quote(table: Known, provider: str, model: str, on: datetime.date) -> Quote | None:
    price = table.price(provider, model)
    if price is None:
        return None
    whole = msgspec.structs.replace(price, changes=tuple(change for change in price.changes if not change.hours))
    tariff = whole.at(datetime.datetime.combine(on, _NOON))
    since = getattr(tariff, "from_", datetime.date.min)
    later = [change.from_ for change in price.changes if change.from_ > on]
    return Quote(
        provider=provider,
        model=model,
        on=on.isoformat(),
        currency=price.currency,
        tiers=_tiers(tariff),
        per_call=tariff.per_call,
        as_of=price.as_of,
        source=price.source,
        hours={one.hours: _tiers(one) for one in price.changes if one.hours and since <= one.from_ <= on},
        since=None if since <= _EVER else since.isoformat(),
        next_change=min(later).isoformat() if later else None,
    )


def _tiers(tariff: Tariff) -> tuple[TierQuote, ...]:
    batch = {"batch"} if tariff.batch_factor is not None else set()
    names = ("", *sorted(batch | set(tariff.services)))
    return tuple(
        TierQuote(service=name or "standard", above=above, rates=rates)
        for name in names
        for above, rates in levels(tariff, name) or ()
    )


def _unknown(table: Known, model: str, provider: str) -> tuple[str, str]:
    where = f" at {provider}" if provider else ""
    models = {name for one in ((provider,) if provider else table.providers) for name in table.models(one)}
    near = did_you_mean(model, models)
    others = table.sellers(model) if provider else ()
    if others:
        near = f"It is known at {', '.join(others)}."
    elif not near.startswith("Did you mean"):
        near = "Give the candidate a price of its own: price: {input_per_million: ..., output_per_million: ...}"
    return f"no price of {model!r} is known{where}.", near
