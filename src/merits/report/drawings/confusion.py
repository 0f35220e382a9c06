"""Which classes are taken for which: a grid of shares, mistakes in one colour and right answers in another."""

from __future__ import annotations

from merits.core.identity import JSON
from merits.report.drawings.canvas import Chart, Spec, Width, draw, values
from merits.report.drawings.labels import fitting, pixels
from merits.report.sections.mistakes import OFF_LIST, ConfusionSection

__all__ = ["confusion_chart"]


def confusion_chart(section: ConfusionSection) -> Chart | None:
    """None when there are too many classes to draw."""
    if not section.matrix:
        return None
    pairs = "; ".join(f"{pair.n} of {pair.target} taken for {pair.said}" for pair in section.pairs[:5])
    words = f"Confusion matrix of {section.candidate}: rows are the right class, columns what was said. {pairs}."
    return draw("confusion", words, lambda width: _spec(section, width))


def _spec(section: ConfusionSection, width: Width) -> Spec:
    classes = fitting(section.classes, 74 if width.narrow else 150)
    columns = [*classes, OFF_LIST] if section.n_off_list else classes
    n = len(columns)
    room = width.pixels - (90 if width.narrow else 170)
    cell = max(12, min(56, room // n))
    data = [
        _datum(target, said, line[j], sum(line))
        for target, line in zip(classes, section.matrix, strict=True)
        for j, said in enumerate(columns)
    ]
    along: Spec = {
        "field": "said",
        "type": "nominal",
        "sort": [*columns],
        "axis": {
            "title": "said",
            "labelAngle": 0 if max(map(pixels, columns)) < cell else -50,
            "ticks": False,
            "domain": False,
        },
    }
    down: Spec = {
        "field": "target",
        "type": "nominal",
        "sort": [*classes],
        "axis": {
            "title": None if width.narrow else "right answer",
            "ticks": False,
            "domain": False,
        },
    }
    return {
        "autosize": "pad",
        "width": cell * n,
        "height": cell * len(classes),
        "data": values(data),
        "encoding": {"x": along, "y": down},
        "layer": _layers(cell),
    }


def _layers(cell: int) -> list[JSON]:
    colour: Spec = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["right", "wrong"], "range": ["var(--c1)", "var(--c2)"]},
    }
    fill: Spec = {
        "mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1},
        "encoding": {
            "color": colour,
            "opacity": {"field": "shade", "type": "quantitative", "legend": None, "scale": None},
        },
    }
    ground: Spec = {"mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1, "color": "var(--wash)"}}
    if cell < 24:
        return [ground, fill]
    text: Spec = {
        "transform": [{"filter": "datum.n > 0"}],
        "mark": {"type": "text", "fontSize": 12 if cell >= 34 else 10},
        "encoding": {
            "text": {"field": "n", "format": ","},
            "color": {
                "condition": {"test": "datum.shade > 0.6", "value": "var(--paper)"},
                "value": "var(--ink)",
            },
        },
    }
    return [ground, fill, text]


def _datum(target: str, said: str, n: int, total: int) -> Spec:
    share = n / total if total else 0.0
    right = target == said
    # Mistakes are rare: the root brings out a share of 2 %, which is what the reader looks for.
    shade = round(share if right else min(1.0, share**0.5), 3)
    return {"target": target, "said": said, "n": n, "kind": "right" if right else "wrong", "shade": shade}
