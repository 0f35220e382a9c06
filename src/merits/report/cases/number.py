"""Numbers: what was said, with its interval where there is one, and how far it was off."""

from __future__ import annotations

import math

from merits.core.answer import Answer
from merits.core.task import Example
from merits.reading.forecasts import forecast_of
from merits.reading.numbers import number_in
from merits.report.cases.blocks import Block, Files, Text
from merits.report.cases.text import shown_input

__all__ = ["ASIDE", "shown_input", "shown_reply", "shown_target"]

ASIDE = False


def shown_target(example: Example, files: Files) -> tuple[Block, ...]:
    """The number, as it is: nothing of its own."""
    return ()


def shown_reply(example: Example, answer: Answer, files: Files) -> tuple[Block, ...]:
    """The number that was said, its distance from the target, and its outermost quantiles."""
    said, target = forecast_of(answer.output), number_in(example.target)
    if said is None:
        return ()
    digits = _digits(said.value)
    text = f"{said.value:,.{digits}f}"
    if target is not None:
        text += f" ({said.value - target:+,.{digits}f})"
    if len(said.quantiles) > 1:
        (low, least), (high, most) = min(said.quantiles.items()), max(said.quantiles.items())
        text += f", {100 * (high - low):.3g} % in {least:,.{digits}f} to {most:,.{digits}f}"
    return (Text(text),)


def _digits(value: float) -> int:
    """So many behind the point that four of a number count.

    >>> [_digits(value) for value in (0.0, 57.71912, -1234.56, 0.00012345)]
    [0, 2, 0, 7]
    """
    return 0 if value == 0 else min(12, max(0, 3 - math.floor(math.log10(abs(value)))))
