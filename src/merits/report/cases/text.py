"""Cases as they are: texts as texts, columns as columns, and the files that they name as pictures and players."""

from __future__ import annotations

from collections.abc import Mapping

from merits.core.answer import Answer
from merits.core.task import Example
from merits.report.cases.blocks import Block, Files, blocks_of, has_figure

__all__ = ["ASIDE", "shown_input", "shown_reply", "shown_target"]

ASIDE = False


def shown_input(example: Example, files: Files) -> tuple[Block, ...]:
    """What was asked, where there is something to look at in it; columns side by side."""
    blocks = blocks_of(example.input, files)
    return blocks if has_figure(blocks) or isinstance(example.input, Mapping) else ()


def shown_target(example: Example, files: Files) -> tuple[Block, ...]:
    """What is right, where there is something to look at in it."""
    blocks = blocks_of(example.target, files)
    return blocks if has_figure(blocks) else ()


def shown_reply(example: Example, answer: Answer, files: Files) -> tuple[Block, ...]:
    """What was said, where there is something to look at in it (a generated picture)."""
    blocks = blocks_of(answer.output, files)
    return blocks if has_figure(blocks) else ()
