"""The tornado: how far each input, alone at its 10 % and its 90 % point, moves the net value of a case."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.economics import Economics, Swing
from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, named_axis, values
from merits.report.drawings.labels import fitting
from merits.report.sections.economics import at_end

__all__ = ["tornado_chart"]

_MOST = 10


def tornado_chart(economics: Economics) -> Chart | None:
    """A bar for each input, the widest first; None where nothing is known to move it."""
    swings = [s for s in economics.tornado if s.size > 0.0 and s.at_low.value is not None][:_MOST]
    if not swings:
        return None
    words = "; ".join(
        f"{s.input} at {at_end(s, s.low)}: {s.at_low.text()}, at {at_end(s, s.high)}: {s.at_high.text()}"
        for s in swings
    )
    about = f"Net value of a case of {economics.subject}. {words}."
    return draw("tornado", about, lambda width: _spec(economics, swings, width))


def _spec(economics: Economics, swings: Sequence[Swing], width: Width) -> Spec:
    room = 120 if width.narrow else 290
    names = fitting([s.input for s in swings], room)
    bars: list[Spec] = []
    for swing, name in zip(swings, names, strict=True):
        low, high = swing.at_low.value or 0.0, swing.at_high.value or 0.0
        middle = _middle(economics, low, high)
        for end, value, leads in ((swing.low, low, swing.leads_low), (swing.high, high, swing.leads_high)):
            bars.append(
                {
                    "name": name,
                    "from": middle,
                    "to": value,
                    "text": at_end(swing, end),
                    "side": "low" if value < middle or (value == middle and end == swing.low) else "high",
                    "who": "stays" if leads == economics.subject else "turns",
                }
            )
    ends = [end.value or 0.0 for swing in swings for end in (swing.at_low, swing.at_high)]
    pad = (max(ends) - min(ends)) * (0.75 if width.narrow else 0.16)
    domain = [min(ends) - pad, max(ends) + pad]
    x: Spec = {
        "field": "from",
        "type": "quantitative",
        "scale": {"domain": domain, "nice": False, "zero": False},
        "axis": {
            "title": f"net value of a case ({economics.currency})",
            "tickCount": width.ticks,
            "labelExpr": "format(datum.value, ',.3~r')",
        },
    }
    y: Spec = {"field": "name", "type": "nominal", "sort": [*names], "axis": named_axis()}
    colour: Spec = {
        "field": "who",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["stays", "turns"], "range": ["var(--c1)", "var(--c2)"]},
    }
    layers: list[JSON] = [
        {
            "mark": {"type": "bar", "height": {"band": 0.55}, "opacity": 0.8},
            "encoding": {"x": x, "x2": {"field": "to"}, "y": y, "color": colour},
        },
        *(_ends(side, x, y) for side in ("low", "high")),
    ]
    return {"height": {"step": 34}, "data": values(bars), "layer": layers}


def _ends(side: str, x: Spec, y: Spec) -> Spec:
    left = side == "low"
    mark: Spec = {
        "type": "text",
        "align": "right" if left else "left",
        "dx": -6 if left else 6,
        "baseline": "middle",
        "color": "var(--soft)",
    }
    return {
        "transform": [{"filter": f"datum.side === '{side}'"}],
        "mark": mark,
        "encoding": {"x": {**x, "field": "to"}, "y": y, "text": {"field": "text"}},
    }


def _middle(economics: Economics, low: float, high: float) -> float:
    """The net value as it is, between the two ends."""
    now = economics.net_value_now
    return min(max(now, min(low, high)), max(low, high)) if now is not None else (low + high) / 2.0
