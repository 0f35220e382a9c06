"""The mean absolute error of numbers, in the unit of the targets: every unit off weighs the same."""

from __future__ import annotations

from pathlib import Path

from merits.core.doors import Scorer
from merits.scorers.forecast_errors import ErrorParams, error_scorer

__all__ = ["Params", "load"]


class Params(ErrorParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The mean absolute error over all answers; the tolerances only say which single ones are solved."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer whose figure over all answers is scikit-learn's `mean_absolute_error`.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="x", target=10), Answer(output=7)).counts.values
    (3.0, 1.0, 10.0)
    """
    return error_scorer(params, "mean_error", lambda error, target: (abs(error), 1.0, target))
