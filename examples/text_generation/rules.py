"""A word problem solved by rules: its numbers, put together as its words suggest. What a model must beat."""

from __future__ import annotations

import math
import re

_WORDS = tuple(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty".split()
)
_NUMBER = re.compile(rf"\d[\d,]*(?:\.\d+)?|\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_LESS = re.compile(
    r"\b(left|remain\w*|fewer|less|difference|more .* than|how many more|gave|lost|ate|sold|spent|used)\b"
)
_TIMES = re.compile(r"\b(times|twice|per|product|total cost|in all .* each|each .* (?:in all|altogether|total))\b")
_SHARED = re.compile(r"\b(share\w*|divide\w*|equally|split|each (?:get|box|bag|group|row|person))\b")


def arithmetic(input: str) -> str:
    """The sum, difference, product or quotient of the first numbers of a problem, as cue words have it.

    >>> arithmetic("Seven red apples and two green apples are in the basket. How many apples are there?")
    '9'
    >>> arithmetic("Ann had 12 eggs and ate 5. How many are left?")
    '7'
    """
    text = input.lower()
    numbers = [_value(match[0]) for match in _NUMBER.finditer(text)]
    if len(numbers) < 2:
        return _shown(numbers[0]) if numbers else "0"
    large, small = max(numbers), min(numbers)
    if _SHARED.search(text) and small:
        return _shown(large / small)
    if _TIMES.search(text) or ("each" in text and "how many" in text):
        return _shown(math.prod(numbers[:2]))
    if _LESS.search(text):
        return _shown(large - sum(sorted(numbers)[:-1]) if len(numbers) > 2 else large - small)
    return _shown(sum(numbers))


def _value(text: str) -> float:
    return float(_WORDS.index(text)) if text in _WORDS else float(text.replace(",", ""))


def _shown(value: float) -> str:
    return f"{value:g}"
