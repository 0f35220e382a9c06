"""Differences to the leader: a dot and a whisker a candidate, no difference as a line, the tie margin as a band."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, axis_title, draw, named_axis, values
from merits.report.drawings.labels import fitting
from merits.report.sections.differences import Difference, DifferenceSection

__all__ = ["difference_chart"]


def difference_chart(section: DifferenceSection) -> Chart | None:
    """None when no candidate has a difference with an interval."""
    shown = [row for row in section.rows if row.estimate is not None and row.estimate.value is not None]
    if not any(row.estimate is not None and row.estimate.low is not None for row in shown):
        return None
    words = "; ".join(f"{row.name} {row.estimate}" for row in shown)
    about = f"Differences to {section.leader}, with simultaneous intervals. {words}."
    return draw("differences", about, lambda width: _spec(section, shown, width))


def _spec(section: DifferenceSection, rows: Sequence[Difference], width: Width) -> Spec:
    names = fitting([row.name for row in rows], width.names)
    per = 100.0 if section.objective == "quality" else 1.0
    data = [_datum(row, name, per) for row, name in zip(rows, names, strict=True)]
    ends = _domain(data, section.margin * per)
    title = "points" if section.objective == "quality" else "money a case"
    leader = fitting([section.leader], width.pixels / 3)[0]
    across = axis_title(f"{title} behind (−) or ahead of {leader}", width.pixels - width.names)
    axis: Spec = {"title": across, "tickCount": width.ticks, "format": "+.3~r"}
    x: Spec = {
        "field": "value",
        "type": "quantitative",
        "axis": axis,
        "scale": {"domain": ends, "nice": False, "clamp": True},
    }
    y: Spec = {"field": "name", "type": "nominal", "sort": [*names], "axis": named_axis()}
    colour: Spec = {
        "field": "relation",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["tied", "worse"], "range": ["var(--c1)", "var(--soft)"]},
    }
    layers: list[JSON] = [
        {
            "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round", "opacity": 0.55},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour},
        },
        {"mark": {"type": "point", "filled": True, "size": 110, "opacity": 1}, "encoding": {"x": x, "color": colour}},
    ]
    return {
        "height": {"step": 34},
        "layer": [
            _band(section.margin * per, ends),
            _zero(),
            {"data": values(data), "encoding": {"y": y}, "layer": layers},
        ],
    }


def _datum(row: Difference, name: str, per: float) -> Spec:
    estimate = row.estimate
    assert estimate is not None
    value, low, high = (None if end is None else end * per for end in (estimate.value, estimate.low, estimate.high))
    return {"name": name, "value": value, "low": low, "high": high, "relation": row.relation}


def _band(margin: float, ends: Sequence[float]) -> Spec:
    """Where a difference is within the tie margin: as much may be lost for a lower price."""
    low, high = max(-margin, ends[0]), min(margin, ends[1])
    return {
        "data": values([{"from": low, "to": high}]),
        "mark": {"type": "rect", "color": "var(--c1)", "opacity": 0.08},
        "encoding": {"x": {"field": "from", "type": "quantitative"}, "x2": {"field": "to"}},
    }


def _zero() -> Spec:
    return {
        "data": values([{"none": 0}]),
        "mark": {"type": "rule", "strokeWidth": 1.5, "color": "var(--ink)"},
        "encoding": {"x": {"field": "none", "type": "quantitative"}},
    }


def _domain(data: Sequence[Spec], margin: float) -> list[float]:
    """All intervals and zero, and the tie margin unless it would make them small."""
    found = [end for d in data for end in (d["low"], d["high"], d["value"]) if isinstance(end, float)]
    low, high = min([*found, 0.0]), max([*found, 0.0])
    wide = (high - low) or 1.0
    reach = margin if margin <= 1.5 * wide else 0.0
    low, high = min(low, -reach), max(high, reach)
    pad = 0.03 * (high - low)
    return [low - pad, high + pad]
