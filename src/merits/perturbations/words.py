"""What perturbations of texts share: which words may be changed. Knows nothing about how.

What is asked must remain what is asked: numbers, names and what holds a digit stay.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

__all__ = ["WORD", "chosen", "listed", "plain_words", "share_of"]

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?:^|[.!?:]\s+|\n\s*)[\"'“‘(\[]*$")


def share_of(strength: float, what: str) -> float:
    """The strength, if it is a share; ValueError otherwise."""
    if not 0 <= strength <= 1:
        raise ValueError(f"a share of {what} is from 0 to 1, not {strength:g}")
    return strength


def plain_words(text: str) -> list[re.Match[str]]:
    """The words that may be changed: no part of what holds digits, no name (a capital inside a sentence).

    >>> [word[0] for word in plain_words("The GPT4 of Ada costs 3kg of gold.")]
    ['The', 'of', 'costs', 'of', 'gold']
    """
    found = []
    for word in WORD.finditer(text):
        start, end = word.span()
        beside = text[max(0, start - 1) : start] + text[end : end + 1]
        joined = any(character.isdigit() or character in "_@#/\\" for character in beside)
        begins = _SENTENCE_END.search(text, max(0, start - 40), start) is not None
        is_name = word[0] != word[0].lower() and not (begins and word[0][1:] == word[0][1:].lower())
        if not joined and (not is_name or word[0] == "I"):
            found.append(word)
    return found


def chosen(n: int, strength: float, random: np.random.Generator) -> list[int]:
    """The places of that share of so many (the nearest whole number), drawn, in order."""
    return sorted(int(at) for at in random.choice(n, size=round(strength * n), replace=False)) if n else []


def listed(name: str) -> list[list[str]]:
    """The words of a list beside this file, line by line, without its comments."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]
