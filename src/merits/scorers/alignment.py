"""A transcript beside what was said, word by word: which words are wrong, missing or made up, as jiwer aligns them.

Knows nothing about scores or pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, Literal, NamedTuple, TypeAlias

from merits.core.errors import MissingExtra
from merits.reading.transcripts import Normalise, normaliser

__all__ = ["AlignedWord", "Operation", "alignable", "aligned_words", "jiwer"]

Operation: TypeAlias = Literal["equal", "substitute", "delete", "insert"]

_MOST = 20  # times as long as the target: what is said beyond is inserted, and need not be aligned


class AlignedWord(NamedTuple):
    """A word of the reference ("" for one that was inserted) and what was heard for it ("" for one left out)."""

    operation: Operation
    reference: str
    hypothesis: str


def aligned_words(reference: str, hypothesis: str, how: Normalise = "basic") -> tuple[AlignedWord, ...]:
    """The words of both, evened out as `how` says, in an alignment with the fewest errors; () where both are empty.

    All that is not "equal" is an error: their number over that of the reference's words is the word error rate. Of
    several alignments with equally few it is the one that jiwer (rapidfuzz) finds. Words far beyond the reference's
    length are inserted at the end. MissingExtra without jiwer.

    >>> for word in aligned_words("The cat sat on the mat.", "a cat on the mat, too"):
    ...     print(word.operation, repr(word.reference), repr(word.hypothesis))
    substitute 'the' 'a'
    equal 'cat' 'cat'
    delete 'sat' ''
    equal 'on' 'on'
    equal 'the' 'the'
    equal 'mat' 'mat'
    insert '' 'too'
    """
    even = normaliser(how)
    wanted, given = even(reference).split(), even(hypothesis).split()
    aligned, rest = alignable(wanted, given)
    if not wanted:
        aligned, rest = (), given
    pairs = _pairs(wanted, aligned)
    return (*pairs, *(AlignedWord("insert", "", word) for word in rest))


def alignable(wanted: Sequence[str], given: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What was heard, cut where it goes on far beyond what was wanted: what to align, and what is inserted anyway.

    A transcriber that loops says a word a million times, and aligning takes time in proportion to both lengths.
    """
    most = _MOST * (len(wanted) + 10)
    return given[:most], given[most:]


def jiwer() -> Any:
    """The package; MissingExtra where it is not installed."""
    try:
        import jiwer
    except ImportError:
        raise MissingExtra("word errors need the package jiwer.", "pip install 'merits[speech]'") from None
    return jiwer


def _pairs(wanted: Sequence[str], given: Sequence[str]) -> Iterator[AlignedWord]:
    for chunk in jiwer().process_words(" ".join(wanted), " ".join(given)).alignments[0]:
        left = wanted[chunk.ref_start_idx : chunk.ref_end_idx]
        right = given[chunk.hyp_start_idx : chunk.hyp_end_idx]
        for one, other in zip_longest(left, right, fillvalue=""):
            yield AlignedWord(chunk.type, one, other)
