"""Quality against cost: the candidates, their intervals, and who is dominated, may be, or is not."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, values
from merits.report.drawings.costs import Span, cost_axis, cost_span, ends_of, inner_width, quality_axis, quality_span
from merits.report.drawings.labels import fitting
from merits.report.drawings.naming import Named, name_layers
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


def _spec(section: FrontierSection, width: Width) -> Spec:
    points = section.points
    across = cost_span([point.cost.value or 0.0 for point in points], section.scale)
    up = quality_span(ends_of([point.quality for point in points]))
    x = cost_axis(across, width, n_cases=section.n_cases, currency=section.currency)
    y = quality_axis(up, width)
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
        *name_layers(_named(points, (across, up), width), (inner_width(width), _HEIGHT), {"x": x, "y": y}),
    ]
    return {"height": _HEIGHT, "data": values([_datum(point, across) for point in points]), "layer": layers}


def _datum(point: CostPoint, across: Span) -> Spec:
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


def _named(points: Sequence[CostPoint], spans: tuple[Span, Span], width: Width) -> list[Named]:
    across, up = spans
    texts = fitting([point.name for point in points], 130 if width.narrow else 170)
    return [
        Named(
            text=text,
            across=across.place(point.cost.value or 0.0),
            up=up.place(point.quality.value or 0.0),
            datum={"cost": point.cost.value, "quality": point.quality.value},
            bold=point.named,
        )
        for point, text in zip(points, texts, strict=True)
    ]
