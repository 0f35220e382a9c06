"""The root mean squared error of numbers, in the unit of the targets: large errors weigh most."""

from __future__ import annotations

from pathlib import Path

from merits.core.doors import Scorer
from merits.scorers.forecast_errors import ErrorParams, error_scorer

__all__ = ["Params", "load"]


class Params(ErrorParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The root mean squared error over all answers; the tolerances only say which single ones are solved."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer whose figure over all answers is scikit-learn's `root_mean_squared_error`.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(tolerance=2), classes=(), folder=Path())
    >>> score(Example(id="1", input="x", target=10), Answer(output={"value": 13})).counts.values
    (9.0, 1.0, 10.0)
    """
    return error_scorer(params, "root_error", lambda error, target: (error * error, 1.0, target))
