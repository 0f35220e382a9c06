"""What can be learned of who gains: by category, by the surface of a text, its words, its embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from merits.candidates.router import category_of
from merits.core.identity import JSON
from merits.improving.composing.gains import ROWS_A_CATEGORY, Learner
from merits.improving.composing.linear import linear
from merits.improving.composing.pool import Pool
from merits.improving.composing.tables import By, table
from merits.reading.languages import UNSURE

__all__ = ["learners_of"]

_CATEGORIES = range(2, 61)
_LANGUAGE = 0.02  # of the texts: so many in one language are taken for another's where they are short


def learners_of(pool: Pool) -> dict[str, Learner]:
    """What can be learned from these inputs, by name, the simplest first; {} where nothing is known of them."""
    found: dict[str, Learner] = {}
    for column in _columns(pool.inputs):
        found[f"the column {column}"] = partial(table, by=By(column=column))
    if _in_languages(pool):
        found["language"] = partial(table, by=By(language=True))
    if pool.texts is not None and np.ptp(pool.texts.lengths) > 0.0:
        found["length"] = table
        found["surface"] = partial(linear, looks=True)
        found["words"] = partial(linear, words=True)
        found["words and surface"] = partial(linear, words=True, looks=True)
        if pool.looking is not None:
            found["words and embedding"] = partial(linear, words=True, vectors=True)
    return found


def _in_languages(pool: Pool) -> bool:
    """Whether there are texts in two languages, so many in each that they are no mistakes and say something of it."""
    if pool.texts is None or pool.texts.languages is None:
        return False
    names, counts = np.unique(pool.texts.languages, return_counts=True)
    least = max(ROWS_A_CATEGORY, _LANGUAGE * pool.n)
    return int(((counts >= least) & (names != UNSURE)).sum()) >= 2


def _columns(inputs: Sequence[JSON]) -> list[str]:
    """The columns that hold few different values, each often."""
    if not inputs or not all(isinstance(each, Mapping) for each in inputs):
        return []
    names = list(dict.fromkeys(name for each in inputs if isinstance(each, Mapping) for name in each))
    most = min(_CATEGORIES.stop - 1, len(inputs) // ROWS_A_CATEGORY)
    return [name for name in names if 2 <= len({category_of(each, name, ()) for each in inputs}) <= most]
