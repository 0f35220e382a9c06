"""Which price applies to a candidate: its own, the user's table's, or what its provider is known to charge."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.price import Price, Tariff, TokenRates
from merits.core.validate import did_you_mean
from merits.prices.known import known
from merits.prices.table import PriceTable

__all__ = ["PriceBook", "in_currency"]

_OWN = (
    "Give the candidate a price: {input_per_million: ..., output_per_million: ...}, or, where a machine of yours "
    "answers, {machine_per_hour: ...}."
)


def _provider_said(candidate: Candidate) -> str:
    return str(candidate.params.get("provider") or ("openai" if candidate.kind == "chat" else ""))


@dataclass(frozen=True)
class PriceBook:
    """All prices that are known on a day (UTC), in one currency; a tariff of a later day is not known yet.

    `table` is the user's own. `exchange_rate` is what one US dollar is in `currency`, for what providers charge.
    `provider_of` names the provider of a candidate, "" where it has none.

    >>> book = PriceBook(on=datetime.date(2026, 11, 20))
    >>> price = book.price_of(Candidate(name="a", kind="chat", params={"model": "gpt-4o-mini"}))
    >>> price.input_per_million, price.output_per_million
    (0.15, 0.6)
    """

    on: datetime.date
    table: PriceTable | None = None
    currency: str = "USD"
    exchange_rate: float | None = None
    provider_of: Callable[[Candidate], str] = _provider_said

    def price_of(self, candidate: Candidate) -> Price | None:
        """The price of a candidate: its recipe's own, else the table's, else its provider's; None is "no record".

        A recipe's price that holds only what is paid once or by month takes the price of an answer from there. A
        provider's price is only taken for its own endpoint: whoever answers at another address has other prices.
        """
        own = candidate.price if self.table is None else self._tabled(self.table, candidate)
        if own is not None and not own.is_fixed_only:
            return self._until_now(own)
        found = self._known(candidate)
        if found is None or found.currency != self.currency:
            return own
        if own is not None:
            found = replace(found, one_off=own.one_off, per_month=own.per_month)
        return self._until_now(found)

    def note(self, candidate: Candidate) -> str:
        """Why a candidate has no price, naming the near miss; "" when it has one or nothing was to be expected.

        >>> book = PriceBook(on=datetime.date(2026, 11, 20))
        >>> book.note(Candidate(name="a", kind="chat", params={"model": "gpt-4o-minii"}))
        "no price is known for the model 'gpt-4o-minii' of 'a'. Did you mean 'gpt-4o-mini'?"
        """
        price = self.price_of(candidate)
        model, provider = candidate.params.get("model"), self.provider_of(candidate)
        if (price is not None and not price.is_fixed_only) or not isinstance(model, str):
            return ""
        if self.table is not None and (said := self.table.note(candidate)).endswith("?"):
            return said
        what = f"no price is known for the model {model!r} of {candidate.name!r}"
        if not provider or candidate.metadata.get("on-premises") is True:
            return "" if self.table is None else self.table.note(candidate)
        if self._elsewhere(candidate):
            return f"{what}: it is asked at an address that is not {provider}'s. {_OWN}"
        if self._known(candidate) is not None:
            step = f"Say `exchange_rate:`, what 1 USD is in {self.currency}."
            return f"the price of {candidate.name!r} is known in USD. {step}"
        models = known().models(provider)
        near = did_you_mean(model, models) if models else ""
        return f"{what}. {near if near.startswith('Did you mean') else _OWN}"

    def _tabled(self, table: PriceTable, candidate: Candidate) -> Price | None:
        rate = table.exchange_rate
        if rate is None or table.currency == self.currency:
            return table.price_of(candidate)
        own = candidate.price
        if own is not None and not own.is_fixed_only:
            return own
        price = table.price_of(replace(candidate, price=None))
        if price is None:
            return own
        price = in_currency(price, self.currency, rate)
        return price if own is None else replace(price, one_off=own.one_off, per_month=own.per_month)

    def _known(self, candidate: Candidate) -> Price | None:
        model, provider = candidate.params.get("model"), self.provider_of(candidate)
        if not provider or not isinstance(model, str) or self._elsewhere(candidate):
            return None
        price = known().price(provider, model)
        if price is None or self.currency == price.currency or self.exchange_rate is None:
            return price
        return in_currency(price, self.currency, self.exchange_rate)

    def _elsewhere(self, candidate: Candidate) -> bool:
        """Whether it is asked at an address of its own that is not its provider's."""
        address = candidate.params.get("base_url")
        provider = known().provider(self.provider_of(candidate))
        if not isinstance(address, str) or not address or provider is None:
            return False
        # `at` reads what all providers charge, 0.02 s: rarely needed
        return not provider.is_at(address) or known().provider(known().at(address)) != provider

    def _until_now(self, price: Price) -> Price:
        if all(change.from_ <= self.on for change in price.changes):
            return price
        return replace(price, changes=tuple(change for change in price.changes if change.from_ <= self.on))


def in_currency(price: Price, currency: str, rate: float) -> Price:
    """The price in another currency, of which one unit of its own is `rate`; the source says so.

    >>> price = in_currency(Price(per_call=2.0, source="a page"), "EUR", 0.5)
    >>> price.per_call, price.currency, price.source
    (1.0, 'EUR', 'a page, at 0.5 EUR a USD')
    """
    source = f"{price.source}, at {rate:g} {currency} a {price.currency}".lstrip(", ")
    exchanged = _times(price, rate)
    assert isinstance(exchanged, Price)
    fixed = {name: None if (paid := getattr(price, name)) is None else paid * rate for name in ("one_off", "per_month")}
    changes = tuple(_times(change, rate) for change in price.changes)
    return replace(exchanged, currency=currency, source=source, changes=changes, **fixed)


def _times(rates: TokenRates, rate: float) -> TokenRates:
    """All that is money in some rates, times a rate; what they hold within as well."""
    changed: dict[str, object] = {}
    for name in rates.__struct_fields__:
        value = getattr(rates, name)
        if value is not None and (name.endswith("_per_million") or name in ("per_call", "machine_per_hour")):
            changed[name] = value * rate
    if not isinstance(rates, Tariff):
        tiers = getattr(rates, "tiers", None)
        return replace(rates, **changed, **({} if tiers is None else {"tiers": tuple(_times(t, rate) for t in tiers)}))
    tiers = tuple(_times(tier, rate) for tier in rates.tiers)
    services = {name: _times(service, rate) for name, service in rates.services.items()}
    return replace(rates, **changed, tiers=tiers, services=services)
