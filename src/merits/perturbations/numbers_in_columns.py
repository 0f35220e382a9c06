"""Which cells of a table are amounts: what the perturbations of columns may multiply or shift."""

from __future__ import annotations

import math
from collections.abc import Mapping

from merits.core.identity import JSON

__all__ = ["amount", "amounts", "as_it_was"]


def amount(cell: JSON) -> float | None:
    """The number that a cell holds or is the text of; None for what is none, for truth values, and for infinities.

    >>> amount(3), amount(" 2.5 "), amount("n/a"), amount(True)
    (3.0, 2.5, None, None)
    """
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def amounts(columns: Mapping[str, JSON]) -> dict[str, float]:
    """The columns of one row that hold an amount, sorted by name.

    >>> amounts({"weight": "70", "city": "Bonn", "age": 31})
    {'age': 31.0, 'weight': 70.0}
    """
    found = ((name, amount(cell)) for name, cell in sorted(columns.items()))
    return {name: number for name, number in found if number is not None}


def as_it_was(number: float, cell: JSON) -> JSON:
    """A changed number in the type that its cell had: text stays text, a whole number stays whole where it can.

    >>> as_it_was(700.0, "70"), as_it_was(700.0, 70), as_it_was(154.3, 70)
    ('700', 700, 154.3)
    """
    if isinstance(cell, str):
        return f"{number:.12g}"
    return int(number) if isinstance(cell, int) and number.is_integer() else number
