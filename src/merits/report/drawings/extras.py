"""Draws the plots of sections that only some kinds of task have."""

from __future__ import annotations

from merits.report.drawings.canvas import Chart, Spec, Width, draw
from merits.report.extras.registry import ExtraSection, Plot

__all__ = ["extra_charts"]


def extra_charts(section: ExtraSection) -> list[Chart]:
    """The charts of a section, in order."""
    return [_chart(f"{section.id}-{number}", plot) for number, plot in enumerate(section.plots)]


def _chart(name: str, plot: Plot) -> Chart:
    def spec(width: Width) -> Spec:
        given = plot.narrow if width.narrow and plot.narrow is not None else plot.spec
        return {"autosize": "pad", **given} if "width" in given else given  # fitting would squash what has its size

    return draw(name, plot.description, spec)
