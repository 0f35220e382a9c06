"""What the drawings of a search share: a colour for each technique, and how much of many trials is drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from merits.core.identity import JSON
from merits.report.drawings.canvas import COLOURS, Spec, Width
from merits.report.drawings.labels import fitting, legend_columns
from merits.report.sections.search import SearchPoint, SearchSection

__all__ = ["floor_of", "technique_colour", "technique_names", "thinned"]

MOST_POINTS = 500  # each takes some 200 bytes of the page
_MOST_LEGENDS = 8


def technique_names(section: SearchSection, width: Width) -> dict[str, str]:
    """The techniques that tried something, in their order, each with its name as it fits into a legend."""
    names = list(dict.fromkeys(point.technique for point in section.trials))
    return dict(zip(names, fitting(names, 150 if width.narrow else 200), strict=True))


def technique_colour(names: Sequence[str], width: Width, *, legend: bool) -> Spec:
    """The field `technique` as a colour; from the seventh on they share the last one's grey."""
    colours: list[JSON] = [COLOURS[i] if i < len(COLOURS) else "var(--soft)" for i in range(len(names))]
    columns = legend_columns(names, narrow=width.narrow)
    shown: JSON = {
        "columns": columns,
        "symbolType": "circle",
        "symbolStrokeWidth": 0,
        "values": [*names[:_MOST_LEGENDS]],
    }
    return {
        "field": "technique",
        "type": "nominal",
        "sort": [*names],
        "scale": {"domain": [*names], "range": colours},
        "legend": shown if legend else None,
    }


def thinned(points: Sequence[SearchPoint], keep: Collection[str] = ()) -> list[SearchPoint]:
    """Of many points some, evenly: all that were kept, that became the best, or whose name is among `keep`."""
    if len(points) <= MOST_POINTS:
        return [*points]
    best = [None, *(point.best for point in points[:-1])]
    must = [
        point.kept or point.name in keep or (point.best != before) for point, before in zip(points, best, strict=True)
    ]
    room = max(MOST_POINTS - sum(must), 1)
    others = [i for i, is_in in enumerate(must) if not is_in]
    taken = {others[i] for i in np.unique(np.linspace(0, len(others) - 1, min(room, len(others))).astype(int))}
    return [point for i, point in enumerate(points) if must[i] or i in taken]


def floor_of(values: Sequence[float], at_least: Sequence[float] = ()) -> float:
    """Where the axis of values begins: at the lowest, unless a few far below would press all others together.

    What is in `at_least` is never below it.

    >>> floor_of([0.7, 0.72, 0.75, 0.8])
    0.7
    >>> floor_of([-90.0, 0.7, 0.72, 0.75, 0.8]) > 0.5
    True
    """
    lowest, quarter, highest = min(values), float(np.quantile(values, 0.25)), max(values)
    spread = highest - quarter
    if quarter - lowest <= 2.0 * spread:
        return lowest
    return min(quarter - spread, *at_least) if at_least else quarter - spread
