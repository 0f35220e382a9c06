"""Quality by slice of the candidate in focus: a dot and a whisker a slice, and its quality on the whole."""

from __future__ import annotations

from dataclasses import replace

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, named_axis, share_axis, values
from merits.report.drawings.labels import fitting, pixels
from merits.report.sections.slices import SliceSection

__all__ = ["slice_chart"]


def slice_chart(section: SliceSection) -> Chart | None:
    """None when the candidate in focus has no outcome in any slice."""
    data: list[Spec] = [
        {"tag": group.tag, "slice": s.value, "value": e.value, "low": e.low, "high": e.high}
        for group in section.groups
        for s in group.slices
        if (e := s.rates[0]) is not None and e.value is not None
    ]
    if not data:
        return None
    words = "; ".join(f"{s.value}: {s.rates[0]}" for group in section.groups for s in group.slices if s.rates[0])
    about = f"Share of cases solved by {section.candidates[0]} in each slice. {words}."
    return draw("slices", about, lambda width: _spec(section, data, width))


def _spec(section: SliceSection, data: list[Spec], width: Width) -> Spec:
    charts: list[JSON] = []
    ends = [v for d in data for v in (d["low"], d["high"], d["value"]) if isinstance(v, float)]
    pad = 0.03 * (max(ends) - min(ends)) + 0.005
    domain = [max(0.0, min(ends) - pad), min(1.0, max(ends) + pad)]
    tags = list(dict.fromkeys(str(datum["tag"]) for datum in data))
    extent = min(width.names, 16 + max(pixels(str(datum["slice"])) for datum in data))
    for tag in tags:
        rows = [datum for datum in data if datum["tag"] == tag]
        charts.append(_group(section, rows, domain, replace(width, names=int(extent)), last=tag == tags[-1]))
    return {"autosize": "pad", "vconcat": charts, "spacing": 18}


def _group(section: SliceSection, rows: list[Spec], domain: list[float], width: Width, *, last: bool) -> Spec:
    axis = share_axis("cases solved" if last else None, domain, width)
    x: Spec = {"field": "value", "type": "quantitative", "scale": {"domain": domain, "nice": False}, "axis": axis}
    names = fitting([str(row["slice"]) for row in rows], width.names)
    rows = [{**row, "slice": name} for row, name in zip(rows, names, strict=True)]
    axis_of_names = named_axis(minExtent=width.names, maxExtent=width.names)
    y: Spec = {"field": "slice", "type": "nominal", "sort": [*names], "axis": axis_of_names}
    colour = "var(--c1)"
    layers: list[JSON] = [
        {
            "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.5, "strokeCap": "round", "color": colour},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "color": colour},
            "encoding": {"x": x, "y": y},
        },
    ]
    if section.overall is not None:
        layers.append(
            {
                "data": values([{"overall": section.overall.value}]),
                "mark": {"type": "rule", "strokeDash": [3, 3], "color": "var(--soft)"},
                "encoding": {"x": {"field": "overall", "type": "quantitative"}},
            }
        )
    return {
        "width": width.pixels - width.names - 40,
        "height": {"step": 28},
        "title": {
            "text": fitting([str(rows[0]["tag"])], width.pixels / 2)[0],
            "anchor": "start",
            "fontSize": 13,
            "color": "var(--soft)",
            "fontWeight": "normal",
        },
        "data": values(rows),
        "layer": layers,
    }
