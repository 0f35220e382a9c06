"""Solved when the output equals the target once case, spacing, punctuation and Unicode forms are evened out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.texts import normalise
from merits.reading.values import shorten, text_of
from merits.scorers.reading import SOLVED, targets_of, wrong

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is evened out before comparing."""

    ignore_case: Annotated[bool, msgspec.Meta(description="Upper and lower case do not matter.")] = True
    ignore_punctuation: Annotated[
        bool, msgspec.Meta(description="Punctuation does not matter, except inside numbers; % # & @ * + always do.")
    ] = True
    ignore_articles: Annotated[bool, msgspec.Meta(description="The words a, an and the do not matter.")] = False


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that compares normalised texts; a list of targets means any of them.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="capital of France", target="Paris"), Answer(output="paris.")).solved
    True
    """

    even = partial(
        normalise,
        ignore_case=params.ignore_case,
        ignore_punctuation=params.ignore_punctuation,
        ignore_articles=params.ignore_articles,
    )

    def score(example: Example, answer: Answer) -> Score:
        targets = targets_of(example)
        said = even(text_of(answer.output))
        if said and any(said == even(text_of(target)) for target in targets):
            return SOLVED
        return wrong(f"said {shorten(answer.output)!r}")

    return score
