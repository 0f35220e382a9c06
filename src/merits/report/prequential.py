"""A test along a stream on a terminal, and as a page: a line for each candidate, what it gained, what learning took."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING

from merits.core.estimate import Estimate, duration
from merits.core.prequential import Lane, Prequential
from merits.report.plain import clean, one_line

if TYPE_CHECKING:
    from jinja2 import Template
    from rich.console import Console

__all__ = ["lines", "page", "render", "sparks"]

_SPARKS = "▁▂▃▄▅▆▇█"


def render(found: Prequential, console: Console) -> None:
    """Prints it."""
    for line in lines(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def lines(found: Prequential) -> Iterator[str]:
    """The lines that are printed; they fit 80 columns where names are short."""
    size = found.lanes[0].windows[0].last if found.lanes else 0
    yield f"{one_line(found.task_name, 40)}: {found.n:,} cases in order, each asked before it is learned from"
    low, high = _span(found)
    yield f"solved ({one_line(found.metric, 20)}) in windows of {size:,}, from {low:.0%} (low) to {high:.0%} (high)"
    yield ""
    names = [title(lane) for lane in found.lanes]
    width = min(max(map(len, names)), 30)
    for name, lane in zip(names, found.lanes, strict=True):
        yield f"  {one_line(name, 30):<{width}}  {sparks(lane, low, high)}  {_said(lane.quality)}"
    yield ""
    for lane in found.lanes:
        yield from _about(lane)
    yield ""
    yield from (one_line(note, 400) for note in found.notes)


def title(lane: Lane) -> str:
    """The name of a lane, which says whether it goes on learning."""
    return f"{lane.name}, learning" if lane.learns else f"{lane.name}, frozen"


def sparks(lane: Lane, low: float, high: float) -> str:
    """The windows of a lane as blocks; a dot where nothing could be scored.

    >>> from merits.core.prequential import Window
    >>> def window(rate): return Window(first=1, last=9, quality=Estimate(
    ...     value=rate, low=0.0, high=1.0, level=0.95, n=9, unit="rate", method=""))
    >>> half = Window(first=1, last=9)
    >>> sparks(Lane(name="a", learns=True, quality=None, windows=(window(0.5), window(1.0), half)), 0.5, 1.0)
    '▁█·'
    """
    return "".join(_spark(window.quality, low, high) for window in lane.windows)


def _spark(quality: Estimate | None, low: float, high: float) -> str:
    if quality is None or quality.value is None:
        return "·"
    share = (quality.value - low) / ((high - low) or 1.0)
    return _SPARKS[min(len(_SPARKS) - 1, int(share * len(_SPARKS)))]


def _span(found: Prequential) -> tuple[float, float]:
    known = [
        window.quality.value
        for lane in found.lanes
        for window in lane.windows
        if window.quality is not None and window.quality.value is not None
    ]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _said(estimate: Estimate | None) -> str:
    return "no record" if estimate is None else estimate.text()


def _about(lane: Lane) -> Iterator[str]:
    """What is to be said of one lane in words."""
    name = one_line(lane.name, 30)
    if lane.learns:
        each = lane.learning_s / lane.n_lessons if lane.n_lessons else 0.0
        took = f"{lane.n_lessons:,} lessons, {duration(each)} each; its state takes {lane.state_bytes / 1000:,.1f} kB"
        gain = "" if lane.gain is None else f"learning on is worth {lane.gain.text()}; "
        yield f"{name}: {gain}{took}"
    if lane.n_failed or lane.n_unscored:
        yield f"{title(lane)}: {lane.n_failed:,} failed and {lane.n_unscored:,} could not be scored: they are left out"
    if lane.autocorrelation is not None and abs(lane.autocorrelation) >= 0.1:
        yield f"{title(lane)}: right and wrong come in runs (autocorrelation {lane.autocorrelation:+.2f})"


def page(found: Prequential) -> str:
    """The page, complete, as text to be written in UTF-8. Its drawing is made without a network."""
    from markupsafe import Markup

    from merits.report.drawings.streams import stream_chart

    style = resources.files("merits.report").joinpath("templates/page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    chart = stream_chart(found)
    return _template().render(
        v=found,
        wide=Markup(chart.wide),
        narrow=Markup(chart.narrow),
        described=chart.description,
        rows=[(title(lane), _said(lane.quality), _said(lane.gain) if lane.gain else "", lane) for lane in found.lanes],
        words=[sentence for lane in found.lanes for sentence in _about(lane)],
        style=Markup(style),
        style_hash=f"sha256-{digest}",
    )


@functools.cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("merits.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
    )
    return environment.get_template("prequential.html.j2")
