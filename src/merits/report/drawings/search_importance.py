"""What share each parameter had in how good the variations of a candidate were on dev: a bar each."""

from __future__ import annotations

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, named_axis, values
from merits.report.drawings.labels import fitting
from merits.report.sections.search import Importance

__all__ = ["importance_chart"]


def importance_chart(importance: Importance, number: int) -> Chart:
    """`number` keeps it apart from the others of the page."""
    words = "; ".join(f"{name} {share:.0%}" for name, share in importance.shares)
    description = f"Importance of the parameters of {importance.given} on dev. {words}."
    return draw(f"importance-{number}", description, lambda width: _spec(importance, width))


def _spec(importance: Importance, width: Width) -> Spec:
    names = fitting([name for name, _ in importance.shares], width.names, middle=True)
    data: list[Spec] = [
        {"name": name, "share": share, "text": f"{share:.0%}"}
        for name, (_, share) in zip(names, importance.shares, strict=True)
    ]
    y: Spec = {"field": "name", "type": "nominal", "sort": [*names], "axis": named_axis()}
    x: Spec = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1.08], "nice": False},
        "axis": None,
    }
    layers: list[JSON] = [
        {"mark": {"type": "bar", "height": 14, "color": "var(--c1)", "cornerRadiusEnd": 2}, "encoding": {"x": x}},
        {
            "mark": {"type": "text", "align": "left", "dx": 6},
            "encoding": {"x": x, "text": {"field": "text", "type": "nominal"}},
        },
    ]
    return {"height": {"step": 26}, "data": values(data), "encoding": {"y": y}, "layer": layers}
