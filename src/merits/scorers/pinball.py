"""How good forecast quantiles are: the pinball loss, which is smallest on average for the true quantile.

Koenker & Bassett (1978), doi:10.2307/1913643; it is scikit-learn's `mean_pinball_loss`.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
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

__all__ = ["Params", "load", "pinball_loss"]

_LARGEST = 1e100


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The mean pinball loss over these quantiles."""

    quantiles: Annotated[
        tuple[float, ...], msgspec.Meta(min_length=1, description="Quantiles between 0 and 1, weighted alike.")
    ] = (0.05, 0.5, 0.95)
    tolerance: Annotated[float, msgspec.Meta(ge=0, description="The largest difference that counts as solved.")] = 0.0

    def __post_init__(self) -> None:
        if not all(0.0 < quantile < 1.0 for quantile in self.quantiles):
            raise ValueError("a quantile is between 0 and 1")


def pinball_loss(target: float, said: float, quantile: float) -> float:
    """What a forecast of a quantile loses: q for each unit that it is too low, 1 - q for each that it is too high.

    >>> pinball_loss(10.0, 8.0, 0.9), pinball_loss(10.0, 12.0, 0.75)
    (1.8, 0.5)
    """
    off = target - said
    return max(quantile * off, (quantile - 1.0) * off)


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer of quantiles; where one was not given, the answer's number stands for it.

    Solved is what is within `tolerance` with its number. With the one quantile 0.5 it is half the mean absolute error.

    >>> score = load(Params(quantiles=(0.5,)), classes=(), folder=Path())
    >>> score(Example(id="1", input="x", target=10), Answer(output=13)).counts.values
    (1.5, 1.0, 10.0, 0.5)
    """
    mean_quantile = fmean(params.quantiles)

    def score(example: Example, answer: Answer) -> Score:
        target = target_numbers(example)[0]
        said = forecast_of(answer.output)
        if said is None or any(abs(said.at(quantile)) > _LARGEST for quantile in params.quantiles):
            reason = f"no number to read in {shorten(answer.output)!r}"
            return Score(0.0, False, reason, Counts("pinball", (0.0,) * 4))
        loss = fmean(pinball_loss(target, said.at(quantile), quantile) for quantile in params.quantiles)
        solved = is_close(said.value, target, params.tolerance)
        reason = "" if solved else f"loses {loss:.6g}"
        return Score(float(solved), solved, reason, Counts("pinball", (loss, 1.0, target, mean_quantile)))

    return score
