"""The share of cases solved over time in production, beside what was promised."""

from __future__ import annotations

from merits.core.identity import JSON
from merits.report.drawings.canvas import COLOURS, Chart, Spec, Width, draw, values
from merits.report.live import LiveView

__all__ = ["live_quality_chart"]

_HEIGHT = 220


def live_quality_chart(view: LiveView) -> Chart | None:
    """None while there are no two stretches of time in which anything was judged."""
    judged = [moment for moment in view.moments if moment.solved is not None]
    if len(judged) < 2:
        return None
    words = "; ".join(str(moment.solved) for moment in judged[-3:])
    return draw(
        "live-quality", f"The share of cases solved over time, most recent last: {words}.", lambda w: _spec(view, w)
    )


def _spec(view: LiveView, width: Width) -> Spec:
    points: list[Spec] = [
        {"at": 1_000.0 * m.at, "share": m.solved.value, "low": m.solved.low, "high": m.solved.high}
        for m in view.moments
        if m.solved is not None
    ]
    x: Spec = {
        "field": "at",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {"title": "time (UTC)", "tickCount": width.ticks, "format": _format(view)},
    }
    y: Spec = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False},
        "axis": {"title": None if width.narrow else "cases solved", "format": ".0%", "tickCount": 5},
    }
    layers: list[JSON] = []
    promised = view.promise.quality
    if promised is not None and promised.low is not None and promised.high is not None:
        band: list[Spec] = [{"low": promised.low, "high": promised.high}]
        layers.append(
            {
                "data": values(band),
                "mark": {"type": "rect", "opacity": 0.18, "color": COLOURS[2]},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    layers += [
        {
            "data": values(points),
            "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.45, "color": COLOURS[0]},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": values(points),
            "mark": {"type": "line", "strokeWidth": 2, "color": COLOURS[0], "point": {"filled": True, "size": 45}},
            "encoding": {"x": x, "y": y},
        },
    ]
    return {"height": _HEIGHT, "layer": layers}


def _format(view: LiveView) -> str:
    """How a time is written: with seconds where all of it is minutes, with the day where it is days."""
    span = view.moments[-1].at - view.moments[0].at
    return "%H:%M:%S" if span < 900 else "%H:%M" if span < 86_400 else "%d %b %H:%M"
