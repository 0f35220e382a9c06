"""Quality against cost: the candidates, their intervals, and who is dominated, may be, or is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, values
from merits.report.drawings.labels import fitting, pixels
from merits.report.sections.frontier import CostPoint, FrontierSection

__all__ = ["frontier_chart"]

_HEIGHT = 330
_PLACES = ("on the frontier", "possibly dominated", "certainly dominated")


def frontier_chart(section: FrontierSection) -> Chart:
    """Cost along, quality up; the best place is the top left."""
    words = "; ".join(f"{p.name} {p.quality} at {p.cost.text()}, {p.place}" for p in section.points)
    return draw(
        "frontier",
        f"Share of cases solved against the cost of {section.n_cases:,} cases. {words}.",
        lambda width: _spec(section, width),
    )


class _Span(NamedTuple):
    """An axis: its two ends in its own unit, and how it is scaled."""

    low: float
    high: float
    kind: str
    constant: float

    def place(self, value: float) -> float:
        """Where a value is along the axis, from 0 to 1."""
        low, high, at = (self._scaled(v) for v in (self.low, self.high, value))
        return (at - low) / (high - low) if high > low else 0.5

    def _scaled(self, value: float) -> float:
        if self.kind == "log":
            return math.log(value)
        if self.kind == "symlog":
            return math.copysign(math.log1p(abs(value) / self.constant), value)
        return value


def _spec(section: FrontierSection, width: Width) -> Spec:
    points, across, up = section.points, _across(section), _up(section.points)
    x_scale: Spec = {"type": across.kind, "domain": [across.low, across.high], "nice": False}
    if across.kind == "symlog":
        x_scale["constant"] = across.constant
    axis: Spec = {
        "title": f"cost of {section.n_cases:,} cases ({section.currency})",
        "tickCount": width.ticks,
        "labelExpr": "format(datum.value, ',.3~r')",
    }
    if across.kind != "linear":
        axis["values"] = _decades(across, width)
        axis["grid"] = True
    x: Spec = {"field": "cost", "type": "quantitative", "scale": x_scale, "axis": axis}
    y: Spec = {
        "field": "quality",
        "type": "quantitative",
        "scale": {"domain": [up.low, up.high], "nice": False},
        "axis": {"title": None if width.narrow else "cases solved", "format": ".0%", "tickCount": 6},
    }
    colour: Spec = {
        "field": "role",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["named", *_PLACES], "range": ["var(--good)", "var(--c1)", "var(--c2)", "var(--soft)"]},
    }
    shape: Spec = {
        "field": "place",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": [*_PLACES], "range": ["circle", "triangle-up", "cross"]},
    }
    faint: Spec = {"type": "rule", "strokeWidth": 2, "opacity": 0.45, "strokeCap": "round"}
    layers: list[JSON] = [
        {"mark": faint, "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}},
        {
            "mark": faint,
            "encoding": {"x": {**x, "field": "cost_low"}, "x2": {"field": "cost_high"}, "y": y, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape},
        },
        *_labels(points, (across, up), width, {"x": x, "y": y}),
    ]
    return {"height": _HEIGHT, "data": values([_datum(point, across) for point in points]), "layer": layers}


def _datum(point: CostPoint, across: _Span) -> Spec:
    cost, quality = point.cost, point.quality
    low = cost.value if cost.low is None else max(cost.low, across.low)
    return {
        "cost": cost.value,
        "cost_low": low,
        "cost_high": cost.value if cost.high is None else min(cost.high, across.high),
        "quality": quality.value,
        "low": quality.low,
        "high": quality.high,
        "place": point.place,
        "role": "named" if point.named else point.place,
    }


def _across(section: FrontierSection) -> _Span:
    costs = [point.cost.value or 0.0 for point in section.points]
    if section.scale == "log":
        return _Span(min(costs) / 2, max(costs) * 2, "log", 1.0)
    if section.scale == "symlog":
        smallest = min((abs(cost) for cost in costs if cost), default=1.0)
        return _Span(min(0.0, *costs), max(costs) * 2 or 1.0, "symlog", smallest)
    return _Span(0.0, max(costs) * 1.15 or 1.0, "linear", 1.0)


def _up(points: Sequence[CostPoint]) -> _Span:
    ends = [e for p in points for e in (p.quality.low, p.quality.high, p.quality.value) if e is not None]
    pad = 0.06 * (max(ends) - min(ends)) + 0.005
    return _Span(max(0.0, min(ends) - pad), min(1.0, max(ends) + pad), "linear", 1.0)


def _decades(across: _Span, width: Width) -> list[JSON]:
    """Powers of ten on the axis, and 0 where it is there; no more than fit."""
    smallest = across.low if across.kind == "log" else across.constant
    exponents = range(math.ceil(math.log10(smallest) - 1e-9), math.floor(math.log10(across.high) + 1e-9) + 1)
    every = max(1, math.ceil(len(exponents) / (width.ticks + 1)))
    ticks = [10.0**e for e in exponents][::every]
    if len(ticks) < 2:
        ticks = [float(f"{t:.1g}") for t in (smallest * 1.2, (smallest * across.high) ** 0.5, across.high / 1.2)]
    return [0.0, *ticks] if across.kind == "symlog" else [*ticks]


class _Label(NamedTuple):
    dx: float
    dy: float
    align: str


_SIDES = (
    _Label(10, 0, "left"),
    _Label(-10, 0, "right"),
    _Label(0, -15, "center"),
    _Label(0, 16, "center"),
    _Label(10, -15, "left"),
    _Label(10, 15, "left"),
    _Label(-10, -15, "right"),
    _Label(-10, 15, "right"),
)


def _labels(points: Sequence[CostPoint], spans: tuple[_Span, _Span], width: Width, place: Spec) -> list[JSON]:
    """Each name on the side of its dot where it covers least: a layer each, as Vega-Lite offsets whole layers."""
    across, up = spans
    inner = width.pixels - (60 if width.narrow else 75)
    dots = [
        (across.place(p.cost.value or 0.0) * inner, (1 - up.place(p.quality.value or 0.0)) * _HEIGHT) for p in points
    ]
    taken = [(px - 7, py - 7, px + 7, py + 7) for px, py in dots]
    layers: list[JSON] = []
    texts = fitting([point.name for point in points], 130 if width.narrow else 170)
    for point, text, (px, py) in zip(points, texts, dots, strict=True):
        boxes = [_box(px, py, text, side) for side in _SIDES]
        best = min(range(len(_SIDES)), key=lambda i: (_overlap(boxes[i], taken, inner), i))
        taken.append(boxes[best])
        side = _SIDES[best]
        mark: Spec = {
            "type": "text",
            "dx": side.dx,
            "dy": side.dy,
            "align": side.align,
            "baseline": "middle",
            "fontWeight": 600 if point.named else 400,
        }
        halo: Spec = {**mark, "stroke": "var(--paper)", "strokeWidth": 4, "strokeJoin": "round"}
        datum: Spec = {"cost": point.cost.value, "quality": point.quality.value, "name": text}
        encoding: Spec = {**place, "text": {"field": "name"}}
        layers += [{"data": values([datum]), "mark": m, "encoding": encoding} for m in (halo, mark)]
    return layers


def _box(px: float, py: float, text: str, side: _Label) -> tuple[float, float, float, float]:
    wide = pixels(text)
    left = px + side.dx - {"left": 0.0, "center": wide / 2, "right": wide}[side.align]
    return (left, py + side.dy - 8, left + wide, py + side.dy + 8)


def _overlap(
    box: tuple[float, float, float, float], taken: Sequence[tuple[float, float, float, float]], inner: float
) -> float:
    """The area a label would share with others, and ten times what would stick out."""
    shared = sum(
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    outside = max(0.0, -box[0]) + max(0.0, box[2] - inner) + max(0.0, -box[1]) + max(0.0, box[3] - _HEIGHT)
    return shared + 160 * outside
