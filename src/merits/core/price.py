"""What an answer costs: rates, the days and hours they hold on, and the ways of service that cost otherwise."""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Price", "PriceChange", "Service", "Tariff", "Tier", "TokenRates"]

Amount = Annotated[float, Meta(ge=0)] | None


class TokenRates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prices per million tokens, by kind. One left out (None) is unknown, not free; `0` is free."""

    input_per_million: Annotated[Amount, Meta(description="Per million uncached input tokens.")] = None
    output_per_million: Annotated[Amount, Meta(description="Per million output tokens.")] = None
    cache_read_per_million: Annotated[Amount, Meta(description="Per million input tokens read from a cache.")] = None
    cache_write_per_million: Annotated[Amount, Meta(description="Per million input tokens written to a cache.")] = None
    cache_write_1h_per_million: Annotated[
        Amount, Meta(description="Per million input tokens written to a cache that lasts an hour.")
    ] = None
    reasoning_per_million: Annotated[Amount, Meta(description="Per million reasoning tokens.")] = None
    audio_per_million: Annotated[Amount, Meta(description="Per million audio tokens that are heard.")] = None
    audio_output_per_million: Annotated[Amount, Meta(description="Per million audio tokens that are spoken.")] = None
    image_per_million: Annotated[Amount, Meta(description="Per million image tokens.")] = None

    @property
    def by_token(self) -> dict[str, float]:
        """The known rates, by the kind of token.

        >>> TokenRates(input_per_million=2.0).by_token
        {'input': 2.0}
        """
        rates = ((kind, getattr(self, f"{kind}_per_million")) for kind in _KINDS)
        return {kind: rate for kind, rate in rates if rate is not None}


_KINDS = tuple(name.removesuffix("_per_million") for name in TokenRates.__struct_fields__)


class Tier(TokenRates, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Rates of a question with more than `above` input tokens, cached ones included: of all its tokens.

    A rate that is left out is that of the tier below.
    """

    above: Annotated[int, Meta(ge=1, description="Input tokens past which these rates hold, for all tokens.")]


class Service(TokenRates, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Rates of a way of service ("batch", "flex", "priority"). One that is left out is the standard rate.

    With rates or tiers of its own for long questions it has `tiers`; without, those of the standard hold where it
    names no rate.
    """

    tiers: Annotated[tuple[Tier, ...], Meta(description="Rates of long questions.")] = ()


class Tariff(TokenRates, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that is paid by use.

    An answer that was served otherwise than as standard (`Usage.service_tier`) costs what `services` says of it, or as
    a batch `batch_factor` of every token rate; where neither says anything its cost is unknown.
    """

    per_call: Annotated[Amount, Meta(description="Per attempt.")] = None
    machine_per_hour: Annotated[Amount, Meta(description="Per hour of the machine, for measured seconds.")] = None
    tiers: Annotated[tuple[Tier, ...], Meta(description="Rates of long questions.")] = ()
    services: Annotated[dict[str, Service], Meta(description="Rates of batch, flex or priority, by that name.")] = {}
    batch_factor: Annotated[Amount, Meta(description="What a batch costs, as a share of every token rate: 0.5.")] = None


class PriceChange(Tariff, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole tariff from a day on (UTC), perhaps only in some hours of each day. It says all rates anew."""

    from_: Annotated[datetime.date, Meta(description="The first day of these rates (UTC).")] = msgspec.field(
        name="from", default=datetime.date(1970, 1, 1)
    )
    hours: Annotated[
        str, Meta(pattern=r"^(\d\d:\d\d-\d\d:\d\d)?$", description="Only in these hours (UTC): 16:30-00:30.")
    ] = ""

    def __post_init__(self) -> None:
        if self.hours:
            for time in self.hours.split("-"):
                datetime.time.fromisoformat(time)

    def holds(self, at: datetime.datetime) -> bool:
        """Whether it is in force at a time in UTC.

        >>> night = PriceChange(hours="16:30-00:30")
        >>> [night.holds(datetime.datetime(2026, 5, 1, hour, tzinfo=datetime.UTC)) for hour in (0, 12, 17)]
        [True, False, True]
        """
        if at.date() < self.from_:
            return False
        if not self.hours:
            return True
        start, end = (datetime.time.fromisoformat(time) for time in self.hours.split("-"))
        now = at.time()
        return start <= now < end if start <= end else now >= start or now < end


class Price(Tariff, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer costs, in `currency`: by token, by call, by hour of machine, or a sum of these.

    Token prices are per million tokens. A price left out (None) is unknown, not free; `0` is free. Where cache or
    reasoning prices are unknown they follow the provider habit: a cached read is billed as input, reasoning as
    output. `tiers`, `services` and `batch_factor` are what costs otherwise; `changes` are the tariffs of later
    days, of which the last that holds when an answer came is its price. `as_of` dates the price and `source` says
    where it is from. An hour of the machine costs more where only a share of the paid hours is used
    (`utilisation`). `one_off` and `per_month` are paid whatever is asked; needs with a volume spread them over the
    cases.
    """

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="Three letters: USD, EUR.")] = "USD"
    one_off: Annotated[Amount, Meta(description="Once: labelling, training, setting up.")] = None
    per_month: Annotated[Amount, Meta(description="Every month: a rented machine, a licence.")] = None
    utilisation: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="The share of the machine's hours that are used; all of them unless said."),
    ] = None
    as_of: Annotated[str, Meta(description="The date of the price.")] = ""
    source: Annotated[str, Meta(description="Where the price is from.")] = ""
    changes: Annotated[tuple[PriceChange, ...], Meta(description="The tariffs of later days, each whole.")] = ()

    def at(self, time: datetime.datetime) -> Tariff:
        """The tariff in force at a time in UTC: the last of `changes` that holds then, else this price.

        >>> price = Price(input_per_million=0.5, changes=(PriceChange(from_=datetime.date(2026, 6, 1), per_call=0.01),))
        >>> may, june = (datetime.datetime(2026, month, 9, tzinfo=datetime.UTC) for month in (5, 6))
        >>> price.at(may).input_per_million, price.at(june).per_call
        (0.5, 0.01)
        """
        return next((change for change in reversed(self.changes) if change.holds(time)), self)

    @property
    def tariffs(self) -> tuple[Tariff, ...]:
        """All tariffs, the price's own first."""
        return (self, *self.changes)

    @property
    def paid_by_use(self) -> bool:
        """Whether every answer costs money by its tokens or by the call.

        >>> Price(per_call=0.01).paid_by_use, Price(machine_per_hour=2.0).paid_by_use
        (True, False)
        """
        return any(t.input_per_million or t.output_per_million or t.per_call for t in self.tariffs)

    @property
    def is_fixed_only(self) -> bool:
        """Whether it says only what is paid whatever is asked, and nothing of an answer.

        >>> Price(one_off=500.0).is_fixed_only, Price(one_off=500.0, per_call=0.01).is_fixed_only
        (True, False)
        """
        return not any(t.by_token or t.per_call is not None or t.machine_per_hour is not None for t in self.tariffs)
