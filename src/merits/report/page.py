"""The report as one HTML file: no script, no network, nothing beside it.

Every text goes through the template's escaping and through `plain.clean`; the content security policy allows nothing
but the one style sheet in the file. The same view always makes the same bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING

from merits.report import numbers
from merits.report.drawings.canvas import Chart
from merits.report.drawings.confusion import confusion_chart
from merits.report.drawings.curves import precision_recall_chart, reliability_chart, roc_chart
from merits.report.drawings.frontier import frontier_chart
from merits.report.drawings.latency import duration, latency_chart
from merits.report.drawings.quality import quality_chart
from merits.report.drawings.slices import slice_chart
from merits.report.plain import clean
from merits.report.sections.candidates import CandidateRow
from merits.report.views import ReportView

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

__all__ = ["relation", "render"]

_SYMBOLS = {"met": "✓", "not met": "✗", "not yet known": "?"}
_CHIPS = {"met": "met", "not met": "not", "not yet known": "maybe"}
_MARKS = {"solved": ("yes", "✓"), "not solved": ("no", "✗")}


def render(view: ReportView) -> str:
    """The page, complete, as text to be written in UTF-8."""
    from markupsafe import Markup

    style = resources.files("merits.report").joinpath("templates/page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    charts = _charts(view)
    return _template().render(
        v=view,
        charts=charts,
        has=_has(view),
        contents=_contents(view, charts),
        span=numbers.span_of([row.standing.quality for row in view.candidates if row.standing.quality]),
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
        finalize=_cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bar": numbers.bar,
        "chip": _CHIPS.__getitem__,
        "count": numbers.count,
        "drawn": _drawn,
        "duration": duration,
        "heat": _heat,
        "interval": numbers.interval,
        "mark": _mark,
        "money": numbers.money,
        "number": numbers.number,
        "percent": numbers.percent,
        "plain": lambda estimate: numbers.number(numbers.bare(estimate)),
        "plain_interval": lambda estimate: numbers.interval(numbers.bare(estimate)),
        "relation": relation,
        "symbol": _SYMBOLS.__getitem__,
        "text": lambda estimate: estimate.text(),
    }
    return environment.get_template("page.html.j2")


def _cleaned(value: object) -> object:
    """The one place that every text of the template passes: controls and reordering marks never reach the page."""
    from markupsafe import Markup

    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _drawn(svg: str) -> Markup:
    from markupsafe import Markup

    return Markup(svg)


def _mark(mark: str) -> Markup:
    from markupsafe import Markup

    style, symbol = _MARKS.get(mark, ("none", "–"))
    shown = Markup('<span class="mark {}" title="{}">{}</span>').format(style, mark, symbol)
    return shown if mark in _MARKS else shown + Markup("<em>{}</em>").format(mark)


def _heat(n: int, total: int) -> str:
    """A class that shades a cell by its share: from 2, 5, 12 and 25 % on."""
    share = n / total if total else 0.0
    level = sum(share >= step for step in (0.02, 0.05, 0.12, 0.25))
    return f"h{level}" if level else ""


def relation(row: CandidateRow) -> str:
    """How a candidate stands to the leader, in a few words.

    "worse than the leader by 6.1 points [1.7 to 10.5 points]"; "" for the leader that is not named anyway.
    """
    standing = row.standing
    named = {"leader": "the leader", "tied": "tied with the leader", "worse": "worse than the leader"}
    words = named.get(standing.relation, "not assessed")
    behind = standing.behind
    if standing.relation in ("tied", "worse") and behind is not None and behind.value is not None:
        words += f": {numbers.number(behind)} [{numbers.interval(behind)}] behind"
    return f"chosen; {words}" if row.named else words


def _charts(view: ReportView) -> Mapping[str, Chart | None]:
    curves = view.curves
    return {
        "quality": quality_chart(view.candidates, view.needs),
        "frontier": frontier_chart(view.frontier) if view.frontier else None,
        "latency": latency_chart(view.latency, view.needs) if view.latency else None,
        "slices": slice_chart(view.slices) if view.slices else None,
        "confusion": confusion_chart(view.confusion) if view.confusion else None,
        "roc": roc_chart(curves) if curves else None,
        "precision_recall": precision_recall_chart(curves) if curves else None,
        "reliability": reliability_chart(curves) if curves else None,
    }


def _has(view: ReportView) -> Mapping[str, bool]:
    """Which columns and remarks there is something to fill with."""
    standings = [row.standing for row in view.candidates]
    return {
        "requirements": any(s.requirements for s in standings),
        "cost": any(s.cost_per_1000 for s in standings),
        "net": any(s.net_value_per_case for s in standings),
        "month": any(s.net_value_per_month for s in standings),
        "latency": any(s.latency_p50_s for s in standings),
        "quality_bar": any(r.metric in ("accuracy", "solved", "quality") for r in view.needs.requirements),
        "latency_bar": any(r.metric.endswith("_latency") for r in view.needs.requirements),
    }


def _contents(view: ReportView, charts: Mapping[str, Chart | None]) -> list[tuple[str, str]]:
    """The sections that are there, as (id, title)."""
    sections: list[tuple[str, str, object]] = [
        ("candidates", "Candidates", True),
        ("quality", "Quality", charts["quality"]),
        ("cost", "Quality against cost", charts["frontier"]),
        ("latency", "Time to answer", charts["latency"]),
        ("slices", "Slices", view.slices),
        ("mistakes", "Mistakes by class", view.confusion),
        ("measures", "Measures", view.measures and view.measures.names),
        ("curves", "Ranking and calibration", view.curves),
        ("disagreement", "Where candidates disagree", view.disagreement),
        ("hardest", "The hardest examples", view.hardest),
        ("spent", "What was spent", view.spent),
        ("reasons", "Reasons", True),
        ("conditions", "How it was run", True),
    ]
    return [(name, title) for name, title, there in sections if there]
