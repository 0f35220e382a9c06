"""Reads a forecast of a number out of what a candidate said: a number, or one with quantiles.

The one form there is, whether it is JSON or the text of it: 12.3, or {"value": 12.3, "quantiles": {"0.05": 9.1,
"0.5": 12.0, "0.95": 16.2}}. Either key may be missing; the value is then the median of the quantiles. Knows nothing
about targets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from merits.core.identity import JSON
from merits.reading.numbers import number_in
from merits.reading.values import json_of

__all__ = ["FORECAST", "Forecast", "forecast_of"]

FORECAST = frozenset({"value", "quantiles"})  # the keys of a forecast
_LONGEST_JSON = 10_000  # characters; a forecast is short


@dataclass(frozen=True)
class Forecast:
    """A number, and what it is at some quantiles (0 to 1, rising) where those were given."""

    value: float
    quantiles: Mapping[float, float] = field(default_factory=dict)

    def at(self, quantile: float) -> float:
        """The number at a quantile; where it was not given, the value: a forecast without spread claims to have none.

        >>> Forecast(3.0, {0.9: 5.0}).at(0.9), Forecast(3.0).at(0.9)
        (5.0, 3.0)
        """
        near = (said for level, said in self.quantiles.items() if math.isclose(level, quantile, abs_tol=1e-9))
        return next(near, self.value)

    def interval(self, level: float) -> tuple[float, float] | None:
        """The interval between the quantiles that leave out the same share on each side; None where one is not given.

        Quantiles that cross are put in order (Chernozhukov et al. 2010, doi:10.3982/ECTA7880).

        >>> Forecast(3.0, {0.05: 1.0, 0.95: 5.0}).interval(0.9)
        (1.0, 5.0)
        """
        wanted = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
        if any(all(not math.isclose(q, known, abs_tol=1e-9) for known in self.quantiles) for q in wanted):
            return None
        low, high = sorted(map(self.at, wanted))
        return low, high


def forecast_of(output: JSON) -> Forecast | None:
    """The forecast that an answer is, or None when there is no number in it.

    Of a text that is no JSON the last number counts, as the scorer `numeric` reads it.

    >>> forecast_of("about 1,250 EUR").value, forecast_of({"quantiles": {"0.5": 2, "0.9": 4}}).value
    (1250.0, 2.0)
    >>> forecast_of("I cannot tell") is None
    True
    """
    if isinstance(output, str) and output.lstrip().startswith(("{", "```")) and len(output) <= _LONGEST_JSON:
        with suppress(ValueError):  # a text that only looks like JSON may say a number all the same
            output = json_of(output)
    if not isinstance(output, Mapping) or output.keys().isdisjoint(FORECAST):
        value = number_in(output)
        return None if value is None else Forecast(value)
    quantiles = _quantiles(output.get("quantiles"))
    said = number_in(output["value"]) if "value" in output else None
    value = said if said is not None else _median(quantiles)
    return None if value is None else Forecast(value, quantiles)


def _median(quantiles: Mapping[float, float]) -> float | None:
    """The number at 0.5, on the line between the quantiles around it; None where one side has none."""
    below = [q for q in quantiles if q <= 0.5]
    above = [q for q in quantiles if q >= 0.5]
    if not below or not above:
        return None
    low, high = max(below), min(above)
    share = (0.5 - low) / (high - low) if high > low else 0.0
    return quantiles[low] + share * (quantiles[high] - quantiles[low])


def _quantiles(given: JSON) -> dict[float, float]:
    if not isinstance(given, Mapping):
        return {}
    found: dict[float, float] = {}
    for name, said in given.items():
        level, value = number_in(name), number_in(said)
        if level is not None and value is not None and 0.0 < level < 1.0:
            found[level] = value
    return dict(sorted(found.items()))
