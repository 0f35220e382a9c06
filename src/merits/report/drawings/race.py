"""The race: the share solved of each candidate on the way, as long as it was asked, with what was known of it."""

from __future__ import annotations

from merits.core.identity import JSON
from merits.report.drawings.canvas import COLOURS, Chart, Spec, Width, draw, values
from merits.report.drawings.labels import fitting
from merits.report.sections.race import RaceSection, Track

__all__ = ["race_chart"]

_HEIGHT = 300
_NAMED = 6  # tracks with a colour of their own; the others are grey


def race_chart(section: RaceSection) -> Chart | None:
    """None when nobody was judged on the way. The band is of the candidate that came furthest and looks best."""
    tracks = [track for track in section.tracks if track.after]
    if not tracks:
        return None
    words = "; ".join(f"{track.name} was asked {track.n_units:,} examples" for track in tracks)
    return draw("race", f"The share of cases solved while the candidates raced. {words}.", lambda w: _spec(tracks, w))


def _spec(tracks: list[Track], width: Width) -> Spec:
    names = fitting([track.name for track in tracks], width.names)
    last = max(track.after[-1] for track in tracks)
    x: Spec = {
        "field": "after",
        "type": "quantitative",
        "scale": {"type": "sqrt", "domain": [0, last], "nice": False},
        "axis": {"title": "examples asked", "tickCount": width.ticks, "format": ",d"},
    }
    y: Spec = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False},
        "axis": {"title": None if width.narrow else "cases solved", "format": ".0%", "tickCount": 5},
    }
    colours: list[JSON] = [COLOURS[i] if i < _NAMED else "var(--soft)" for i in range(len(tracks))]
    colour: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": [*names],
        "scale": {"domain": [*names], "range": colours},
        "legend": {"columns": 2 if width.narrow else 4, "symbolType": "stroke"},
    }
    points: list[Spec] = [
        {"name": name, "after": after, "share": share, "low": low, "high": high}
        for name, track in zip(names, tracks, strict=True)
        for after, share, low, high in zip(track.after, track.share, track.low, track.high, strict=True)
    ]
    ends: list[Spec] = [
        {"name": name, "after": track.after[-1], "share": track.share[-1], "low": track.low[-1], "high": track.high[-1]}
        for name, track in zip(names, tracks, strict=True)
    ]
    first = [point for point in points if point["name"] == names[0]]
    layers: list[JSON] = [
        {
            "data": values(first),
            "mark": {"type": "area", "opacity": 0.14, "color": COLOURS[0]},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": values(points),
            "mark": {"type": "line", "strokeWidth": 2, "opacity": 0.9},
            "encoding": {"x": x, "y": y, "color": colour, "order": {"field": "after"}},
        },
        {
            "data": values(ends),
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "data": values(ends),
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour},
        },
    ]
    return {"height": _HEIGHT, "layer": layers}
