"""What answers cost, from what they used. Knows nothing about where a price comes from."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import STANDARD, TOKEN_KINDS
from merits.core.price import Price, Tariff, TokenRates

__all__ = ["TOKEN_KINDS", "costs", "levels", "needs_times"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
_OF_INPUT = ("input", "cache_read", "cache_write", "cache_write_1h")
_MILLION = 1_000_000
_SECONDS_PER_HOUR = 3600
_MINUTE_S = 60


def costs(
    price: Price | None,
    *,
    tokens: Mapping[str, Floats],
    machine_s: Floats,
    attempts: NDArray[np.int32],
    services: Mapping[str, Bools] | None = None,
    asked_at: Floats | float | None = None,
) -> Floats | None:
    """What each answer cost, in the price's currency; None when that is not known.

    It is not known when there is no price, or when an answer used what has no price: tokens without a token price,
    or a way of service without one (`services` says which answers were a "batch" or "flex"; the others are
    standard). What is paid once or by month is not in it, and a price that says nothing else but `per_month` makes
    an answer cost 0 beyond that. A price by call counts every attempt, because providers bill some failed ones; one
    by hour of the machine counts the measured seconds, over the share of the hours that are used. A cached read is
    billed as input, a cache write as input, reasoning as output, where they have no price of their own; audio and
    image tokens, and writes to a cache that lasts an hour, without one are unknown as soon as there are any.

    `asked_at` is when each was answered (UNIX seconds), or one time for all: each is priced as of then. Without it the
    latest of the price's tariffs that holds at all hours is taken. How long a question was is told by the input tokens
    of all attempts together. Nothing is rounded.

    >>> price = Price(input_per_million=2.0, output_per_million=8.0)
    >>> used = {"input": np.array([1000.0]), "output": np.array([250.0])}
    >>> costs(price, tokens=used, machine_s=np.zeros(1), attempts=np.ones(1, np.int32))
    array([0.004])
    """
    if price is None or _says_nothing(price):
        return None
    total = np.zeros(np.shape(machine_s), np.float64)
    for tariff, then in _by_time(price, asked_at, len(total)):
        for service, mask in _by_service(services, then):
            if not mask.any():
                continue
            own = {kind: np.asarray(counts, np.float64)[mask] for kind, counts in tokens.items()}
            found = _of_tokens(price, tariff, service, own)
            if found is None:
                return None
            hours = np.asarray(machine_s)[mask] / (_SECONDS_PER_HOUR * (price.utilisation or 1.0))
            total[mask] = found + _otherwise(tariff, hours, np.asarray(attempts)[mask])
    return total


def levels(tariff: Tariff, service: str = "") -> tuple[tuple[int, dict[str, float]], ...] | None:
    """The rates per million by kind of token, each with the input tokens past which they hold, from 0 on.

    None for a service that the tariff says nothing of.

    >>> from merits.core.price import Tier
    >>> tariff = Tariff(input_per_million=2.0, batch_factor=0.5, tiers=(Tier(above=1000, input_per_million=4.0),))
    >>> levels(tariff, "batch")
    ((0, {'input': 1.0}), (1000, {'input': 2.0}))
    >>> levels(tariff, "priority") is None
    True
    """
    standard = _levels(tariff.by_token, tariff.tiers)
    own = tariff.services.get(service)
    if service in STANDARD and own is None:
        return standard
    if own is not None:
        if own.tiers:
            return _levels({**tariff.by_token, **own.by_token}, own.tiers)
        return tuple((above, {**rates, **own.by_token}) for above, rates in standard)
    if service == "batch" and tariff.batch_factor is not None:
        factor = tariff.batch_factor
        return tuple((above, {kind: rate * factor for kind, rate in rates.items()}) for above, rates in standard)
    return None


def needs_times(price: Price | None, services: Collection[str] = ()) -> bool:
    """Whether it matters when an answer came: its tariffs differ in what standard or these services cost.

    >>> from merits.core.price import PriceChange
    >>> price = Price(per_call=0.1, changes=(PriceChange(per_call=0.1, batch_factor=0.5),))
    >>> needs_times(price), needs_times(price, ["batch"])
    (False, True)
    """
    if price is None or not price.changes:
        return False
    seen = {
        repr((one.per_call, one.machine_per_hour, *(levels(one, service) for service in ("", *services))))
        for one in price.tariffs
    }
    return len(seen) > 1


def _levels(base: Mapping[str, float], tiers: Sequence[TokenRates]) -> tuple[tuple[int, dict[str, float]], ...]:
    found = [(0, dict(base))]
    for tier in sorted(tiers, key=_above):
        found.append((_above(tier), {**found[-1][1], **tier.by_token}))
    return tuple(found)


def _above(tier: TokenRates) -> int:
    above: int = getattr(tier, "above")  # noqa: B009
    return above


def _by_time(price: Price, asked_at: Floats | float | None, n: int) -> Iterator[tuple[Tariff, Bools]]:
    """Each tariff with the answers that it prices. Tariffs change on the minute, so a minute is looked at once."""
    if not price.changes:
        yield price, np.ones(n, np.bool_)
    elif asked_at is None:
        latest = [change for change in price.changes if not change.hours]
        yield max(latest, key=lambda change: change.from_, default=price), np.ones(n, np.bool_)
    else:
        minutes, which = np.unique(np.floor(np.broadcast_to(asked_at, n) / _MINUTE_S), return_inverse=True)
        tariffs: dict[int, Tariff] = {}
        of_minute = np.empty(len(minutes), np.int64)
        for place, minute in enumerate(minutes.tolist()):
            tariff = price.at(datetime.fromtimestamp(minute * _MINUTE_S, UTC))
            tariffs[id(tariff)] = tariff
            of_minute[place] = id(tariff)
        for number, tariff in tariffs.items():
            yield tariff, (of_minute == number)[which]


def _by_service(services: Mapping[str, Bools] | None, then: Bools) -> Iterator[tuple[str, Bools]]:
    rest = then.copy()
    for service, served in (services or {}).items():
        yield service, served & then
        rest &= ~served
    yield "", rest


def _of_tokens(price: Price, tariff: Tariff, service: str, tokens: Mapping[str, Floats]) -> Floats | float | None:
    """The money for tokens; None where a kind that was used has no rate."""
    if not tariff.by_token:
        return 0.0 if _paid_otherwise(price, tariff) or not any(map(np.any, tokens.values())) else None
    steps = levels(tariff, service)
    if steps is None:
        return None
    n = len(next(iter(tokens.values()), ()))
    long = sum((tokens[kind] for kind in _OF_INPUT if kind in tokens), np.zeros(n))
    total: Floats = np.zeros(n)
    for (above, rates), (end, _) in zip(steps, (*steps[1:], (math.inf, {})), strict=True):
        mask = (long > above) & (long <= end) if above else long <= end
        found = _flat(rates, {kind: counts[mask] for kind, counts in tokens.items()})
        if found is None:
            return None
        total[mask] = found
    return total if tokens else 0.0


def _flat(rates: Mapping[str, float], tokens: Mapping[str, Floats]) -> Floats | float | None:
    total: Floats | float = 0.0
    for kind, counts in tokens.items():
        rate = rates.get(kind, rates.get(_HABIT.get(kind, kind)))
        if rate is not None:
            total = total + counts * (rate / _MILLION)
        elif np.any(counts):
            return None
    return total


_HABIT = {"cache_read": "input", "cache_write": "input", "reasoning": "output"}


def _otherwise(tariff: Tariff, hours: Floats, attempts: NDArray[np.int32]) -> Floats:
    total = np.zeros(len(hours))
    if tariff.per_call is not None:
        total += attempts * tariff.per_call
    if tariff.machine_per_hour is not None:
        total += hours * tariff.machine_per_hour
    return total


def _says_nothing(price: Price) -> bool:
    return price.is_fixed_only and price.per_month is None


def _paid_otherwise(price: Price, tariff: Tariff) -> bool:
    """Whether the price is by call, hour or month alone: a local model's tokens cost nothing beyond its seconds."""
    return any(rate is not None for rate in (tariff.per_call, tariff.machine_per_hour, price.per_month))
