"""Names cut to the room there is, each still telling its thing from the others.

Vega cuts long labels itself, in the middle of a character where that takes two UTF-16 units (an emoji), and its
conversion to SVG then fails. So labels are cut here and Vega is told not to.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from merits.report.plain import clean

__all__ = ["fitting", "legend_columns", "pixels"]

_LETTER = 7.4  # pixels of a letter at 13 px, about; East Asian ones and emoji take the whole square
_WIDE = 14.0
_HALF_OF_NARROW = 85.0


def pixels(text: str) -> float:
    """About how wide a text is at 13 pixels, rather more than less.

    >>> pixels("ab") < pixels("日本")
    True
    """
    return sum(_WIDE if unicodedata.east_asian_width(c) in "WF" else _LETTER for c in text)


def fitting(names: Sequence[str], room: float, *, middle: bool = False) -> list[str]:
    """The names, clean and on one line, each cut to fit into the room and different from all others.

    With `middle` they are cut there: names of what is made of others begin alike.

    >>> fitting(["alpha one", "alpha two", "b"], 45)
    ['alpha…', 'alpha…·2', 'b']
    >>> fitting(["vote of small and large", "vote of small and mid"], 90, middle=True)
    ['vote…large', 'vote…nd mid']
    """
    taken: dict[str, int] = {}
    found = []
    for name in names:
        whole = " ".join(clean(name).split()) or "(no name)"
        short = _cut_inside(whole, room) if middle else _cut(whole, room)
        taken[short] = taken.get(short, 0) + 1
        found.append(short if taken[short] == 1 else f"{short}·{taken[short]}")
    return found


def legend_columns(names: Sequence[str], *, narrow: bool) -> int:
    """How many of these names stand beside each other above a drawing; it begins where the axis does.

    >>> legend_columns(["ridge", "forest"], narrow=True), legend_columns(["quantile boosting"], narrow=True)
    (2, 1)
    """
    widest = max(map(pixels, names), default=0.0)
    return (1 if widest > _HALF_OF_NARROW else 2) if narrow else 5


def _cut(text: str, room: float) -> str:
    if pixels(text) <= room:
        return text
    while text and pixels(text) + _LETTER > room:
        text = text[:-1]
    return text.rstrip(" .") + "…"


def _cut_inside(text: str, room: float) -> str:
    if pixels(text) <= room:
        return text
    begin, end = text[: (len(text) + 1) // 2], text[(len(text) + 1) // 2 :]
    while begin and end and pixels(begin) + pixels(end) + _LETTER > room:
        begin, end = (begin[:-1], end) if len(begin) >= len(end) else (begin, end[1:])
    return f"{begin.rstrip(' .,')}…{end.lstrip()}"
