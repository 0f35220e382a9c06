"""Numbers: what was said, with its interval where there is one, and how far it was off."""

from __future__ import annotations

from merits.core.answer import Answer
from merits.core.task import Example
from merits.report.cases.blocks import Block, Files, Text, blocks_of, has_figure
from merits.scorers.forecasts import forecast_of
from merits.scorers.reading_numbers import number_in

__all__ = ["ASIDE", "shown_input", "shown_reply", "shown_target"]

ASIDE = False


def shown_input(example: Example, files: Files) -> tuple[Block, ...]:
    """What was asked, where there is something to look at in it."""
    blocks = blocks_of(example.input, files)
    return blocks if has_figure(blocks) else ()


def shown_target(example: Example, files: Files) -> tuple[Block, ...]:
    """The number, as it is: nothing of its own."""
    return ()


def shown_reply(example: Example, answer: Answer, files: Files) -> tuple[Block, ...]:
    """The number that was said, its outermost quantiles, and its distance from the target."""
    said, target = forecast_of(answer.output), number_in(example.target)
    if said is None:
        return ()
    parts = [f"{said.value:.6g}"]
    if len(said.quantiles) > 1:
        (low, least), (high, most) = min(said.quantiles.items()), max(said.quantiles.items())
        parts.append(f"quantiles {low:g} to {high:g}: {least:.6g} to {most:.6g}")
    if target is not None:
        parts.append(f"off by {said.value - target:+.4g}")
    return (Text("; ".join(parts)),)
