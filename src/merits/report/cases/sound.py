"""Transcripts: a player, and of each transcript which words are wrong, missing or made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from merits.core.answer import Answer
from merits.core.errors import MissingExtra
from merits.core.task import Example, ScorerSpec
from merits.reading.transcripts import Normalise
from merits.reading.values import text_of
from merits.report.cases.blocks import Block, Files, Text, Word, Words
from merits.report.cases.text import shown_input
from merits.report.plain import cut
from merits.scorers.alignment import AlignedWord, aligned_words
from merits.scorers.reading import targets_of

__all__ = ["ASIDE", "for_scorers", "shown_input", "shown_reply", "shown_target"]

ASIDE = False
_MOST_WORDS = 120
_SCORERS = ("wer", "cer")  # of transcripts, in the order in which they say what is an error


def for_scorers(scorers: Sequence[ScorerSpec]) -> _Evened:
    """The case in which a word is wrong where the task's scorer of transcripts counts it so."""
    kinds = {scorer.kind: scorer for scorer in reversed(scorers)}  # the first of a kind counts
    found = next((kinds[kind] for kind in _SCORERS if kind in kinds), None)
    return _Evened(cast(Normalise, "basic" if found is None else found.params.get("normalise", "basic")))


def shown_target(example: Example, files: Files) -> tuple[Block, ...]:
    """What is said in it."""
    return tuple(Text(cut(text_of(target), 500)) for target in targets_of(example))


def shown_reply(example: Example, answer: Answer, files: Files, how: Normalise = "basic") -> tuple[Block, ...]:
    """The transcript beside the target it has the lowest error rate against, evened out and aligned as `wer` does.

    As text where a package for that is not installed.
    """
    said = cut(text_of(answer.output), 1_000)
    targets = [cut(text_of(target), 1_000) for target in targets_of(example)]
    if not said or not targets:
        return ()
    try:
        found = min((aligned_words(target, said, how) for target in targets), key=_error_rate)
    except MissingExtra:
        return ()
    words = tuple(Word(word.operation, word.reference, word.hypothesis) for word in found[:_MOST_WORDS])
    return (Words(words),) if words else ()


def _error_rate(words: tuple[AlignedWord, ...]) -> float:
    n_wanted = sum(word.reference != "" for word in words)
    return sum(word.operation != "equal" for word in words) / n_wanted if n_wanted else float("inf")


@dataclass(frozen=True)
class _Evened:
    """The case with what its scorer evens out before it compares."""

    how: Normalise
    ASIDE = ASIDE

    def shown_input(self, example: Example, files: Files) -> tuple[Block, ...]:
        """A player."""
        return shown_input(example, files)

    def shown_target(self, example: Example, files: Files) -> tuple[Block, ...]:
        """What is said in it."""
        return shown_target(example, files)

    def shown_reply(self, example: Example, answer: Answer, files: Files) -> tuple[Block, ...]:
        """The transcript, aligned."""
        return shown_reply(example, answer, files, self.how)
