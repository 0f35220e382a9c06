"""Translations: the source beside the reference, and of each translation which words are the reference's."""

from __future__ import annotations

import difflib
from itertools import zip_longest

from merits.core.answer import Answer
from merits.core.task import Example
from merits.report.cases.blocks import Block, Files, Text, Word, Words, blocks_of
from merits.report.plain import cut
from merits.scorers.reading import targets_of, text_of

__all__ = ["ASIDE", "aligned", "shown_input", "shown_reply", "shown_target"]

ASIDE = True
_MOST_WORDS = 120


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


def aligned(wanted: str, said: str) -> tuple[Word, ...]:
    """Two texts word by word, by the longest common runs (Ratcliff & Obershelp, `difflib`).

    >>> [word.op for word in aligned("the big house", "the house")]
    ['equal', 'delete', 'equal']
    """
    one, two = wanted.split()[:_MOST_WORDS], said.split()[:_MOST_WORDS]
    words: list[Word] = []
    for op, a, b, c, d in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if op == "equal":
            words += [Word("equal", word, word) for word in one[a:b]]
            continue
        for left, right in zip_longest(one[a:b], two[c:d], fillvalue=""):
            words.append(Word("substitute" if left and right else "delete" if left else "insert", left, right))
    return tuple(words)
