"""Solved when a pattern is found in the output, or when what it captures equals the target."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.values import shorten, text_of
from merits.scorers.reading import SOLVED, targets_of, wrong

__all__ = ["Params", "load"]

_LONGEST = 100_000  # characters searched; bounds what a slow pattern can cost on a hostile output


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The pattern, and what is done with it."""

    pattern: Annotated[str, msgspec.Meta(min_length=1, description="A regular expression, in Python's syntax.")]
    captured: Annotated[
        int | str | None,
        msgspec.Meta(description="The group (number or name) that must equal the target; none: a match is enough."),
    ] = None
    which: Annotated[
        Literal["first", "last"], msgspec.Meta(description="Which of several matches the captured group is read from.")
    ] = "last"
    full: Annotated[bool, msgspec.Meta(description="The pattern must match the whole output.")] = False
    ignore_case: Annotated[bool, msgspec.Meta(description="Upper and lower case do not matter.")] = False

    def __post_init__(self) -> None:
        compiled = self.compiled()
        if isinstance(self.captured, int) and not 0 <= self.captured <= compiled.groups:
            raise ValueError(f"captured: the pattern has {compiled.groups} groups, there is no group {self.captured}")
        if isinstance(self.captured, str) and self.captured not in compiled.groupindex:
            names = ", ".join(compiled.groupindex) or "none"
            raise ValueError(f"captured: the pattern has no group {self.captured!r}; its named groups: {names}")

    def compiled(self) -> re.Pattern[str]:
        """The pattern, ready to search. ValueError saying where it cannot be read."""
        try:
            return re.compile(self.pattern, re.IGNORECASE if self.ignore_case else 0)
        except re.error as problem:
            raise ValueError(f"pattern: {problem}") from None


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that searches the output with the pattern.

    >>> score = load(Params(pattern=r"answer: (\\w+)", captured=1), classes=(), folder=Path())
    >>> score(Example(id="1", input="?", target="B"), Answer(output="So the answer: B")).solved
    True
    """
    pattern = params.compiled()

    def score(example: Example, answer: Answer) -> Score:
        targets = () if params.captured is None else targets_of(example)
        match = _found(pattern, text_of(answer.output)[:_LONGEST], params)
        if match is None:
            return wrong(f"the pattern is not in {shorten(answer.output)!r}")
        if params.captured is None:
            return SOLVED
        said = _fold(match[params.captured] or "", params)
        return SOLVED if said in {_fold(text_of(t), params) for t in targets} else wrong(f"said {shorten(said)!r}")

    return score


def _found(pattern: re.Pattern[str], text: str, params: Params) -> re.Match[str] | None:
    if params.full:
        return pattern.fullmatch(text)
    if params.which == "first" or params.captured is None:
        return pattern.search(text)
    last = None
    for match in pattern.finditer(text):
        last = match
    return last


def _fold(text: str, params: Params) -> str:
    return text.strip().casefold() if params.ignore_case else text.strip()
