"""Quality with intervals: a dot and a whisker a candidate, and the bar it must clear."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.report.drawings.canvas import Chart, Spec, Width, draw, named_axis, share_axis, values
from merits.report.drawings.labels import fitting
from merits.report.sections.candidates import CandidateRow

__all__ = ["quality_chart"]

_OF_QUALITY = ("accuracy", "solved", "quality")


def quality_chart(rows: Sequence[CandidateRow], needs: Needs) -> Chart | None:
    """None when no candidate has a quality."""
    shown = [row for row in rows if row.standing.quality is not None and row.standing.quality.value is not None]
    if not shown:
        return None
    bars = sorted({r.bar for r in needs.requirements if r.metric in _OF_QUALITY and not r.of and r.is_plain})
    words = "; ".join(f"{row.name} {row.standing.quality}" for row in shown)
    return draw("quality", f"Share of cases solved. {words}.", lambda width: _spec(shown, bars, width))


def _spec(rows: Sequence[CandidateRow], bars: Sequence[float], width: Width) -> Spec:
    names = fitting([row.name for row in rows], width.names)
    data = [_datum(row, name) for row, name in zip(rows, names, strict=True)]
    place: Spec = {"field": "name", "type": "nominal", "sort": [*names], "axis": named_axis()}
    ends = _domain(rows, bars)
    axis = share_axis("cases solved", ends, width)
    scale: Spec = {"domain": ends, "nice": False}
    colour: Spec = {
        "field": "role",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["named", "leading", "other"], "range": ["var(--good)", "var(--c1)", "var(--soft)"]},
    }
    layers: list[JSON] = [
        {
            "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round", "opacity": 0.55},
            "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": {
                "x": {"field": "value", "type": "quantitative", "scale": scale, "axis": axis},
                "color": colour,
            },
        },
    ]
    return {
        "height": {"step": 34},
        "layer": [{"data": values(data), "encoding": {"y": place}, "layer": layers}, *_bars(bars)],
    }


def _datum(row: CandidateRow, name: str) -> Spec:
    quality = row.standing.quality
    assert quality is not None
    role = "named" if row.named else "leading" if row.standing.relation in ("leader", "tied") else "other"
    return {"name": name, "value": quality.value, "low": quality.low, "high": quality.high, "role": role}


def _bars(bars: Sequence[float]) -> list[JSON]:
    """The required quality, as a dashed line from top to bottom."""
    return [
        {
            "data": values([{"bar": bar}]),
            "mark": {"type": "rule", "strokeDash": [4, 4], "strokeWidth": 1.5, "color": "var(--bad)"},
            "encoding": {"x": {"field": "bar", "type": "quantitative"}},
        }
        for bar in bars
    ]


def _domain(rows: Sequence[CandidateRow], bars: Sequence[float]) -> list[float]:
    """From below the lowest interval to above the highest, within 0..1."""
    qualities = [row.standing.quality for row in rows if row.standing.quality is not None]
    ends = [e for q in qualities for e in (q.low, q.high, q.value) if e is not None] + list(bars)
    pad = 0.03 * (max(ends) - min(ends)) + 0.005
    return [max(0.0, round(min(ends) - pad, 4)), min(1.0, round(max(ends) + pad, 4))]
