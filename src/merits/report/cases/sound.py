"""Transcripts: a player, and of each transcript which words are wrong, missing or made up."""

from __future__ import annotations

from merits.core.answer import Answer
from merits.core.errors import MissingExtra
from merits.core.task import Example
from merits.report.cases.blocks import Block, Files, Text, Word, Words
from merits.report.cases.text import shown_input
from merits.report.plain import cut
from merits.scorers.alignment import AlignedWord, aligned_words
from merits.scorers.reading import targets_of, text_of

__all__ = ["ASIDE", "shown_input", "shown_reply", "shown_target"]

ASIDE = False
_MOST_WORDS = 120


def shown_target(example: Example, files: Files) -> tuple[Block, ...]:
    """What is said in it."""
    return tuple(Text(cut(text_of(target), 500)) for target in targets_of(example))


def shown_reply(example: Example, answer: Answer, files: Files) -> tuple[Block, ...]:
    """The transcript beside the target it has fewest errors against, in the alignment that counts them.

    As text where jiwer, which aligns them, is not installed.
    """
    said = cut(text_of(answer.output), 1_000)
    targets = [cut(text_of(target), 1_000) for target in targets_of(example)]
    if not said or not targets:
        return ()
    try:
        found = min((aligned_words(target, said) for target in targets), key=_errors)
    except MissingExtra:
        return ()
    words = tuple(Word(word.operation, word.reference, word.hypothesis) for word in found[:_MOST_WORDS])
    return (Words(words),) if words else ()


def _errors(words: tuple[AlignedWord, ...]) -> int:
    return sum(word.operation != "equal" for word in words)
