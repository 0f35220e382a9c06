"""Spans of time as people write them."""

from __future__ import annotations

import re

__all__ = ["span_s"]

_SECONDS = {
    **dict.fromkeys(("s", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
}
_SPAN = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+)")


def span_s(text: str) -> float | None:
    """The seconds that a text names; None for one that names none.

    >>> span_s("7 days"), span_s("12h"), span_s("1.5 w"), span_s("soon"), span_s("3 moons")
    (604800.0, 43200.0, 907200.0, None, None)
    """
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or found["unit"] not in _SECONDS:
        return None
    return float(found["number"]) * _SECONDS[found["unit"]]
