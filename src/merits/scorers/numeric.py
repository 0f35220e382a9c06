"""Solved when the number in the output is the target's, within a tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.identity import JSON
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.forecasts import FORECAST, forecast_of
from merits.reading.numbers import is_close, number_of, numbers
from merits.reading.values import shorten, text_of
from merits.scorers.reading import SOLVED, target_numbers, wrong

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Which number is read, and how far it may be off."""

    tolerance: Annotated[float, msgspec.Meta(ge=0, description="The largest absolute difference that counts.")] = 0.0
    relative: Annotated[
        float, msgspec.Meta(ge=0, description="The largest difference that counts, as a share of the target.")
    ] = 0.0
    which: Annotated[
        Literal["last", "only", "after"],
        msgspec.Meta(description="Which number of the text: the last, the only one, or the first after `marker`."),
    ] = "last"
    marker: Annotated[str, msgspec.Meta(description="With which: after, the text before the number.")] = "####"
    percent: Annotated[
        Literal["same", "hundredth"],
        msgspec.Meta(description="60 % is read as 60 (same) or as 0.6 (hundredth)."),
    ] = "same"


def _read(value: JSON, params: Params) -> float | None:
    """The number that a value is or says, or None."""
    if isinstance(value, bool | int | float):
        return number_of(value)
    if isinstance(value, Mapping) and not value.keys().isdisjoint(FORECAST):
        forecast = forecast_of(value)
        return None if forecast is None else forecast.value
    text = text_of(value)
    if params.which == "after":
        _, marker, text = text.rpartition(params.marker)
        return next(iter(numbers(text, params.percent)), None) if marker else None
    found = numbers(text, params.percent)
    if not found or (params.which == "only" and len(found) > 1):
        return None
    return found[-1]


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that reads a number out of the output and compares it with the target's last number.

    Of a forecast (`{"value": 12.3, "quantiles": {...}}`) its value counts. Within `tolerance`, or within `relative`
    times the target; a difference of 1e-9 of the target is rounding.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="6 * 3", target="#### 18"), Answer(output="6 * 3 is $18.00.")).solved
    True
    """

    def score(example: Example, answer: Answer) -> Score:
        targets = target_numbers(example, params.percent)
        said = _read(answer.output, params)
        if said is None:
            return wrong(f"no number to read in {shorten(answer.output)!r}")
        for target in targets:
            if is_close(said, target, params.tolerance, params.relative):
                return SOLVED
        return wrong(f"said {said:.12g}")

    return score
