"""What one answer costs, as it comes: the same as `costs`, in a microsecond or two where the price is a plain one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from merits.core.answer import STANDARD, TOKEN_KINDS, Usage
from merits.core.price import Price
from merits.prices.costs import costs, levels

__all__ = ["Pricer", "pricer"]

Pricer: TypeAlias = Callable[[Usage, float], float | None]
"""What an answer costs that used so much and came then (UNIX seconds); None where that is not known."""

_PER_TOKEN = 1e-6
_HABIT = {"cache_read": "input", "cache_write": "input", "reasoning": "output"}  # as in `costs`
_PER_HOUR = 1.0 / 3600.0


def pricer(price: Price | None) -> Pricer:
    """What tells the cost of one answer at a price, in its currency; None for an answer whose cost is not known.

    It is not known either where an attempt may be on the bill and its tokens were not told (`Usage.unmetered`), and
    tokens have a price: an evaluation takes the mean of the others there, and one answer has no others.

    >>> cost = pricer(Price(input_per_million=2.0, output_per_million=8.0))
    >>> cost(Usage(input_tokens=1000, output_tokens=250), 0.0), cost(Usage(audio_tokens=1), 0.0)
    (0.004, None)
    """
    if price is None:
        return _unknown
    by_token = any(tariff.by_token for tariff in price.tariffs)
    plain = _plain(price)

    def cost(usage: Usage, at: float) -> float | None:
        if usage.unmetered and by_token:
            return None
        if plain is not None and usage.service_tier in STANDARD:
            return plain(usage, at)
        return _slowly(price, usage, at)

    return cost


def _unknown(usage: Usage, at: float) -> float | None:
    return None


def _plain(price: Price) -> Pricer | None:
    """The sum for a price without tiers, services or later tariffs; None for any other."""
    steps = levels(price)
    if price.changes or price.services or steps is None or len(steps) > 1 or not (price.by_token or _otherwise(price)):
        return None
    rates = steps[0][1]
    known = [(f"{kind}_tokens", rates.get(kind, rates.get(_HABIT.get(kind, kind)))) for kind in TOKEN_KINDS]
    paid = [(name, rate * _PER_TOKEN) for name, rate in known if rate is not None]
    unpaid = [name for name, rate in known if rate is None] if price.by_token else []
    per_call, per_hour = price.per_call or 0.0, price.machine_per_hour or 0.0
    per_second = per_hour * _PER_HOUR / (price.utilisation or 1.0)

    def cost(usage: Usage, at: float) -> float | None:
        for name in unpaid:
            if getattr(usage, name):
                return None
        total = usage.attempts * per_call + usage.machine_s * per_second
        for name, rate in paid:
            total += getattr(usage, name) * rate
        return total

    return cost


def _otherwise(price: Price) -> bool:
    return price.per_call is not None or price.machine_per_hour is not None


def _slowly(price: Price, usage: Usage, at: float) -> float | None:
    tier = usage.service_tier
    found = costs(
        price,
        tokens={kind: np.array([float(getattr(usage, f"{kind}_tokens"))]) for kind in TOKEN_KINDS},
        machine_s=np.array([usage.machine_s]),
        attempts=np.array([usage.attempts], np.int32),
        services=None if tier in STANDARD else {tier: np.array([True])},
        asked_at=at,
    )
    return None if found is None else float(found[0])
