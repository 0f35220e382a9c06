"""How a search went: what each trial was worth on dev, the best so far, and the given candidates as level lines."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, values
from merits.report.drawings.labels import fitting
from merits.report.drawings.search_style import floor_of, technique_colour, technique_names, thinned
from merits.report.sections.search import SearchPoint, SearchSection

__all__ = ["search_history_chart"]

_HEIGHT = 320
_LINE_OF_TEXT = 16.0  # pixels between the names of level lines


def search_history_chart(section: SearchSection) -> Chart | None:
    """None where nothing was tried, or nothing of it could be evaluated."""
    known = [point for point in section.trials if point.value is not None]
    if not known:
        return None
    n, last = len(section.trials), section.points[-1].best
    words = (
        f"What {n:,} trials were worth on dev, in the order they were tried; {section.n_failed:,} could not be "
        f"evaluated. The best so far went from {_shown(section, _start(section))} to {_shown(section, last)}."
    )
    return draw("search-history", words, lambda width: _spec(section, width))


def _shown(section: SearchSection, value: float | None) -> str:
    if value is None:
        return "no record"
    return f"{100 * value:.1f} %" if section.objective == "quality" else f"{value:.4g} {section.currency}"


def _start(section: SearchSection) -> float | None:
    return section.given[-1].best if section.given else None


def _spec(section: SearchSection, width: Width) -> Spec:
    places = {id(point): n for n, point in enumerate(section.trials, 1)}
    names = technique_names(section, width)
    levels = [point for point in section.given if point.value is not None]
    best_given = [p.value for p in levels if p.value is not None and p.name == section.best_given]
    known = [*best_given, *(p.value for p in section.trials if p.value is not None)]
    low, high = floor_of(known, best_given), max(known)
    pad = 0.07 * (high - low) or 0.01 * (abs(high) or 1.0)
    domain = (low - pad, high + pad)
    axis: Spec = {"title": "trials, in order", "tickCount": width.ticks, "format": ",d", "grid": False}
    if len(section.trials) < width.ticks:  # else there are ticks between whole numbers
        axis["values"] = list(range(len(section.trials) + 2))
    scale: Spec = {"domain": [0, len(section.trials) + 1], "nice": False}
    x: Spec = {"field": "n", "type": "quantitative", "scale": scale, "axis": axis}
    y: Spec = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [*domain], "nice": False},
        "axis": _axis(section, domain, width),
    }
    drawn = [_datum(point, places[id(point)], names, domain) for point in thinned(section.trials)]
    colour = technique_colour(list(names.values()), width, legend=True)
    layers = [
        *_levels(section, levels, domain, (x, y), width),
        _best(section, places, (x, y)),
        *(_marks(drawn, what, {"x": x, "y": y, "color": colour}) for what in _MARKS),
    ]
    return {"height": _HEIGHT, "layer": [layer for layer in layers if layer]}


_MARKS: dict[str, Spec] = {
    "part": {"type": "point", "filled": False, "size": 40, "opacity": 0.8},
    "tried": {"type": "point", "filled": True, "size": 45, "opacity": 0.75},
    "below": {"type": "point", "filled": True, "shape": "triangle-down", "size": 55, "opacity": 0.75},
    "failed": {"type": "point", "filled": True, "shape": "cross", "angle": 45, "size": 80, "opacity": 0.9},
    "kept": {"type": "point", "filled": True, "shape": "diamond", "size": 190, "opacity": 1, "stroke": "var(--ink)"},
}


def _marks(drawn: Sequence[Spec], what: str, encoding: Spec) -> Spec:
    mine = [datum for datum in drawn if datum["what"] == what]
    return {"data": values(mine), "mark": _MARKS[what], "encoding": encoding} if mine else {}


def _datum(point: SearchPoint, n: int, names: dict[str, str], domain: tuple[float, float]) -> Spec:
    """What has no value, or one below the drawing, stands at its lower edge."""
    edge = domain[0] + 0.02 * (domain[1] - domain[0])
    below = point.value is not None and point.value < domain[0]
    what = (
        "failed"
        if point.value is None
        else "kept"
        if point.kept
        else "below"
        if below
        else "tried"
        if point.whole
        else "part"
    )
    value = edge if point.value is None or below else point.value
    return {"n": n, "value": value, "technique": names[point.technique], "what": what}


def _best(section: SearchSection, places: dict[int, int], axes: tuple[Spec, Spec]) -> Spec:
    """The best so far as steps, from the best given one on."""
    start = _start(section)
    steps: list[Spec] = [] if start is None else [{"n": 0, "value": start}]
    for point in section.trials:
        if point.best is not None and (not steps or steps[-1]["value"] != point.best):
            steps.append({"n": places[id(point)], "value": point.best})
    if not steps:
        return {}
    steps.append({"n": len(section.trials) + 1, "value": steps[-1]["value"]})
    line: Spec = {"type": "line", "interpolate": "step-after", "color": "var(--ink)", "strokeWidth": 1.8}
    return {"data": values(steps), "mark": line, "encoding": {"x": axes[0], "y": axes[1]}}


def _levels(
    section: SearchSection,
    levels: Sequence[SearchPoint],
    domain: tuple[float, float],
    axes: tuple[Spec, Spec],
    width: Width,
) -> list[Spec]:
    """Level lines of the given candidates that the drawing reaches; names at the right where there is room."""
    shown = sorted(
        (p for p in levels if p.value is not None and p.value >= domain[0]),
        key=lambda p: (p.name != section.best_given, -(p.value or 0.0)),
    )
    if not shown:
        return []
    y = axes[1]
    texts = fitting([point.name for point in shown], 150 if width.narrow else 260, middle=True)
    rule: Spec = {"type": "rule", "strokeDash": [4, 4], "strokeWidth": 1.2, "color": "var(--soft)", "opacity": 0.8}
    found: list[Spec] = [{"data": values([{"value": p.value} for p in shown]), "mark": rule, "encoding": {"y": y}}]
    named: list[Spec] = []
    per_pixel = (domain[1] - domain[0]) / _HEIGHT
    at: list[float] = []
    for point, text in zip(shown, texts, strict=True):
        value = point.value or 0.0
        if all(abs(value - other) > _LINE_OF_TEXT * per_pixel for other in at):
            at.append(value)
            named.append({"n": 0, "value": value, "name": text})
    mark: Spec = {"type": "text", "align": "left", "dx": 6, "dy": 9, "color": "var(--soft)", "fontSize": 12}
    halo: Spec = {**mark, "stroke": "var(--paper)", "strokeWidth": 4, "strokeJoin": "round"}
    encoding: Spec = {"x": axes[0], "y": y, "text": {"field": "name"}}
    found += [{"data": values(named), "mark": m, "encoding": encoding} for m in (halo, mark)]
    return found


def _axis(section: SearchSection, domain: tuple[float, float], width: Width) -> Spec:
    if section.objective == "quality":
        small = (domain[1] - domain[0]) / 6 < 0.01
        title: JSON = None if width.narrow else "cases solved on dev"
        return {"title": title, "format": ".1%" if small else ".0%", "tickCount": 6}
    of = "a case" if section.n_valued == 1 else f"{section.n_valued:,} cases"
    title = None if width.narrow else f"net value of {of} on dev ({section.currency})"
    return {"title": title, "tickCount": 6, "labelExpr": "format(datum.value, ',.4~r')"}
