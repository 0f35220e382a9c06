"""Texts with what does not matter evened out. Knows nothing about what is right."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["normalise"]

_MEANINGFUL = "%#&@*+"  # "60 %" is not "60", "C#" is not "C"
_JOINTS = "-/_–—"  # part words: "well-known" is "well known"
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_SPACES = re.compile(r"\s+")
_IN_NUMBER = re.compile(r"(?<=\d)[.,](?=\d)|(?<![\w.)])[-−](?=[.\d])")
_KEPT = {".": "\ue000", ",": "\ue001", "-": "\ue002", "−": "\ue002"}  # private-use stand-ins while punctuation goes
_BACK = str.maketrans({"\ue000": ".", "\ue001": ",", "\ue002": "-"})


class _Punctuation(dict[int, str]):
    """A table for `str.translate`, filled as characters are met: Unicode has 800 punctuation marks."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        goes = unicodedata.category(character).startswith("P") and character not in _MEANINGFUL
        self[code] = (" " if character in _JOINTS else "") if goes else character
        return self[code]


_punctuation = _Punctuation()


def normalise(
    text: str, *, ignore_case: bool = True, ignore_punctuation: bool = True, ignore_articles: bool = False
) -> str:
    """The text with what does not matter evened out. Never empty for a text that has anything but spaces.

    Unicode is brought to NFKC, so that composed and decomposed accents, or full-width and plain digits, are the same.

    >>> normalise("  The Well-known  U.S. answer: -1,234.5!")
    'the well known us answer -1,234.5'
    """
    even = unicodedata.normalize("NFKC", text)
    even = even.casefold() if ignore_case else even
    if ignore_punctuation:
        even = _IN_NUMBER.sub(lambda match: _KEPT[match[0]], even).translate(_punctuation).translate(_BACK)
    if ignore_articles:
        even = _ARTICLES.sub(" ", even)
    return _SPACES.sub(" ", even).strip() or text.strip()
