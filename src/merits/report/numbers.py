"""Numbers as readers meet them in a report: an estimate's value, its interval, counts, money, times."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from merits.core.estimate import Estimate

__all__ = [
    "Bar",
    "bar",
    "bare",
    "count",
    "duration",
    "interval",
    "money",
    "number",
    "percent",
    "span_of",
    "text",
    "times",
    "without_currency",
]


class Bar(NamedTuple):
    """Where an estimate stands on a track of 110 units, 3 to 107."""

    low: float | None
    value: float
    high: float | None


def number(estimate: Estimate) -> str:
    """The value alone, in the estimate's unit; seconds in the unit that suits them.

    >>> number(Estimate(value=0.0134, low=None, high=None, level=0.95, n=20, unit="seconds", method="median"))
    '13.4 ms'
    """
    if estimate.unit == "seconds" and estimate.value is not None:
        return duration(estimate.value)
    return estimate.number(estimate.value).strip()


def interval(estimate: Estimate) -> str:
    """The interval alone; "no spread" where its ends are the value.

    >>> interval(Estimate(value=0.85, low=0.64, high=0.948, level=0.95, n=20, unit="rate", method="Wilson"))
    '64.0–94.8 %'
    """
    if estimate.value is not None and estimate.low == estimate.value == estimate.high:
        return "no spread"
    if estimate.unit == "seconds":
        return _interval_s(estimate.low, estimate.high)
    return estimate.text().removeprefix(f"{estimate.number(estimate.value)} [").removesuffix("]").strip()


def text(estimate: Estimate) -> str:
    """The value with its interval in brackets."""
    return f"{number(estimate)} [{interval(estimate)}]"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them.

    >>> [duration(s) for s in (0.0, 0.0000021, 0.00045, 0.12, 2.5, 130)]
    ['0 s', '2.1 µs', '450 µs', '120 ms', '2.5 s', '130 s']
    """
    unit, size = _unit_of(seconds)
    return f"{_three_digits(seconds / size)} {unit}"


def _interval_s(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        known = low if high is None else high
        side = "at least" if high is None else "at most"
        return "unknown" if known is None else f"{side} {duration(known)}"
    unit, size = _unit_of(high)
    return f"{_three_digits(low / size)}–{_three_digits(high / size)} {unit}"


def _unit_of(seconds: float) -> tuple[str, float]:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= size or seconds == 0:
            return unit, size
    return "µs", 1e-6


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(estimate: Estimate, factor: float) -> Estimate:
    """The estimate of so many times the quantity: what 1,000 cases cost, from what one costs."""

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    return msgspec.structs.replace(
        estimate, value=scaled(estimate.value), low=scaled(estimate.low), high=scaled(estimate.high)
    )


def count(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share without decimals where it needs none: 95 %, 99.5 %."""
    return f"{100 * share:g} %"


def money(value: float, currency: str) -> str:
    """An amount that was spent, written as an estimate of money is.

    >>> money(0.04213, "USD")
    '0.0421 USD'
    """
    plain = Estimate(value=value, low=None, high=None, level=1.0, n=1, unit="money", method="sum", currency=currency)
    return plain.number(value)


def without_currency(estimate: Estimate) -> Estimate:
    """The estimate as a table prints it whose heading names the currency.

    >>> number(without_currency(Estimate(
    ...     value=1.5, low=1.0, high=2.0, level=0.95, n=9, unit="money", method="t", currency="USD"
    ... )))
    '1.5'
    """
    return msgspec.structs.replace(estimate, currency="")


def bare(estimate: Estimate) -> Estimate:
    """The estimate of a measure that is no share (an area, an F1): printed as 0.876, not in percent."""
    return msgspec.structs.replace(estimate, unit="score") if estimate.unit == "rate" else estimate


def span_of(estimates: list[Estimate]) -> tuple[float, float]:
    """The ends of a track that all of these fit on."""
    ends = [end for e in estimates for end in (e.low, e.value, e.high) if end is not None]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def bar(estimate: Estimate, span: tuple[float, float]) -> Bar | None:
    """The places of an estimate on the track; None when it has no value."""
    if estimate.value is None:
        return None
    low, high = span
    wide = (high - low) or 1.0

    def place(value: float) -> float:
        return round(3 + 104 * min(1.0, max(0.0, (value - low) / wide)), 1)

    known = estimate.low is not None and estimate.high is not None
    ends = (place(estimate.low or 0.0), place(estimate.high or 0.0)) if known else (None, None)
    return Bar(ends[0], place(estimate.value), ends[1])
