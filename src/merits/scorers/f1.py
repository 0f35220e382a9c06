"""How many words an answer and its target share: F1 of words, as SQuAD counts it."""

from __future__ import annotations

import re
import string
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.reading.values import shorten, text_of
from merits.scorers.reading import targets_of

__all__ = ["Params", "load", "word_f1"]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """When an answer counts as solved."""

    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The F1 of an answer from which it counts as solved.")
    ] = 0.5


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that compares words; of a list of targets the nearest is taken. The measure is the mean over answers.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> round(score(Example(id="1", input="?", target="the Eiffel Tower"), Answer("Eiffel Tower in Paris")).value, 3)
    0.667
    """

    def score(example: Example, answer: Answer) -> Score:
        said = text_of(answer.output)
        value = max(word_f1(said, text_of(target)) for target in targets_of(example))
        return Score(value, value >= params.solved_from and value > 0, f"F1 {value:.2f}: said {shorten(said)!r}")

    return score


def word_f1(said: str, target: str) -> float:
    """Twice the shared words over all words of both, 0..1; of empty texts 1 where both are.

    Case, ASCII punctuation and the articles of English do not count. Rajpurkar et al. (2016), arXiv 1606.05250, as
    their evaluation script (version 2.0) has it.

    >>> word_f1("The cat!", "a cat sat")
    0.6666666666666666
    """
    one, two = _words(said), _words(target)
    if not one or not two:
        return float(one == two)
    shared = (Counter(one) & Counter(two)).total()
    return 2 * shared / (len(one) + len(two))


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()
