"""Guesses what kind of task a column of targets is. Used where nobody said it; whoever uses it says so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from merits.core.identity import JSON

__all__ = ["guess_kind", "is_number"]

_NUMBER = re.compile(r"[-+−]?\s?[$€£¥]?\s?(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\s?%?")
_LONGEST_LABEL = 60  # characters, at the median
_FEWEST_EACH = 3  # rows per label, on average
_MOST_NUMBERS = 20  # different ones; more are an amount, not a code


def guess_kind(targets: Sequence[JSON], *, tabular: bool = False) -> str:
    """The kind of task: classification when few, short answers come back again and again, else generation.

    Numbers are a regression where they are asked of the columns of a table (`tabular`), or where most of them have
    decimals; whole numbers asked of a text are the answer to a sum.

    >>> guess_kind(["spam", "ham", "spam", "ham", "ham", "spam"])
    'classification'
    >>> guess_kind(["18", "3", "70000", "540", "20"])
    'generation'
    >>> guess_kind([151.0, 75.0, 141.0, 206.0], tabular=True), guess_kind([1.25, 0.5, 3.75, 2.0])
    ('regression', 'regression')
    """
    if any(isinstance(target, list | dict) for target in targets):
        return "generation"
    texts = [str(target).strip() for target in targets]
    counts = Counter(texts)
    most = max(2.0, len(texts) / _FEWEST_EACH)
    if all(map(is_number, counts)):
        most = min(most, _MOST_NUMBERS)
    once = sum(count == 1 for count in counts.values())
    repeated = len(counts) <= 2 or once <= len(counts) / 2
    short = bool(texts) and median(map(len, texts)) <= _LONGEST_LABEL
    if len(counts) <= most and repeated and short:
        return "classification"
    numbers = bool(counts) and all(map(is_number, counts))
    return "regression" if numbers and (tabular or _with_decimals(texts)) else "generation"


def _with_decimals(numbers: Sequence[str]) -> bool:
    decimals = sum(bool(re.search(r"\.\d*[1-9]", number)) for number in numbers)
    return decimals > len(numbers) / 2


def is_number(text: str) -> bool:
    """Whether a text is a number as people write them, with thousands separators, a currency or a percent sign.

    >>> [is_number(text) for text in ("1,234.5", "$18", "60%", "twelve", "")]
    [True, True, True, False, False]
    """
    return bool(_NUMBER.fullmatch(text.strip()))
