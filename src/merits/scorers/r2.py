"""R², the share of the variance of the targets that is explained: 1 is perfect, 0 is what their mean gets."""

from __future__ import annotations

from pathlib import Path

from merits.core.doors import Scorer
from merits.scorers.forecast_errors import ErrorParams, error_scorer

__all__ = ["Params", "load"]


class Params(ErrorParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """R² over all answers; the tolerances only say which single ones are solved."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer whose figure over all answers is scikit-learn's `r2_score`. Below 0 is worse than their mean.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="x", target=10), Answer(output=7)).counts.values
    (9.0, 1.0, 10.0, 100.0)
    """
    return error_scorer(params, "determination", lambda error, target: (error * error, 1.0, target, target * target))
