"""Quality against the strength of a perturbation: a line a candidate, with its interval at each strength."""

from __future__ import annotations

from collections.abc import Sequence

from merits.core.estimate import Estimate
from merits.core.identity import JSON
from merits.report.drawings.canvas import COLOURS, Chart, Spec, Width, axis_title, draw, values
from merits.report.drawings.labels import fitting, legend_columns
from merits.report.sections.robustness import RobustnessCurve, RobustnessSection

__all__ = ["robustness_charts"]

_HEIGHT = 260
_MOST_LINES = len(COLOURS)
_AS_IT_IS = "as it is"
_APART = 0.05  # between the whiskers of two candidates, of the distance between two strengths


def robustness_charts(section: RobustnessSection) -> list[Chart]:
    """A chart for each perturbation that has strengths."""
    return [
        _chart(number, section, curve)
        for number, curve in enumerate(section.curves)
        if any(strength is not None for strength in curve.strengths)
    ]


def _chart(number: int, section: RobustnessSection, curve: RobustnessCurve) -> Chart:
    said = "; ".join(
        f"{line.name}: {_in_words(clean)} as it is, {', '.join(map(_in_words, line.quality))}"
        for clean, line in list(zip(curve.clean, curve.lines, strict=True))[:_MOST_LINES]
    )
    about = f"{section.measure.capitalize()} under {curve.name} ({', '.join(_ticks(curve))}). {said}."
    return draw(f"robustness-{number}", about, lambda width: _spec(section, curve, width))


def _in_words(estimate: Estimate | None) -> str:
    return "no answer" if estimate is None else estimate.number(estimate.value)


def _ticks(curve: RobustnessCurve) -> list[str]:
    return [_AS_IT_IS, *("" if strength is None else f"{strength:g}" for strength in curve.strengths)]


def _spec(section: RobustnessSection, curve: RobustnessCurve, width: Width) -> Spec:
    lines = list(zip(curve.clean, curve.lines, strict=True))[:_MOST_LINES]
    names = fitting([line.name for _, line in lines], 180)
    points: list[Spec] = []
    for i, (clean, line) in enumerate(lines):
        points += _points(names[i], (clean, *line.quality), (i - (len(lines) - 1) / 2.0) * _APART)
    ticks = _ticks(curve)
    is_share = all(e is None or e.unit == "rate" for _, line in lines for e in line.quality)
    x: Spec = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [-0.4, len(ticks) - 0.6], "nice": False},
        "axis": {
            "title": axis_title(f"{curve.name}: {curve.scale}" if curve.scale else curve.name, 0.8 * width.pixels),
            "values": list(range(len(ticks))),
            "labelExpr": f"{_listed(ticks)}[datum.value]",
            "grid": False,
        },
    }
    y: Spec = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": _domain(points), "nice": False, "zero": False},
        "axis": {
            "title": axis_title(section.measure, _HEIGHT),
            "tickCount": 6,
            **({"format": ".0%"} if is_share else {}),
        },
    }
    known: list[JSON] = [*names]
    colour: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": known,
        "scale": {"domain": known, "range": [*COLOURS[: len(names)]]},
        "legend": {"symbolType": "stroke", "columns": legend_columns(names, narrow=width.narrow)},
    }
    return {
        "height": _HEIGHT,
        "data": values(points),
        "layer": [
            {
                "mark": {"type": "line", "strokeWidth": 2.2, "opacity": 0.9},
                "encoding": {"x": x, "y": y, "color": colour},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45, "strokeCap": "round"},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": colour},
            },
        ],
    }


def _points(name: str, estimates: Sequence[Estimate | None], aside: float) -> list[Spec]:
    return [
        {
            "name": name,
            "x": round(place + aside, 3),
            "value": e.value,
            "low": e.value if e.low is None else e.low,
            "high": e.value if e.high is None else e.high,
        }
        for place, e in enumerate(estimates)
        if e is not None and e.value is not None
    ]


def _domain(points: Sequence[Spec]) -> list[JSON]:
    ends = [end for point in points for end in (point["low"], point["high"]) if isinstance(end, int | float)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    pad = 0.05 * (high - low) + 0.01
    return [round(max(0.0, low - pad), 4), round(high + pad if high > 1.0 else min(1.0, high + pad), 4)]


def _listed(texts: Sequence[str]) -> str:
    import msgspec

    return msgspec.json.encode(texts).decode()
