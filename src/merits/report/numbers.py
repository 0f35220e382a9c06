"""Numbers as readers meet them in a report: an estimate's value, its interval, counts, money, times."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from merits.core.estimate import Estimate, cases_to_hold

__all__ = [
    "Bar",
    "bar",
    "bare",
    "count",
    "counted",
    "for_many",
    "given",
    "is_known",
    "money",
    "p_value",
    "percent",
    "probability",
    "span_of",
    "without_currency",
]


class Bar(NamedTuple):
    """Where an estimate stands on a track of 110 units, 3 to 107."""

    low: float | None
    value: float
    high: float | None


def count(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


def counted(n: int, thing: str) -> str:
    """So many of a thing, in words that fit the number.

    >>> counted(1, "example"), counted(2_000, "example")
    ('1 example', '2,000 examples')
    """
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def percent(share: float) -> str:
    """A share without decimals where it needs none: 95 %, 99.5 %."""
    return f"{100 * share:g} %"


def given(probability: float) -> str:
    """A probability that a model gave to its answer, to the per cent; certainty is named only where it was meant.

    >>> given(0.934), given(0.9991), given(1.0), given(0.0004)
    ('93 %', '> 99 %', '100 %', '< 1 %')
    """
    if 0.99 < probability < 1.0:
        return "> 99 %"
    return "< 1 %" if 0.0 < probability < 0.01 else f"{100 * probability:.0f} %"


def p_value(p: float) -> str:
    """A p-value as it is printed; "below 0.0001" where it is tiny, never 0.

    >>> p_value(0.0312), p_value(1.0), p_value(1e-12)
    ('0.031', '1', 'below 0.0001')
    """
    return "below 0.0001" if p < 1e-4 else f"{p:.2g}"


def money(value: float, currency: str) -> str:
    """An amount that was spent, written as an estimate of money is.

    >>> money(0.04213, "USD")
    '0.0421 USD'
    """
    plain = Estimate(value=value, low=None, high=None, level=1.0, n=1, unit="money", method="sum", currency=currency)
    return plain.number(value)


def is_known(estimate: Estimate | None) -> bool:
    """Whether anything is known of it: a value, or a bound.

    >>> nothing = Estimate(value=None, low=None, high=None, level=0.95, n=0, unit="value", method="bootstrap")
    >>> is_known(nothing), is_known(msgspec.structs.replace(nothing, high=3.0)), is_known(None)
    (False, True, False)
    """
    return estimate is not None and any(end is not None for end in (estimate.value, estimate.low, estimate.high))


def for_many(estimate: Estimate) -> tuple[Estimate, str]:
    """An estimate of money as it can be read: that of so many, and these in words, where that of one is tiny.

    >>> tiny = Estimate(value=3e-7, low=1e-7, high=5e-7, level=0.95, n=9, unit="money", method="t", currency="USD")
    >>> held, of = for_many(tiny)
    >>> held.text(), of
    ('0.3 USD [0.1–0.5 USD]', 'for 1,000,000')
    """
    many = cases_to_hold(estimate.value or 0.0) if estimate.unit == "money" else 1
    return (estimate.times(many), f"for {many:,}") if many > 1 else (estimate, "")


def without_currency(estimate: Estimate) -> Estimate:
    """The estimate as a table prints it whose heading names the currency.

    >>> dear = Estimate(value=1.5, low=1.0, high=2.0, level=0.95, n=9, unit="money", method="t", currency="USD")
    >>> without_currency(dear).text()
    '1.5 [1–2]'
    """
    return msgspec.structs.replace(estimate, currency="")


def bare(estimate: Estimate) -> Estimate:
    """The estimate of a measure that is no share (an area, an F1): printed as 0.876, not in percent."""
    return msgspec.structs.replace(estimate, unit="score") if estimate.unit == "rate" else estimate


def probability(estimate: Estimate) -> str:
    """A probability that was counted from draws: never 0 or 100 %, which no number of draws shows.

    >>> p = Estimate(value=0.9999, low=0.9996, high=1.0, level=0.95, n=50, unit="rate", method="draws")
    >>> probability(p), probability(msgspec.structs.replace(p, value=0.42, low=0.41, high=0.43))
    ('> 99 %', '42 %')
    """
    value = estimate.value or 0.0
    return "> 99 %" if value > 0.99 else "< 1 %" if value < 0.01 else f"{100 * value:.0f} %"


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
