"""Quality against cost on dev of all that was tried and given; those that count by name, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, values
from merits.report.drawings.costs import Span, cost_axis, cost_span, ends_of, inner_width, quality_axis, quality_span
from merits.report.drawings.labels import fitting
from merits.report.drawings.naming import Named, name_layers
from merits.report.drawings.search_style import floor_of, technique_colour, technique_names, thinned
from merits.report.sections.frontier import cost_scale
from merits.report.sections.search import SearchPoint, SearchSection

__all__ = ["search_frontier_chart"]

_HEIGHT = 360
_MOST_NAMES = 12
_MOST_NAMES_NARROW = 6


def search_frontier_chart(section: SearchSection) -> Chart | None:
    """None unless two candidates have both a quality and a cost, one of them tried."""
    known = [point for point in section.points if _is_known(point)]
    if len(known) < 2 or all(point.given for point in known):
        return None
    words = "; ".join(
        f"{point.name} {point.quality.text()} at {point.cost.text()}"
        for point in _to_name(section, known, _MOST_NAMES)
        if point.quality and point.cost
    )
    of = "a case" if section.n_cases == 1 else f"{section.n_cases:,} cases"
    description = f"Share of cases solved on dev against the cost of {of}, of {len(known):,} candidates. {words}."
    return draw("search-frontier", description, lambda width: _spec(section, known, width))


def _is_known(point: SearchPoint) -> bool:
    both = (point.quality, point.cost)
    return point.whole and all(one is not None and one.value is not None for one in both)


def _to_name(section: SearchSection, known: Sequence[SearchPoint], most: int) -> list[SearchPoint]:
    """Those that the gains are about, then the best given one, what else was kept, and the other given ones."""
    gains = [name for row in section.gains for name in (row.gain.found, row.gain.given)]
    first = {name: place for place, name in enumerate(dict.fromkeys([*gains, section.best_given]))}
    once = {point.name: point for point in known}.values()
    wanted = [point for point in once if point.name in first or point.kept or point.given]
    wanted.sort(key=lambda p: (first.get(p.name, len(first)), not p.kept, -(p.value or 0.0)))
    return wanted[:most]


def _spec(section: SearchSection, known: Sequence[SearchPoint], width: Width) -> Spec:
    named = _to_name(section, known, _MOST_NAMES_NARROW if width.narrow else _MOST_NAMES)
    least = floor_of(
        [_quality(p) for p in known], [_quality(p) for p in named if not p.given or p.name == section.best_given]
    )
    shown = [point for point in known if _quality(point) >= least]
    named = [point for point in named if point in shown]
    costs = [_cost(point) for point in shown]
    across = cost_span(costs, cost_scale(costs))
    up = quality_span([*ends_of([p.quality for p in named if p.quality]), *map(_quality, shown)])
    x = cost_axis(across, width, n_cases=section.n_cases, currency=section.currency)
    y = quality_axis(up, width)
    names = technique_names(section, width)
    colour = technique_colour(list(names.values()), width, legend=True)
    drawn = thinned(shown, {point.name for point in named})
    tried = [_datum(point, across, names) for point in drawn if not point.given]
    given = [_datum(point, across, names) for point in drawn if point.given]
    whiskers = [_datum(point, across, names) for point in named]
    faint: Spec = {"type": "rule", "strokeWidth": 1.5, "opacity": 0.35, "strokeCap": "round", "color": "var(--soft)"}
    dot: Spec = {"type": "point", "filled": True, "size": 45, "opacity": 0.7}
    square: Spec = {"type": "point", "filled": True, "shape": "square", "size": 80, "color": "var(--ink)"}
    diamond: Spec = {**dot, "shape": "diamond", "size": 190, "opacity": 1, "stroke": "var(--ink)"}
    layers: list[JSON] = [
        {
            "data": values(whiskers),
            "mark": faint,
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": values([d for d in tried if not d["kept"]]),
            "mark": dot,
            "encoding": {"x": x, "y": y, "color": colour},
        },
        {"data": values(given), "mark": square, "encoding": {"x": x, "y": y}},
        {
            "data": values([d for d in tried if d["kept"]]),
            "mark": diamond,
            "encoding": {"x": x, "y": y, "color": colour},
        },
        *name_layers(
            _named(section, named, (across, up), width),
            (inner_width(width), _HEIGHT),
            {"x": x, "y": y},
            [(across.place(_cost(p)), up.place(_quality(p))) for p in drawn if p not in named],
        ),
    ]
    return {"height": _HEIGHT, "layer": layers}


def _quality(point: SearchPoint) -> float:
    return 0.0 if point.quality is None or point.quality.value is None else point.quality.value


def _cost(point: SearchPoint) -> float:
    return 0.0 if point.cost is None or point.cost.value is None else point.cost.value


def _datum(point: SearchPoint, across: Span, names: dict[str, str]) -> Spec:
    assert point.quality is not None
    return {
        "cost": max(_cost(point), across.low),
        "quality": point.quality.value,
        "low": point.quality.low,
        "high": point.quality.high,
        "technique": names.get(point.technique, ""),
        "kept": point.kept,
    }


def _named(
    section: SearchSection, points: Sequence[SearchPoint], spans: tuple[Span, Span], width: Width
) -> list[Named]:
    across, up = spans
    found = {row.gain.found for row in section.gains}
    texts = fitting([point.name for point in points], 130 if width.narrow else 220, middle=True)
    return [
        Named(
            text=text,
            across=across.place(_cost(point)),
            up=up.place(_quality(point)),
            datum={"cost": _cost(point), "quality": _quality(point)},
            bold=point.name in found,
        )
        for point, text in zip(points, texts, strict=True)
    ]
