"""One number of many: the weighted mean or median, and so each quantile that is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from merits.candidates.ensembles.answers import Combine
from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.reading.forecasts import Forecast, forecast_of

__all__ = ["Middle", "as_answer", "by_number", "common_levels", "middle_of"]

Middle: TypeAlias = Literal["mean", "median"]


def by_number(middle: Middle = "mean") -> Combine:
    """The middle of the numbers; an answer that says none has no vote.

    Quantiles are combined level by level over the parts that tell any, at the levels that all of these tell: the mean
    of quantiles has the mean place and width of the parts' forecasts (Vincent averaging; Lichtendahl, Grushka-Cockayne
    & Winkler 2013, doi:10.1287/mnsc.1120.1667), where the mean of probabilities would be wider than each.

    >>> said = [Answer({"value": 10, "quantiles": {"0.1": 8, "0.9": 13}}), Answer({"value": 14.0}), Answer("about 6")]
    >>> by_number()(said, [1, 1, 1]).output
    {'value': 10.0, 'quantiles': {'0.1': 8.0, '0.9': 13.0}}
    >>> by_number("median")(said[1:], [1, 3]).output
    6.0
    """

    def combine(answers: Sequence[Answer], weights: Sequence[float]) -> Answer:
        read = ((forecast_of(answer.output), weight) for answer, weight in zip(answers, weights, strict=True))
        said = [(forecast, weight) for forecast, weight in read if forecast is not None]
        if not said:
            return Answer(answers[0].output)
        value = middle_of(middle, [forecast.value for forecast, _ in said], [weight for _, weight in said])
        spread = [(forecast, weight) for forecast, weight in said if forecast.quantiles]
        shares = [weight for _, weight in spread]
        quantiles = {
            level: middle_of(middle, [forecast.at(level) for forecast, _ in spread], shares)
            for level in common_levels([forecast for forecast, _ in spread])
        }
        return as_answer(value, quantiles)

    return combine


def as_answer(value: float, quantiles: dict[float, float]) -> Answer:
    """The forecast as an answer: a plain number where there is no quantile; quantiles rise.

    >>> as_answer(2.0, {0.9: 1.0, 0.1: 3.0}).output
    {'value': 2.0, 'quantiles': {'0.1': 1.0, '0.9': 3.0}}
    """
    if not quantiles:
        return Answer(value)
    rising: dict[str, JSON] = dict(zip((f"{q:g}" for q in sorted(quantiles)), sorted(quantiles.values()), strict=True))
    return Answer({"value": value, "quantiles": rising})


def common_levels(forecasts: Sequence[Forecast]) -> list[float]:
    """The levels at which all of them tell a quantile, rising; [] of none."""
    if not forecasts:
        return []
    first, *others = forecasts
    return [
        level
        for level in first.quantiles
        if all(any(math.isclose(level, one, abs_tol=1e-9) for one in other.quantiles) for other in others)
    ]


def middle_of(middle: Middle, values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean, or the weighted median: the smallest value with half of the weight at or below it.

    Where exactly half is below, it is midway to the next, so that equal weights give the plain median.

    >>> middle_of("median", [1.0, 2.0, 9.0], [1, 1, 1]), middle_of("median", [1.0, 3.0], [1, 1])
    (2.0, 2.0)
    """
    total = math.fsum(weights)
    if middle == "mean":
        return math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total
    pairs, below = sorted(zip(values, weights, strict=True)), 0.0
    for place, (value, weight) in enumerate(pairs):
        below += weight
        if math.isclose(below, total / 2.0, rel_tol=1e-12) and place + 1 < len(pairs):
            return (value + pairs[place + 1][0]) / 2.0
        if below >= total / 2.0:
            return value
    return pairs[-1][0]
