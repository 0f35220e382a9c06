"""Solved when the output equals the target, character for character."""

from __future__ import annotations

from pathlib import Path

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.values import shorten, text_of
from merits.scorers.reading import SOLVED, targets_of, wrong

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The exact scorer needs no parameters."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that asks for the same text (the same JSON, for what is no text); a list of targets means any of them.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="2 + 2", target="4"), Answer(output="4 ")).solved
    False
    """

    def score(example: Example, answer: Answer) -> Score:
        targets = targets_of(example)
        if answer.output is not None and text_of(answer.output) in {text_of(target) for target in targets}:
            return SOLVED
        if answer.output is not None and text_of(answer.output) == text_of(example.target):
            return SOLVED  # the target is a list, and so is the output
        return wrong(f"said {shorten(answer.output)!r}")

    return score
