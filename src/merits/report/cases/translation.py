"""Translations: the source beside the reference, and of each translation which words are the reference's."""

from __future__ import annotations

import difflib

from merits.core.answer import Answer
from merits.core.task import Example
from merits.reading.values import text_of
from merits.report.cases.blocks import Block, Files, Text, Words, aligned, blocks_of
from merits.report.plain import cut
from merits.scorers.reading import targets_of

__all__ = ["ASIDE", "shown_input", "shown_reply", "shown_target"]

ASIDE = True


def shown_input(example: Example, files: Files) -> tuple[Block, ...]:
    """The source."""
    return blocks_of(example.input, files)


def shown_target(example: Example, files: Files) -> tuple[Block, ...]:
    """The references, one below the other."""
    return tuple(Text(cut(text, 500)) for text in targets_of(example))


def shown_reply(example: Example, answer: Answer, files: Files) -> tuple[Block, ...]:
    """The translation beside the reference that it shares most words with."""
    said = text_of(answer.output)
    targets = [text_of(target) for target in targets_of(example)]
    if not said.strip() or not targets:
        return ()
    nearest = max(targets, key=lambda text: difflib.SequenceMatcher(None, text.split(), said.split()).ratio())
    return (Words(aligned(cut(nearest, 800), cut(said, 800))),)
