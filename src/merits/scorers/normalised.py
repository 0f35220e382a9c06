"""Solved when the output equals the target once case, spacing, punctuation and Unicode forms are evened out."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.outcome import Score
from merits.core.task import Example
from merits.scorers.reading import SOLVED, shorten, targets_of, text_of, wrong

__all__ = ["Params", "load", "normalise"]

_MEANINGFUL = "%#&@*+"  # "60 %" is not "60", "C#" is not "C"
_JOINTS = "-/_–—"  # part words: "well-known" is "well known"
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_SPACES = re.compile(r"\s+")
_IN_NUMBER = re.compile(r"(?<=\d)[.,](?=\d)|(?<![\w.)])[-−](?=[.\d])")
_KEPT = {".": "\ue000", ",": "\ue001", "-": "\ue002", "−": "\ue002"}  # private-use stand-ins while punctuation goes
_BACK = str.maketrans({"\ue000": ".", "\ue001": ",", "\ue002": "-"})


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What is evened out before comparing."""

    ignore_case: Annotated[bool, msgspec.Meta(description="Upper and lower case do not matter.")] = True
    ignore_punctuation: Annotated[
        bool, msgspec.Meta(description="Punctuation does not matter, except inside numbers; % # & @ * + always do.")
    ] = True
    ignore_articles: Annotated[bool, msgspec.Meta(description="The words a, an and the do not matter.")] = False


class _Punctuation(dict[int, str]):
    """A table for `str.translate`, filled as characters are met: Unicode has 800 punctuation marks."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        goes = unicodedata.category(character).startswith("P") and character not in _MEANINGFUL
        self[code] = (" " if character in _JOINTS else "") if goes else character
        return self[code]


_punctuation = _Punctuation()


def normalise(text: str, params: Params | None = None) -> str:
    """The text with what does not matter evened out. Never empty for a text that has anything but spaces.

    Unicode is brought to NFKC, so that composed and decomposed accents, or full-width and plain digits, are the same.

    >>> normalise("  The Well-known  U.S. answer: -1,234.5!")
    'the well known us answer -1,234.5'
    """
    params = params or Params()
    even = unicodedata.normalize("NFKC", text)
    even = even.casefold() if params.ignore_case else even
    if params.ignore_punctuation:
        even = _IN_NUMBER.sub(lambda match: _KEPT[match[0]], even).translate(_punctuation).translate(_BACK)
    if params.ignore_articles:
        even = _ARTICLES.sub(" ", even)
    return _SPACES.sub(" ", even).strip() or text.strip()


def load(params: Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
    """A scorer that compares normalised texts; a list of targets means any of them.

    >>> score = load(Params(), classes=(), folder=Path())
    >>> score(Example(id="1", input="capital of France", target="Paris"), Answer(output="paris.")).solved
    True
    """

    def score(example: Example, answer: Answer) -> Score:
        targets = targets_of(example)
        said = normalise(text_of(answer.output), params)
        if said and any(said == normalise(text_of(target), params) for target in targets):
            return SOLVED
        return wrong(f"said {shorten(answer.output)!r}")

    return score
