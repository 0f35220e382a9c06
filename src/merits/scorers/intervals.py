"""What scorers of forecast intervals share: whether the target is inside, and how wide they are.

Knows nothing about whether the number in the middle is right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.reading.forecasts import forecast_of
from merits.scorers.reading import target_numbers

__all__ = ["IntervalParams", "interval_scorer"]

_LARGEST = 1e100


class IntervalParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which interval of a forecast is looked at."""

    level: Annotated[
        float, msgspec.Meta(gt=0, lt=1, description="What the interval promises: 0.9 is that from 0.05 to 0.95.")
    ] = 0.9


def interval_scorer(
    params: IntervalParams,
    statistic: str,
    counts: Callable[[bool, float], tuple[float, float]],
    without: tuple[float, float],
) -> Scorer:
    """A scorer that calls solved what holds the target; `counts(inside, width)` are what the figure is of.

    An answer without the two quantiles of the level has no interval: not solved, and its counts are `without`.
    """

    def score(example: Example, answer: Answer) -> Score:
        target = target_numbers(example)[0]
        said = forecast_of(answer.output)
        ends = said.interval(params.level) if said else None
        if ends is None or max(map(abs, ends)) > _LARGEST:
            return Score(0.0, False, f"no {params.level:.4g} interval", Counts(statistic, without))
        low, high = ends
        inside = low <= target <= high
        reason = "" if inside else f"outside {low:.6g} to {high:.6g}"
        return Score(float(inside), inside, reason, Counts(statistic, counts(inside, high - low)))

    return score
