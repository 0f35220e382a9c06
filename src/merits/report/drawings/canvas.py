"""Vega-Lite to SVG: the look that all charts share, and what makes an SVG fit to stand in a page with others.

Knows nothing about candidates.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from merits.core.identity import JSON
from merits.report.drawings import painter
from merits.report.drawings.labels import pixels
from merits.report.plain import clean

__all__ = ["COLOURS", "Chart", "Spec", "Width", "axis_title", "draw", "named_axis", "share_axis", "values"]

Spec: TypeAlias = dict[str, JSON]

_FONT = "system-ui"
COLOURS = tuple(f"var(--c{i})" for i in range(1, 7))
"""Six colours that people with colour-blindness tell apart (Okabe & Ito 2008), defined by the page's style."""


@dataclass(frozen=True)
class Width:
    """How wide a drawing is, in CSS pixels, and what fits into that."""

    pixels: int
    names: int
    ticks: int
    narrow: bool


WIDE = Width(pixels=1000, names=200, ticks=7, narrow=False)
NARROW = Width(pixels=340, names=112, ticks=4, narrow=True)  # fifteen letters


@dataclass(frozen=True)
class Chart:
    """A chart for both widths, and what it shows in words for those who do not see it."""

    wide: str
    narrow: str
    description: str


def draw(name: str, description: str, make: Callable[[Width], Spec]) -> Chart:
    """The chart that `make` specifies for a width; `name` keeps its ids apart from those of other charts."""
    wide, narrow = (_svg(make(width), f"{name}-{i}", width) for i, width in enumerate((WIDE, NARROW)))
    return Chart(wide, narrow, clean(description))


def values(rows: Sequence[Mapping[str, JSON]]) -> Spec:
    """Data written into a specification."""
    return {"values": list(rows)}


def axis_title(text: str, room: float) -> list[JSON]:
    """The title as lines that fit into so many pixels; Vega cuts off what is longer. A long word is not divided.

    >>> axis_title("points behind or ahead of whisper base", 160)
    ['points behind or', 'ahead of whisper base']
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines[-1:] = [longer] if pixels(longer) <= room or not lines[-1] else [lines[-1], word]
    return [*lines]


def share_axis(title: str | None, domain: Sequence[float], width: Width) -> Spec:
    """An axis of shares, with a decimal where the range is so small that whole per cents would repeat."""
    per_tick = (domain[1] - domain[0]) / width.ticks
    return {"format": ".1%" if per_tick < 0.01 else ".0%", "tickCount": width.ticks, "title": title}


def named_axis(**more: JSON) -> Spec:
    """An axis of names that were cut to fit (see `labels`): no title, no ticks."""
    return {"title": None, "ticks": False, "domain": False, "labelPadding": 8, **more}


def _svg(spec: Spec, name: str, width: Width) -> str:
    whole: Spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": None,
        "padding": 4,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "width": width.pixels,
        "config": _config(width),
        **spec,
    }
    safe = {key: _cleaned(value) for key, value in whole.items()}
    return _fit(painter.svg(safe), name)


def _cleaned(part: JSON) -> JSON:
    """The specification with every text cleaned: the converter measures texts as XML, and one control character in a
    name would abort the whole process, not raise."""
    if isinstance(part, str):
        return clean(part)
    if isinstance(part, Mapping):
        return {key: _cleaned(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_cleaned(value) for value in part]
    return part


def _config(width: Width) -> Spec:
    size = 12 if width.narrow else 13
    return {
        "font": _FONT,
        "aria": False,
        "view": {"stroke": None},
        "axis": {
            "labelColor": "var(--soft)",
            "labelLimit": 0,
            "titleColor": "var(--soft)",
            "titleFontWeight": "normal",
            "labelFontSize": size,
            "titleFontSize": size,
            "titlePadding": 10,
            "gridColor": "var(--line)",
            "domainColor": "var(--line)",
            "tickColor": "var(--line)",
        },
        "axisY": {"labelColor": "var(--ink)"},
        "legend": {
            "labelColor": "var(--ink)",
            "labelFontSize": size,
            "title": None,
            "orient": "top",
            "columns": 2 if width.narrow else 5,
            "labelLimit": 0,
            "symbolStrokeWidth": 3,
        },
        "header": {"labelColor": "var(--ink)", "labelFontSize": size, "labelLimit": 0},
        "text": {"color": "var(--ink)", "fontSize": size},
        "rule": {"color": "var(--soft)"},
    }


_TAG = re.compile("<[^>]*>")  # not the text between tags: 0.00001 is what an axis may say
_LONG_NUMBER = re.compile(r"(\d+\.\d\d)\d+")
_IDS = re.compile(r'\bid="([A-Za-z_][\w-]*)"')


def _fit(svg: str, name: str) -> str:
    """The SVG with ids of its own, sized by its view box alone, and hidden from screen readers (the figure speaks).

    Vega counts its ids up over the life of the process; numbering them anew makes equal charts equal bytes.
    """
    fresh = (f"{name}-{i}" for i in itertools.count())
    ids = {old: next(fresh) for old in dict.fromkeys(_IDS.findall(svg))}
    for old, new in ids.items():
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
    svg = re.sub(r' (?:aria-\w+|role|pointer-events|font-family|xmlns:xlink)="[^"]*"', "", svg)
    svg = _TAG.sub(lambda tag: _LONG_NUMBER.sub(r"\1", tag[0]), svg)  # hundredths of a pixel are enough
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
