"""Names beside dots: each on the side where it covers least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from merits.core.identity import JSON
from merits.report.drawings.canvas import Spec, values
from merits.report.drawings.labels import pixels

__all__ = ["Named", "name_layers"]

_DOT = 7.0  # half its side, in pixels
_Box = tuple[float, float, float, float]


class Named(NamedTuple):
    """A dot with a name: where it is across and up (0 to 1), and the datum that Vega-Lite places it by."""

    text: str
    across: float
    up: float
    datum: Spec
    bold: bool = False


class _Side(NamedTuple):
    dx: float
    dy: float
    align: str


_SIDES = (
    _Side(10, 0, "left"),
    _Side(-10, 0, "right"),
    _Side(0, -15, "center"),
    _Side(0, 16, "center"),
    _Side(10, -15, "left"),
    _Side(10, 15, "left"),
    _Side(-10, -15, "right"),
    _Side(-10, 15, "right"),
)


def name_layers(
    named: Sequence[Named], room: tuple[float, float], place: Spec, others: Sequence[tuple[float, float]] = ()
) -> list[JSON]:
    """A layer for each name, as Vega-Lite offsets whole layers, and one of paper beneath it.

    `room` is the width and height of the drawing in pixels; `place` encodes x and y of a datum. `others` are dots
    without a name, at (across, up), that are not to be covered either.
    """
    wide, high = room
    dots = [(one.across * wide, (1 - one.up) * high) for one in named]
    nameless = [(across * wide, (1 - up) * high) for across, up in others]
    taken = [(px - _DOT, py - _DOT, px + _DOT, py + _DOT) for px, py in (*dots, *nameless)]
    layers: list[JSON] = []
    for one, (px, py) in zip(named, dots, strict=True):
        boxes = [_box(px, py, one.text, side) for side in _SIDES]
        best = min(range(len(_SIDES)), key=lambda i: (_overlap(boxes[i], taken, room), i))
        taken.append(boxes[best])
        side = _SIDES[best]
        mark: Spec = {
            "type": "text",
            "dx": side.dx,
            "dy": side.dy,
            "align": side.align,
            "baseline": "middle",
            "fontWeight": 600 if one.bold else 400,
        }
        halo: Spec = {**mark, "stroke": "var(--paper)", "strokeWidth": 4, "strokeJoin": "round"}
        datum: Spec = {**one.datum, "name": one.text}
        encoding: Spec = {**place, "text": {"field": "name"}}
        layers += [{"data": values([datum]), "mark": m, "encoding": encoding} for m in (halo, mark)]
    return layers


def _box(px: float, py: float, text: str, side: _Side) -> _Box:
    wide = pixels(text)
    left = px + side.dx - {"left": 0.0, "center": wide / 2, "right": wide}[side.align]
    return (left, py + side.dy - 8, left + wide, py + side.dy + 8)


def _overlap(box: _Box, taken: Sequence[_Box], room: tuple[float, float]) -> float:
    """The area a label would share with others, and ten times what would stick out."""
    shared = sum(
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    outside = max(0.0, -box[0]) + max(0.0, box[2] - room[0]) + max(0.0, -box[1]) + max(0.0, box[3] - room[1])
    return shared + 160 * outside
