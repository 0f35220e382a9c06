"""No naked numbers: whatever is shown or decided on is an `Estimate`."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec

__all__ = ["Estimate", "Unit"]

Unit: TypeAlias = Literal["rate", "points", "score", "seconds", "money", "count"]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number with what is known of it: interval, level, number of independent pieces of evidence, unit, method.

    `low` or `high` is None where the data put no bound on that side (the cost per solved case when nothing was
    solved has no upper end). `value` is None where there is no point estimate but a bound still stands. `rate` is
    0..1, `points` a difference of two rates (0.031 is 3.1 points), `money` is in `currency`.

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
        return f"{self.number(self.value)} [{self._interval()}]"

    def number(self, value: float | None) -> str:
        """One number in this estimate's unit; `?` where there is none."""
        if value is None:
            return "?"
        return f"{self._plain(value)}{self._suffix}"

    def _interval(self) -> str:
        if self.low is None and self.high is None:
            return "unknown"
        if self.high is None:
            return f"at least {self.number(self.low)}"
        if self.low is None:
            return f"at most {self.number(self.high)}"
        joint = " to " if min(self.low, self.high) < 0 else "–"
        return f"{self._plain(self.low)}{joint}{self._plain(self.high)}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return {"rate": " %", "points": " points", "seconds": " s", "money": f" {self.currency}"}.get(self.unit, "")

    def _plain(self, value: float) -> str:
        if self.unit == "rate":
            return f"{100 * value:.1f}"
        if self.unit == "points":
            return f"{100 * value:+.1f}"
        if self.unit in ("money", "seconds"):
            return _significant(value)
        if self.unit == "count":
            return f"{value:,.0f}"
        return f"{value:.3f}"


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
