"""Quality along a stream: a line for each candidate, with the intervals of its windows where it goes on learning."""

from __future__ import annotations

from merits.core.identity import JSON
from merits.core.prequential import Lane, Prequential
from merits.report.drawings.canvas import COLOURS, Chart, Spec, Width, draw, share_axis, values
from merits.report.drawings.labels import fitting, legend_columns

__all__ = ["stream_chart"]

_HEIGHT = 320


def stream_chart(found: Prequential) -> Chart:
    """The chart; a frozen candidate has a dashed line in the colour of the one that goes on learning."""
    best = max((lane for lane in found.lanes if lane.quality), key=lambda lane: lane.quality.value or 0.0, default=None)  # type: ignore[union-attr]
    most = "" if best is None else f" {best.name} solved most: {best.quality}."
    words = f"The share solved in windows of a stream of {found.n:,} cases, for {len(found.lanes):,} candidates.{most}"
    return draw("stream", words, lambda width: _spec(found, width))


def _spec(found: Prequential, width: Width) -> Spec:
    names = list(dict.fromkeys(lane.name for lane in found.lanes))
    short = dict(zip(names, fitting(names, 150 if width.narrow else 200), strict=True))
    rows = [row for lane in found.lanes for row in _rows(lane, short[lane.name])]
    low = min((float(str(row["low"])) for row in rows), default=0.0)
    domain = (max(0.0, low - 0.02), 1.0)
    x: Spec = {
        "field": "at",
        "type": "quantitative",
        "scale": {"domain": [0, found.n], "nice": False},
        "axis": {"title": "cases", "tickCount": width.ticks, "format": ",d", "grid": False},
    }
    y: Spec = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [*domain], "nice": False},
        "axis": share_axis("solved", domain, width),
    }
    legend: Spec = {"columns": legend_columns(list(short.values()), narrow=width.narrow)}
    colour: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": [*short.values()],
        "scale": {"domain": [*short.values()], "range": [COLOURS[i % len(COLOURS)] for i in range(len(names))]},
        "legend": legend,
    }
    data = values(rows)
    band: Spec = {
        "data": values([row for row in rows if row["how"] == "learning"]),
        "mark": {"type": "area", "opacity": 0.18, "interpolate": "monotone"},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
    }
    dashes: Spec = {
        "field": "how",
        "type": "nominal",
        "scale": {"domain": ["learning", "frozen"], "range": [[1, 0], [4, 4]]},
        "legend": {"symbolStrokeColor": "var(--ink)"},
    }
    line: Spec = {
        "data": data,
        "mark": {"type": "line", "interpolate": "monotone", "strokeWidth": 2},
        "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dashes},
    }
    return {"height": _HEIGHT, "layer": [band, line]}


def _rows(lane: Lane, name: str) -> list[dict[str, JSON]]:
    return [
        {
            "name": name,
            "how": "learning" if lane.learns else "frozen",
            "at": (window.first + window.last) / 2,
            "value": window.quality.value,
            "low": window.quality.low,
            "high": window.quality.high,
        }
        for window in lane.windows
        if window.quality is not None
    ]
