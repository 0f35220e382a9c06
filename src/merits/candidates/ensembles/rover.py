"""One transcript of many, word by word: ROVER, "recognizer output voting error reduction".

Fiscus (1997), doi:10.1109/ASRU.1997.659110: transcripts are aligned one after the other into a network of places, each
with the words that were heard there, and every place is voted on. The package crowd-kit has it too, without weights and
with pandas, pyarrow, nltk and transformers behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.candidates.ensembles.answers import Combine
from merits.candidates.ensembles.texts import by_agreement
from merits.core.answer import Answer
from merits.reading.transcripts import normaliser
from merits.reading.values import text_of

__all__ = ["by_word"]

_MOST_WORDS = 5_000  # of a transcript; an alignment takes time and memory by the square of it (5,000: 100 MB)
_NOTHING = ""


class _Heard(NamedTuple):
    weight: float
    said: str


_Place: TypeAlias = dict[str, _Heard]  # by the word's even form, in the order of the parts; "": nothing heard here


def by_word() -> Combine:
    """The words that have the most weight in their places; of equals, what the earliest part heard.

    Among three parts or more a word goes before nothing heard of the same weight: with errors made up in a fifth of the
    words that left a seventh fewer. Words are the same once case and punctuation are evened out; the answer has them as
    the earliest part wrote them. The confidence is the mean share of the weight over all places. Transcripts of more
    than 5,000 words are not aligned: then it is the one most like the others (`by_agreement`).

    >>> heard = ["the cat sat on a mat", "The cat sat on the mat.", "cat sad on the mat"]
    >>> by_word()([Answer(text) for text in heard], [1, 1, 1]).output
    'the cat sat on the mat'
    """
    whole = by_agreement()

    def combine(answers: Sequence[Answer], weights: Sequence[float]) -> Answer:
        heard = [_words(text_of(answer.output)) for answer in answers]
        if max(map(len, heard)) > _MOST_WORDS:
            return whole(answers, weights)
        places: list[_Place] = [{form: _Heard(weights[0], said)} for form, said in heard[0]]
        before = weights[0]
        for words, weight in zip(heard[1:], weights[1:], strict=True):
            places = _joined(places, words, weight, before)
            before += weight
        some = len(heard) > 2  # a word before nothing, where they weigh the same
        votes = [
            max(place.values(), key=lambda one: (round(one.weight, 12), some and one.said != "")) for place in places
        ]
        shares = [vote.weight / before for vote in votes]
        text = " ".join(vote.said for vote in votes if vote.said)
        return Answer(text, confidence=sum(shares) / len(shares) if shares else 1.0)

    return combine


def _words(text: str) -> list[tuple[str, str]]:
    """The words in their even forms, each with how it was written; a compound is the words that it is made of."""
    found: list[tuple[str, str]] = []
    for word in text.split():
        forms = _forms(word)
        found += [(forms[0], word)] if len(forms) == 1 else [(form, form) for form in forms]
    return found


@lru_cache(maxsize=65536)
def _forms(word: str) -> tuple[str, ...]:
    return tuple(normaliser("basic")(word).split())


def _joined(places: Sequence[_Place], words: Sequence[tuple[str, str]], weight: float, before: float) -> list[_Place]:
    """The places with one more transcript in them; where it alone has a word, the others (`before`) heard nothing."""
    joined: list[_Place] = []
    for place, word in _aligned(places, [form for form, _ in words]):
        form, said = words[word] if word is not None else (_NOTHING, _NOTHING)
        heard = dict(places[place]) if place is not None else {_NOTHING: _Heard(before, _NOTHING)}
        known = heard.get(form)
        heard[form] = _Heard(known.weight + weight, known.said) if known else _Heard(weight, said)
        joined.append(heard)
    return joined


def _aligned(places: Sequence[_Place], forms: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Pairs of a place and a word, either of which may be None, at the least cost.

    A word that was heard in its place costs nothing, another one 1, a word between places 1, and a place passed over 1,
    or nothing where nothing was heard before. Of equals a word is put in a place rather than beside it.
    """
    differs = _differs(places, forms)
    passed = np.array([_NOTHING not in place for place in places], np.int32)
    reach = np.concatenate([[0], np.cumsum(passed)]).astype(np.int32)
    cost = np.empty((len(forms) + 1, len(places) + 1), np.int32)
    cost[0] = reach
    for row in range(1, len(cost)):
        come = cost[row - 1] + 1
        come[1:] = np.minimum(come[1:], cost[row - 1, :-1] + differs[row - 1])
        cost[row] = np.minimum.accumulate(come - reach) + reach  # passing places over, any number of them
    return _way_back(cost, differs, passed)


def _differs(places: Sequence[_Place], forms: Sequence[str]) -> NDArray[np.int32]:
    heard_at: dict[str, list[int]] = {}
    for number, place in enumerate(places):
        for form in place:
            heard_at.setdefault(form, []).append(number)
    differs = np.ones((len(forms), len(places)), np.int32)
    for row, form in enumerate(forms):
        differs[row, heard_at.get(form, [])] = 0
    return differs


def _way_back(
    cost: NDArray[np.int32], differs: NDArray[np.int32], passed: NDArray[np.int32]
) -> list[tuple[int | None, int | None]]:
    row, column = cost.shape[0] - 1, cost.shape[1] - 1
    pairs: list[tuple[int | None, int | None]] = []
    while row or column:
        here = cost[row, column]
        if row and column and here == cost[row - 1, column - 1] + differs[row - 1, column - 1]:
            row, column = row - 1, column - 1
            pairs.append((column, row))
        elif column and here == cost[row, column - 1] + passed[column - 1]:
            column -= 1
            pairs.append((column, None))
        else:
            row -= 1
            pairs.append((None, row))
    return pairs[::-1]
