"""The scores that another tool gave: they were imported with the outcomes, and cannot be given again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Scores that `merits import` took from another tool. It judges nothing else: that stays unscored."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that can judge nothing, and says what to do instead.

    >>> load(Params(), classes=(), folder=Path())(Example(id="1", input="2 + 2"), Answer(output="4"))
    Traceback (most recent call last):
    ...
    LookupError: the scores of this task were imported; name a scorer under `scorers:` to score answers anew
    """

    def score(example: Example, answer: Answer) -> Score:
        raise LookupError("the scores of this task were imported; name a scorer under `scorers:` to score answers anew")

    return score
