"""Solved when the target stands in the output as whole words."""

from __future__ import annotations

from pathlib import Path

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.texts import normalise
from merits.reading.values import shorten, text_of
from merits.scorers.reading import SOLVED, CannotJudge, targets_of, wrong

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The contains scorer needs no parameters."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that looks for the normalised target among the words of the output; a list means any of its targets.

    Generous to candidates that say much: an output that names every possible answer is solved too.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="capital of France", target="Paris"), Answer(output="It is Paris.")).solved
    True
    """

    def score(example: Example, answer: Answer) -> Score:
        wanted = [words for target in targets_of(example) if (words := normalise(text_of(target)))]
        if not wanted:
            raise CannotJudge(f"the target of example {example.id!r} has no word")
        said = f" {normalise(text_of(answer.output))} "
        if any(f" {words} " in said for words in wanted):
            return SOLVED
        return wrong(f"the target is not in {shorten(answer.output)!r}")

    return score
