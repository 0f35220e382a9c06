"""How long answers took: the shape of each candidate's distribution on a logarithmic axis, median and 95 % marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from merits.core.estimate import duration
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.report.drawings.canvas import Chart, Spec, Width, draw, named_axis, values
from merits.report.drawings.labels import fitting
from merits.report.sections.latency import LatencyRow, LatencySection

__all__ = ["latency_chart"]

_SHAPE = 0.36  # the height of a shape at its fullest, of the distance between two candidates


def latency_chart(section: LatencySection, needs: Needs) -> Chart:
    """A shape a candidate, all of the same area scale; a dashed line for each latency that is required."""
    bars = sorted({r.bar for r in needs.requirements if r.metric.endswith("_latency") and r.is_plain})
    words = "; ".join(
        f"{r.name}: half within {duration(r.p50_s)}, 95 % within {duration(r.p95_s)}" for r in section.rows
    )
    return draw("latency", f"Time to answer. {words}.", lambda width: _spec(section, bars, width))


def _spec(section: LatencySection, bars: Sequence[float], width: Width) -> Spec:
    names = fitting([row.name for row in section.rows], width.names)
    edges, fullest = section.edges_s, max(max(row.shares) for row in section.rows)
    shape = [datum for i, row in enumerate(section.rows) for datum in _outline(i, row, edges, fullest)]
    marks: list[Spec] = [
        {"at": i, "p50": r.p50_s, "p95": r.p95_s, "p05": r.p05_s, "role": "named" if r.named else "other"}
        for i, r in enumerate(section.rows)
    ]
    low, high = min(edges[0], *bars, edges[0]), max(edges[-1], *bars, edges[-1])
    x: Spec = {
        "field": "s",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low, high], "nice": False},
        "axis": {"title": "time to answer", "values": _ticks(low, high, width), "labelExpr": _UNITS},
    }
    listed = msgspec.json.encode(names).decode()
    y: Spec = {
        "field": "at",
        "type": "quantitative",
        "scale": {"domain": [len(names) - 0.5, -0.5], "nice": False, "zero": False},
        "axis": named_axis(values=list(range(len(names))), labelExpr=f"{listed}[datum.value]", grid=False),
    }
    colour: Spec = {
        "field": "role",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["named", "other"], "range": ["var(--good)", "var(--c1)"]},
    }
    return {
        "height": 46 * len(names),
        "layer": [
            {
                "data": values(shape),
                "mark": {"type": "area", "opacity": 0.3, "interpolate": "monotone"},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "top"},
                    "y2": {"field": "bottom"},
                    "detail": {"field": "at"},
                    "color": colour,
                },
            },
            {
                "data": values(marks),
                "mark": {"type": "rule", "strokeWidth": 1.5},
                "encoding": {"x": {**x, "field": "p05"}, "x2": {"field": "p95"}, "y": y, "color": colour},
            },
            {
                "data": values(marks),
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {"x": {**x, "field": "p50"}, "y": y, "color": colour},
            },
            {
                "data": values(marks),
                "mark": {"type": "tick", "thickness": 3, "height": 18, "opacity": 1},
                "encoding": {"x": {**x, "field": "p95"}, "y": y, "color": colour},
            },
            *(
                {
                    "data": values([{"s": bar}]),
                    "mark": {"type": "rule", "strokeDash": [4, 4], "strokeWidth": 1.5, "color": "var(--bad)"},
                    "encoding": {"x": x},
                }
                for bar in bars
            ),
        ],
    }


_UNITS = (
    "datum.value < 0.000999 ? format(datum.value * 1e6, '~g') + ' µs' : "
    "datum.value < 0.999 ? format(datum.value * 1e3, '~g') + ' ms' : format(datum.value, '~g') + ' s'"
)


def _outline(at: int, row: LatencyRow, edges: Sequence[float], fullest: float) -> list[Spec]:
    """The upper and lower edge of a shape; empty bins at the ends are left out."""
    filled = [i for i, share in enumerate(row.shares) if share > 0]
    role = "named" if row.named else "other"
    return [
        {
            "at": at,
            "s": math.sqrt(edges[i] * edges[i + 1]),
            "top": round(at - _SHAPE * row.shares[i] / fullest, 4),
            "bottom": round(at + _SHAPE * row.shares[i] / fullest, 4),
            "role": role,
        }
        for i in range(filled[0], filled[-1] + 1)
    ]


def _ticks(low: float, high: float, width: Width) -> list[JSON]:
    """Powers of ten, or 1-2-5 steps where there are few of those, no more than fit."""
    span = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(span) <= 3 else (1, 3) if len(span) <= 4 else (1,)
    ticks = [step * 10.0**e for e in span for step in steps if low <= step * 10.0**e <= high]
    every = max(1, math.ceil(len(ticks) / (width.ticks + 1)))
    return [float(f"{tick:.1e}") for tick in ticks[::every]]
