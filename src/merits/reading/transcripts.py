"""What is evened out in transcripts before their words are compared. Knows nothing about how they are compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Literal, TypeAlias

from merits.core.errors import MissingExtra
from merits.reading.texts import normalise

__all__ = ["Normalise", "normaliser"]

Normalise: TypeAlias = Literal["english", "basic", "none"]

_SPACES = re.compile(r"\s+")
_LONG_NUMBER = re.compile(r"\d{1000}")
_HEARD = re.compile(r"[^\W_]")


def normaliser(how: Normalise) -> Callable[[str], str]:
    """The function that evens a transcript out; what it returns is "" where nothing is said.

    "english" is the normaliser of Whisper's paper (Radford et al. 2022, arXiv 2212.04356, appendix C), by the package
    whisper-normalizer: numbers ("seven" is "7"), contractions ("won't" is "will not"), British spelling, titles,
    hesitations ("um") and remarks in brackets are evened out beside case, punctuation and accents. The dot that it
    leaves of "..." is no word, and is left out. MissingExtra without the package. "basic", for any language: case,
    punctuation and Unicode forms, as the scorer `normalised` does.
    "none": runs of white space only.

    >>> normaliser("english")("Mr. Brown won't pay seven times.")
    'mister brown will not pay 7 times'
    >>> normaliser("english")("Well... 3.5 ...")
    'well 3.5'
    >>> normaliser("basic")("Mr. Brown won't pay seven times.")
    'mr brown wont pay seven times'
    >>> normaliser("basic")(" ... ")
    ''
    """
    if how == "english":
        return _english()
    return _basic if how == "basic" else _as_it_is


def _as_it_is(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _basic(text: str) -> str:
    """As the scorer `normalised` does, which leaves marks where there is nothing else: a word must be heard here."""
    even = normalise(text)
    return even if _HEARD.search(even) else ""


@cache
def _english() -> Callable[[str], str]:
    try:
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError:
        raise MissingExtra(
            "normalise: english needs the package whisper-normalizer.", "pip install 'merits[speech]'"
        ) from None
    even: Callable[[str], str] = EnglishTextNormalizer()
    return lambda text: " ".join(word for word in even(_harmless(text)).split() if word.strip("."))


def _harmless(text: str) -> str:
    """The text without what that package cannot take, in a form that it brings to the same.

    What closes a bracket is looked for to the end of the text, for each one anew, and so is what follows spaces (a
    hundred thousand brackets took 138 s); Python reads no number of more than 4,300 digits.
    """
    for opening, closing in (("<[", ">]"), ("(", ")")):
        end = 1 + max(text.rfind(mark) for mark in closing)
        text = text[:end] + text[end:].translate(dict.fromkeys(map(ord, opening), " "))
    return _LONG_NUMBER.sub(r"\g<0> ", _SPACES.sub(" ", text))
