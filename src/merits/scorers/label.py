"""Solved when the output names the target class."""

from __future__ import annotations

from pathlib import Path

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.labels import reader
from merits.reading.values import shorten, text_of
from merits.scorers.reading import SOLVED, targets_of, wrong

__all__ = ["Params", "load"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The label scorer needs no parameters."""


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that reads the label out of the output (see `merits.reading.labels`) and compares it with the target.

    An answer that names none of the classes is wrong, not failed. Without classes the target alone is the list.

    >>> score = load(Params(), classes=("ham", "spam"), folder=Path())
    >>> score(Example(id="1", input="win!", target="spam"), Answer(output="Spam.")).solved
    True
    """
    read = reader(classes)

    def score(example: Example, answer: Answer) -> Score:
        target = example.target
        if type(target) is not str or not classes:
            return _by_target(example, answer)
        found = read(answer.output)
        if found == target:
            return SOLVED
        if found is None:
            return wrong(f"names no class: {shorten(answer.output)!r}" if answer.output is not None else "no output")
        return wrong(f"said {found!r}")

    return score


def _by_target(example: Example, answer: Answer) -> Score:
    names = tuple(text_of(target) for target in targets_of(example))
    found = reader(names)(answer.output)
    return SOLVED if found is not None else wrong(f"is none of the targets: {shorten(answer.output)!r}")
