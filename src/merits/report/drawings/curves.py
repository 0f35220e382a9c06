"""ROC, precision over recall, and reliability: lines of the candidates that give probabilities.

A candidate has one colour, one dash and one short name in all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merits.core.identity import JSON
from merits.report.drawings.canvas import COLOURS, Chart, Spec, Width, draw, values
from merits.report.drawings.labels import fitting, legend_columns
from merits.report.sections.curves import CurveLine, CurveSection

__all__ = ["precision_recall_chart", "reliability_chart", "roc_chart"]

_SIDE = 262  # of the square drawing area, in pixels
_DASHES: tuple[list[JSON], ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4])


def roc_chart(section: CurveSection) -> Chart | None:
    """The share of the class that is found, over the share of the others taken for it."""
    if not section.roc:
        return None
    words = f"ROC curves of {', '.join(line.name for line in section.roc)}."
    return draw(
        "roc",
        words,
        lambda width: _square(_styled(section, section.roc, width), "false positives", "true positives", width, [0, 1]),
    )


def precision_recall_chart(section: CurveSection) -> Chart | None:
    """How many of the claims are right, over how many of the class are found."""
    if not section.precision_recall:
        return None
    lines = section.precision_recall
    words = f"Precision over recall of {', '.join(line.name for line in lines)}."
    return draw(
        "precision-recall",
        words,
        lambda width: _square(_styled(section, lines, width), "recall", "precision", width, None),
    )


def reliability_chart(section: CurveSection) -> Chart | None:
    """How often an answer is right, over how sure the candidate was; honest probabilities lie on the diagonal."""
    if not section.reliability:
        return None
    words = f"Reliability curves of {', '.join(line.name for line in section.reliability)}."
    lines = section.reliability
    return draw(
        "reliability",
        words,
        lambda width: _square(
            _styled(section, lines, width), "probability given", "share right", width, [0, 1], dots=True
        ),
    )


@dataclass(frozen=True)
class _Style:
    """How the line of one candidate is drawn and named."""

    name: str
    colour: str
    dash: list[JSON]


def _styled(section: CurveSection, lines: Sequence[CurveLine], width: Width) -> Sequence[tuple[_Style, CurveLine]]:
    """The lines with their styles, which count the candidates that have a line in any of the charts."""
    everywhere = (*section.reliability, *section.roc, *section.precision_recall)
    names = list(dict.fromkeys(line.name for line in everywhere))
    short = fitting(names, 180 if width.narrow else 100)
    styles = {
        name: _Style(short[i], COLOURS[i % len(COLOURS)], _DASHES[i % len(_DASHES)]) for i, name in enumerate(names)
    }
    return [(styles[line.name], line) for line in lines]


def _square(
    lines: Sequence[tuple[_Style, CurveLine]],
    across: str,
    up: str,
    width: Width,
    diagonal: list[JSON] | None,
    *,
    dots: bool = False,
) -> Spec:
    names: list[JSON] = [style.name for style, _ in lines]
    n_columns = min(2, legend_columns([style.name for style, _ in lines], narrow=width.narrow))
    points: list[Spec] = [
        {"name": style.name, "x": x, "y": y, "i": i, "n": line.n[i] if line.n else 1}
        for style, line in lines
        for i, (x, y) in enumerate(zip(line.x, line.y, strict=True))
    ]
    scale: Spec = {"domain": [0, 1], "nice": False}
    x: Spec = {
        "field": "x",
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": across, "format": ".0%", "tickCount": 5},
    }
    y: Spec = {
        "field": "y",
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": up, "format": ".0%", "tickCount": 5},
    }
    colour: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": names,
        "scale": {"domain": names, "range": [style.colour for style, _ in lines]},
        "legend": {"columns": n_columns, "symbolType": "stroke"},
    }
    dash: Spec = {
        "field": "name",
        "sort": names,
        "scale": {"domain": names, "range": [style.dash for style, _ in lines]},
        "legend": {"columns": n_columns},
    }
    layers: list[JSON] = []
    if diagonal is not None:
        layers.append(
            {
                "data": values([{"x": end, "y": end} for end in diagonal]),
                "mark": {"type": "line", "color": "var(--soft)", "strokeWidth": 1, "strokeDash": [3, 3]},
                "encoding": {"x": x, "y": y},
            }
        )
    layers.append(
        {
            "data": values(points),
            "mark": {"type": "line", "strokeWidth": 2.2, "opacity": 0.9},
            "encoding": {"x": x, "y": y, "order": {"field": "i"}, "color": colour, "strokeDash": dash},
        }
    )
    if dots:
        layers.append(
            {
                "data": values(points),
                "mark": {"type": "point", "filled": True, "opacity": 0.9},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "size": {"field": "n", "type": "quantitative", "legend": None, "scale": {"range": [16, 160]}},
                },
            }
        )
    side = min(_SIDE, width.pixels - 74)
    return {"autosize": "pad", "width": side, "height": side, "layer": layers}
