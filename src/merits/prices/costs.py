"""What answers cost, from what they used. Knows nothing about where a price comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.candidate import Price

__all__ = ["TOKEN_KINDS", "costs"]

Floats: TypeAlias = NDArray[np.float64]
TOKEN_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning", "audio", "image")
_MILLION = 1_000_000
_SECONDS_PER_HOUR = 3600


def costs(
    price: Price | None, *, tokens: Mapping[str, Floats], machine_s: Floats, attempts: NDArray[np.int32]
) -> Floats | None:
    """What each answer cost, in the price's currency; None when that is not known.

    It is not known when there is no price, or when an answer used what has no price: tokens without a token price.
    What is paid once or by month is not in it, and a price that says nothing else but `per_month` makes an answer cost
    0 beyond that. A price by call counts every attempt, because providers bill some failed ones; one by hour of the
    machine counts the measured seconds. A cached read is billed as input, a cache write as input, reasoning as output,
    where they have no price of their own; audio and image tokens, which no table prices yet, are unknown as soon as
    there are any.

    >>> price = Price(input_per_million=2.0, output_per_million=8.0)
    >>> used = {"input": np.array([1000.0]), "output": np.array([250.0])}
    >>> costs(price, tokens=used, machine_s=np.zeros(1), attempts=np.ones(1, np.int32))
    array([0.004])
    """
    if price is None or _says_nothing(price):
        return None
    per_million = _per_million(price)
    total = np.zeros(np.shape(machine_s), np.float64)
    for kind, counts in tokens.items():
        rate = per_million[kind]
        if rate is not None:
            total += np.asarray(counts, np.float64) * (rate / _MILLION)
        elif not _paid_otherwise(price) and np.any(counts):
            return None
    if price.per_call is not None:
        total += np.asarray(attempts, np.float64) * price.per_call
    if price.machine_per_hour is not None:
        total += np.asarray(machine_s, np.float64) * (price.machine_per_hour / _SECONDS_PER_HOUR)
    return total


def _per_million(price: Price) -> dict[str, float | None]:
    asked, said = price.input_per_million, price.output_per_million
    return {
        "input": asked,
        "cache_read": _first(price.cache_read_per_million, asked),
        "cache_write": _first(price.cache_write_per_million, asked),
        "output": said,
        "reasoning": _first(price.reasoning_per_million, said),
        "audio": None,
        "image": None,
    }


def _first(own: float | None, other: float | None) -> float | None:
    return other if own is None else own


def _says_nothing(price: Price) -> bool:
    by_token = [rate for rate in _per_million(price).values() if rate is not None]
    return not by_token and not _paid_otherwise(price)


def _paid_otherwise(price: Price) -> bool:
    """Whether the price is by call, hour or month alone: a local model's tokens cost nothing beyond its seconds."""
    by_token = any(rate is not None for rate in _per_million(price).values())
    by_time = price.machine_per_hour is not None or price.per_month is not None
    return not by_token and (price.per_call is not None or by_time)
