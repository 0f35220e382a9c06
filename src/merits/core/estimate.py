"""No naked numbers: whatever is shown or decided on is an `Estimate`."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec

__all__ = ["Estimate", "Unit", "cases_to_hold", "duration", "long_duration"]

Unit: TypeAlias = Literal["rate", "points", "score", "seconds", "money", "count", "months", "value", "difference"]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number with what is known of it: interval, level, number of independent pieces of evidence, unit, method.

    `low` or `high` is None where the data put no bound on that side (the cost per solved case when nothing was
    solved has no upper end). `value` is None where there is no point estimate but a bound still stands. `rate` is
    0..1, `points` a difference of two rates (0.031 is 3.1 points), `money` is in `currency`. A `value` is in the
    unit of the targets (an error of a forecast, the width of an interval), a `difference` is one of two such values.

    >>> print(Estimate(value=0.85, low=0.64, high=0.948, level=0.95, n=20, unit="rate", method="Wilson"))
    85.0 % [64.0–94.8 %], n = 20
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    unit: Unit
    method: str
    currency: str = ""

    def __str__(self) -> str:
        return f"{self.text()}, n = {self.n:,}"

    def text(self) -> str:
        """The value and its interval in the unit a reader expects, without n."""
        return f"{self.number(self.value)} [{self.interval()}]"

    def number(self, value: float | None) -> str:
        """One number in this estimate's unit; `?` where there is none."""
        if value is None:
            return "?"
        return duration(value) if self.unit == "seconds" else f"{self._plain(value)}{self._suffix}"

    def interval(self) -> str:
        """The interval alone, in this estimate's unit; "no spread" where both ends are the value."""
        low, high = self.low, self.high
        if low is None or high is None:
            known, side = (high, "at most") if low is None else (low, "at least")
            return "unknown" if known is None else f"{side} {self.number(known)}"
        if low == self.value == high:
            return "no spread"
        joint = " to " if self.unit in ("points", "difference") or low < 0 else "–"
        if self.unit == "seconds":
            unit, size = _time_unit(high)
            return f"{_three_digits(low / size)}{joint}{_three_digits(high / size)} {unit}"
        return f"{self._plain(low)}{joint}{self._plain(high)}{self._suffix}"

    def times(self, factor: float) -> Estimate:
        """The estimate of so many times the quantity, `factor` > 0: what 1,000 cases cost, from what one costs."""
        value, low, high = (None if end is None else end * factor for end in (self.value, self.low, self.high))
        return msgspec.structs.replace(self, value=value, low=low, high=high)

    @property
    def _suffix(self) -> str:
        return {"rate": " %", "points": " points", "money": f" {self.currency}".rstrip(), "months": " months"}.get(
            self.unit, ""
        )

    def _plain(self, value: float) -> str:
        if self.unit == "rate":
            return f"{100 * value:.1f}"
        if self.unit == "points":
            return f"{100 * value:+.1f}"
        if self.unit in ("money", "months", "value"):
            return _significant(value)
        if self.unit == "difference":
            return f"{'-' if value < 0 else '+'}{_significant(abs(value))}"
        if self.unit == "count":
            return f"{value:,.0f}"
        return f"{value:.3f}"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them.

    >>> [duration(s) for s in (0.0, 0.0000021, 0.00045, 0.12, 2.5, 130)]
    ['0 s', '2.1 µs', '450 µs', '120 ms', '2.5 s', '130 s']
    """
    unit, size = _time_unit(seconds)
    return f"{_three_digits(seconds / size)} {unit}"


def long_duration(seconds: float) -> str:
    """A time that people wait for, in the unit that suits it.

    >>> [long_duration(s) for s in (4.0, 130.0, 9_000.0)]
    ['4 s', '2.2 min', '2.5 h']
    """
    if seconds < 100.0:
        return duration(round(seconds))
    return f"{seconds / 60:.1f} min" if seconds < 5_400.0 else f"{seconds / 3_600:.1f} h"


def cases_to_hold(money_per_case: float) -> int:
    """So many cases, 1, 1,000 or 1,000,000, that what they cost can be read: a thousandth of the currency or more.

    >>> [cases_to_hold(cost) for cost in (0.02, 0.0004, 0.0000000031, 0.0)]
    [1, 1000, 1000000, 1]
    """
    if money_per_case == 0 or abs(money_per_case) >= 1e-3:
        return 1
    return 1_000 if abs(money_per_case) >= 1e-6 else 1_000_000


def _time_unit(seconds: float) -> tuple[str, float]:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= size or seconds == 0:
            return unit, size
    return "µs", 1e-6


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _significant(value: float) -> str:
    """Three significant digits, never in powers of ten: 0.0000123, 0.0421, 12.3, 1,230.

    >>> [_significant(v) for v in (0.0, 0.00001234, 0.04213, 12.34, 123456.0)]
    ['0', '0.0000123', '0.0421', '12.3', '123,456']
    """
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
