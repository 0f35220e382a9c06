"""The break-even curve: what rivals bring more than the subject over one input, and where they meet it."""

from __future__ import annotations

from merits.core.economics import Curve
from merits.core.estimate import cases_to_hold
from merits.core.identity import JSON
from merits.report.drawings.canvas import COLOURS, Chart, Spec, Width, draw, values
from merits.report.drawings.labels import fitting, legend_columns

__all__ = ["break_even_chart"]

_HEIGHT = 300
_DASHES: tuple[list[JSON], ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])


def break_even_chart(curve: Curve, currency: str) -> Chart:
    """Lines with their paired intervals as bands; where one meets the subject a dot, with its interval on the line."""
    names = ", ".join(line.candidate for line in curve.lines)
    points = " ".join(point.text for point in curve.crossings)
    name = "over-" + curve.input.replace(" ", "-")
    about = f"What {names} bring a case more than {curve.subject} over the {curve.input}, n = {curve.n:,}. {points}"
    return draw(name, about, lambda width: _spec(curve, currency, width))


def _spec(curve: Curve, currency: str, width: Width) -> Spec:
    subject = fitting([curve.subject], 120)[0]
    domain = _domain(curve)
    lines = [line for line in curve.lines if max(line.highs) >= domain[0] and min(line.lows) <= domain[1]]
    names = fitting([line.candidate for line in lines], 180 if width.narrow else 160)
    rows: list[Spec] = [
        {"x": x, "y": line.values[i], "low": line.lows[i], "high": line.highs[i], "name": name}
        for line, name in zip(lines, names, strict=True)
        for i, x in enumerate(curve.at)
    ]
    is_volume = curve.input.startswith("volume")
    across, of_across = _held(0.0 if is_volume else curve.at[-1])
    up, of_up = _held(max(map(abs, domain)))
    unit = "cases" if is_volume else f"{currency}{of_across}"
    x: Spec = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [curve.at[0], curve.at[-1]], "nice": False},
        "axis": {
            "title": f"{curve.input} ({unit})",
            "tickCount": width.ticks,
            "labelExpr": f"format(datum.value * {across}, ',.3~r')",
        },
    }
    y: Spec = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [*domain], "nice": False, "zero": False},
        "axis": {
            "title": None if width.narrow else f"more than {subject} a case ({currency}{of_up})",
            "tickCount": 6,
            "labelExpr": f"format(datum.value * {up}, ',.3~r')",
        },
    }
    scale: Spec = {"domain": [*names], "range": [*COLOURS[: len(names)]]}
    colour: Spec = {"field": "name", "type": "nominal", "sort": [*names], "scale": scale}
    dash: Spec = {"field": "name", "sort": [*names], "scale": {"domain": [*names], "range": [*_DASHES[: len(names)]]}}
    legend: Spec = {"symbolType": "stroke", "symbolOpacity": 1, "columns": legend_columns(names, narrow=width.narrow)}
    layers: list[JSON] = [
        {
            "mark": {"type": "area", "opacity": 0.13, "clip": True},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": {**colour, "legend": legend},
            },
        },
        {
            "data": values([{"zero": 0.0}]),
            "mark": {"type": "rule", "strokeWidth": 1.5, "color": "var(--good)"},
            "encoding": {"y": {"field": "zero", "type": "quantitative"}},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.2, "clip": True},
            "encoding": {
                "x": x,
                "y": y,
                "color": {**colour, "legend": legend},
                "strokeDash": {**dash, "legend": legend},
            },
        },
        *_now(curve, width),
        *_crossings(curve, x, y),
    ]
    return {"height": _HEIGHT, "data": values(rows), "layer": layers}


def _held(largest: float) -> tuple[int, str]:
    """By how much an axis of amounts is multiplied so that they can be read, and that in words."""
    many = cases_to_hold(largest)
    return many, f" for {many:,}" if many > 1 else ""


def _domain(curve: Curve) -> tuple[float, float]:
    """The lines that meet the subject with their bands, and zero; others as far as they come near."""
    meeting = {name for point in curve.crossings for name in (point.below, point.above)}
    near = [line for line in curve.lines if line.candidate in meeting] or list(curve.lines)
    start = 0 if not curve.input.startswith("volume") else len(curve.at) // 5  # fixed costs dwarf all at first
    ends = [v for line in near for v in (*line.lows[start:], *line.highs[start:], 0.0)]
    pad = 0.06 * (max(ends) - min(ends)) or 1.0
    return min(ends) - pad, max(ends) + pad


def _now(curve: Curve, width: Width) -> list[JSON]:
    """The amount of today, as a dashed line with its word on top."""
    if curve.now is None or not curve.at[0] <= curve.now <= curve.at[-1]:
        return []
    data = values([{"x": curve.now}])
    where: Spec = {"x": {"field": "x", "type": "quantitative"}}
    return [
        {"data": data, "mark": {"type": "rule", "strokeDash": [4, 4], "color": "var(--ink)"}, "encoding": where},
        {
            "data": data,
            "mark": {"type": "text", "align": "left", "dx": 5, "dy": 8, "baseline": "top", "text": "today"},
            "encoding": {**where, "y": {"value": 0}},
        },
    ]


def _crossings(curve: Curve, x: Spec, y: Spec) -> list[JSON]:
    found: list[Spec] = []
    for point in curve.crossings:
        at = point.at.value
        if at is None or not curve.at[0] <= at <= curve.at[-1]:
            continue
        low = curve.at[0] if point.at.low is None else max(point.at.low, curve.at[0])
        high = curve.at[-1] if point.at.high is None else min(point.at.high, curve.at[-1])
        found.append({"x": at, "y": 0.0, "low": low, "high": high})
    if not found:
        return []
    data = values(found)
    return [
        {
            "data": data,
            "mark": {"type": "rule", "strokeWidth": 4, "opacity": 0.55, "color": "var(--ink)", "strokeCap": "round"},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
        },
        {
            "data": data,
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "color": "var(--ink)"},
            "encoding": {"x": x, "y": y},
        },
    ]
