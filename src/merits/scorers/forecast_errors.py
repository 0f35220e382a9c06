"""What scorers of errors share: each answer hands over what it adds to the sums of a statistic.

Solved is what `numeric` calls solved. Knows nothing about which statistic it is.
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
from merits.reading.numbers import is_close
from merits.reading.values import shorten
from merits.scorers.reading import target_numbers

__all__ = ["ErrorParams", "error_scorer"]

_LARGEST = 1e100  # beyond, squares are no numbers any more


class ErrorParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How far an answer may be off to count as solved, as in `numeric`; the figure over all answers has no such bar."""

    tolerance: Annotated[float, msgspec.Meta(ge=0, description="The largest absolute difference that counts.")] = 0.0
    relative: Annotated[
        float, msgspec.Meta(ge=0, description="The largest difference that counts, as a share of the target.")
    ] = 0.0


def error_scorer(params: ErrorParams, statistic: str, counts: Callable[[float, float], tuple[float, ...]]) -> Scorer:
    """A scorer whose figure over all answers is a statistic of sums: `counts(error, target)` are what they are of.

    The value of one answer is 1 where it is solved. What says no number is not solved, and counts in the figure as the
    mean of the targets would (their median, for the mean absolute error): nothing is gained by keeping silent. Of
    several targets the nearest counts; a target that is no number leaves an answer unscored.
    """
    nothing = Counts(statistic, (0.0,) * len(counts(0.0, 0.0)))

    def score(example: Example, answer: Answer) -> Score:
        targets = target_numbers(example)
        said = forecast_of(answer.output)
        if said is None or abs(said.value) > _LARGEST:
            return Score(0.0, False, f"no number to read in {shorten(answer.output)!r}", nothing)
        target = min(targets, key=lambda target: abs(target - said.value))
        error = said.value - target
        solved = is_close(said.value, target, params.tolerance, params.relative)
        reason = "" if solved else f"off by {error:.6g}"
        return Score(float(solved), solved, reason, Counts(statistic, counts(error, target)))

    return score
