"""The share of the targets that lie inside the forecast interval: whether intervals hold what they promise."""

from __future__ import annotations

from pathlib import Path

from merits.core.doors import Scorer
from merits.scorers.intervals import IntervalParams, interval_scorer

__all__ = ["Params", "load"]


class Params(IntervalParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The share of targets inside the interval of this level; an answer without one holds nothing."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that calls solved what holds the target. Near the level is right: `coverage >= 0.85`, and <= 0.95.

    >>> from merits.core.answer import Answer
    >>> from merits.core.task import Example
    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="x", target=10), Answer(output={"quantiles": {"0.05": 8, "0.95": 12}})).solved
    True
    """
    return interval_scorer(params, "coverage", lambda inside, width: (float(inside), 1.0), (0.0, 1.0))
