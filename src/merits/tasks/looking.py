"""Looks at columns: what they hold, how it varies, and what it might be for. Decides nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.media.finding import names_picture, names_sound
from merits.tasks.columns import TARGET_NAMES
from merits.tasks.dividing import moment, split_called
from merits.tasks.guess import is_number
from merits.tasks.rows import Table

__all__ = ["TARGET_WORDS", "Look", "is_called_target", "is_id", "look", "words_in_name"]

TARGET_WORDS = (*TARGET_NAMES, "labels", "class", "category", "intent", "sentiment", "output", "response", "y")
_ID_WORDS = frozenset({"id", "ids", "uid", "uuid", "guid", "key", "index", "idx", "identifier", "unnamed"})

_FEW_WORDS = 3  # fewer are a name or a code, not free text
_MOST_LOOKED_AT = 20_000  # values; lengths and types need no more


@dataclass(frozen=True)
class Look:
    """One column at a glance. `values` are those that are there; `n_rows` counts the missing ones too.

    `has_words` is true of texts of several words, be they free text or the same ones again and again.
    """

    name: str
    values: Sequence[JSON]
    n_rows: int
    n_distinct: int
    is_number: bool
    is_time: bool
    is_free_text: bool
    is_split: bool
    is_picture: bool = False
    is_sound: bool = False
    has_words: bool = False

    @property
    def is_unique(self) -> bool:
        """Whether every row has its own value."""
        return self.n_distinct == self.n_rows

    @property
    def is_constant(self) -> bool:
        """Whether it says nothing, because all rows say the same or nothing."""
        return self.n_distinct <= 1

    @property
    def rows_each(self) -> float:
        """Rows per different value, on average."""
        return len(self.values) / max(1, self.n_distinct)


def look(table: Table, name: str) -> Look:
    """One column of a table at a glance."""
    values = [value for row in table.rows if (value := row.get(name)) not in (None, "")]
    some = values[:: max(1, len(values) // _MOST_LOOKED_AT)]
    distinct = {value if isinstance(value, str) else repr(value) for value in values}
    numeric = bool(some) and all(_numeric(value) for value in some)
    return Look(
        name=name,
        values=values,
        n_rows=len(table.rows),
        n_distinct=len(distinct),
        is_number=numeric,
        is_time=bool(some) and not numeric and _all_moments(some, table),
        is_free_text=_has_words(some) and len(distinct) >= len(values) / 2,
        is_split={split_called(value) for value in distinct} == {"dev", "test"},
        is_picture=_all_files(some, names_picture),
        is_sound=_all_files(some, names_sound),
        has_words=_has_words(some),
    )


def words_in_name(name: str) -> tuple[str, ...]:
    """The words of a column's name, in lower case.

    >>> words_in_name("customerID"), words_in_name("created_at"), words_in_name("sepal length (cm)")
    (('customer', 'id'), ('created', 'at'), ('sepal', 'length', 'cm'))
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tuple(word for word in re.split(r"[\W_]+", spaced.lower()) if word)


def is_id(look: Look) -> bool:
    """Whether a column is called like one that numbers or names the rows."""
    words = words_in_name(look.name)
    return bool(words) and (words[-1] in _ID_WORDS or words[0] == "unnamed")


def is_called_target(name: str) -> bool:
    """Whether a column is called like a target, or its last word is.

    >>> is_called_target("Label"), is_called_target("true_label"), is_called_target("shape")
    (True, True, False)
    """
    words = words_in_name(name)
    return name.lower() in TARGET_WORDS or (bool(words) and words[-1] in TARGET_WORDS and len(words[-1]) > 1)


def _numeric(value: JSON) -> bool:
    if isinstance(value, str):
        return is_number(value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all_moments(values: Sequence[JSON], table: Table) -> bool:
    if not all(isinstance(value, str) and len(value) >= 8 and value[:4].isdigit() for value in values):
        return False
    try:
        for value in values:
            moment(value, table, 0)
    except DataError:
        return False
    return True


def _all_files(values: Sequence[JSON], names: Callable[[JSON], bool]) -> bool:
    """Whether all are called as files of a sort are, and are no addresses on the web."""
    return bool(values) and all(names(value) and "://" not in str(value) for value in values)


def _has_words(values: Sequence[JSON]) -> bool:
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) or not texts:
        return False
    return median(len(text.split()) for text in texts) >= _FEW_WORDS
