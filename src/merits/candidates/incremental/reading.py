"""Inputs as features, one at a time: words of texts in buckets, numbers and categories of columns.

What a column holds is settled by the inputs of the first lesson, and by the first value of a column that comes later.
Knows nothing about who learns from them.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from merits.candidates.features import ColumnKind, column_kind
from merits.candidates.texts import as_text
from merits.core.identity import JSON

__all__ = ["FeatureReader", "Features", "number_in"]

Key: TypeAlias = "int | str"
_TOKENS = re.compile(r"(?u)\b\w+\b|[^\w\s]")  # punctuation counts: "!" tells moods apart


class Features(NamedTuple):
    """`numbers` as they are, and all others: counts of words, categories by their column."""

    numbers: dict[Key, float]
    categories: dict[Key, str]
    words: dict[Key, float]


class FeatureReader:
    """Reads inputs into features. `kinds` is what the columns hold, by name: all that it learns.

    >>> reader = FeatureReader(words=1, buckets=1 << 20)
    >>> reader.settle([{"age": 31, "city": "Bonn"}, {"age": "", "city": "Rome"}])
    >>> reader.features({"age": "44", "city": "Bonn", "job": "none"})
    Features(numbers={'age': 44.0}, categories={'city': 'Bonn'}, words={})
    >>> sum(reader.features("Good, good!").words.values())
    4.0
    """

    def __init__(self, *, words: int, buckets: int) -> None:
        self._words, self._buckets = words, buckets
        self.kinds: dict[str, ColumnKind] = {}

    def settle(self, inputs: Sequence[JSON]) -> None:
        """Finds out what columns hold that were not met before, from several inputs at once."""
        tables = [input for input in inputs if isinstance(input, Mapping)]
        for name in sorted({name for table in tables for name in table} - self.kinds.keys()):
            values = [value for table in tables if not _is_missing(value := table.get(name))]
            if values:
                self.kinds[name] = column_kind(values)

    def features(self, input: JSON) -> Features:
        """The features of one input. A missing number is left out, as is a column that nothing was learned of."""
        if not isinstance(input, Mapping):
            return Features({}, {}, self._counted(as_text(input), ""))
        found = Features({}, {}, {})
        for name, value in input.items():
            kind = self.kinds.get(name)
            if kind is None or _is_missing(value):
                continue
            if kind == "number":
                number = number_in(value)
                if number is not None:
                    found.numbers[name] = number
            elif kind == "category":
                found.categories[name] = as_text(value)
            else:
                for bucket, count in self._counted(as_text(value), name).items():
                    found.words[bucket] = found.words.get(bucket, 0.0) + count
        return found

    def _counted(self, text: str, column: str) -> dict[Key, float]:
        """How often each run of words is in a text, by its bucket."""
        tokens = _TOKENS.findall(text.lower())
        salt, buckets = column.encode(), self._buckets
        counted = Counter(
            zlib.crc32(run.encode("utf-8", "replace"), zlib.crc32(salt)) % buckets for run in self._runs(tokens)
        )
        return {bucket: float(count) for bucket, count in counted.items()}

    def _runs(self, tokens: list[str]) -> Iterable[str]:
        for length in range(1, self._words + 1):
            for start in range(len(tokens) - length + 1):
                yield " ".join(tokens[start : start + length])


def number_in(value: JSON) -> float | None:
    """The value as a finite number; None where it is none.

    >>> number_in(" 4.5 "), number_in("many"), number_in(float("nan"))
    (4.5, None, None)
    """
    try:
        number = float(value) if isinstance(value, bool | int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_missing(value: JSON) -> bool:
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float) and math.isnan(value))
    )
