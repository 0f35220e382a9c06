"""Reads a count in the usage that a provider tells."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["count_in"]


def count_in(usage: Mapping[str, object], name: str) -> int:
    """The count of that name; 0 where it is missing, negative or no number.

    >>> count_in({"input_tokens": 3, "output_tokens": None}, "input_tokens"), count_in({}, "input_tokens")
    (3, 0)
    """
    value = usage.get(name)
    if value is None or type(value) is int:
        return value if value and value > 0 else 0
    return max(0, int(value)) if isinstance(value, int | float) else 0
