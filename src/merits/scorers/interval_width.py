"""The mean width of forecast intervals, in the unit of the targets: narrow is good if `coverage` holds."""

from __future__ import annotations

from pathlib import Path

from merits.core.doors import Scorer
from merits.scorers.intervals import IntervalParams, interval_scorer

__all__ = ["Params", "load"]


class Params(IntervalParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The mean width of the interval of this level; answers without one are left out."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer whose figure over all answers is the mean width; solved is what holds the target.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> answer = Answer(output={"quantiles": {"0.05": 8, "0.95": 12}})
    >>> score(Example(id="1", input="x", target=10), answer).counts.values
    (4.0, 1.0)
    """
    return interval_scorer(params, "width", lambda inside, width: (width, 1.0), (0.0, 0.0))
