"""The report as one HTML file: no script, no network, nothing beside it.

Every text goes through the template's escaping and through `plain.clean`; the content security policy allows nothing
but the one style sheet in the file, and the pictures and sounds that are in it (`data:`), made anew by Merits itself.
The same view always makes the same bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING

from merits.core.decision import RequirementResult
from merits.core.estimate import duration
from merits.report import numbers
from merits.report.cases.blocks import Block, Words, has_figure
from merits.report.drawings.break_even import break_even_chart
from merits.report.drawings.canvas import Chart
from merits.report.drawings.confusion import confusion_chart
from merits.report.drawings.curves import precision_recall_chart, reliability_chart, roc_chart
from merits.report.drawings.differences import difference_chart
from merits.report.drawings.extras import extra_charts
from merits.report.drawings.frontier import frontier_chart
from merits.report.drawings.latency import latency_chart
from merits.report.drawings.quality import quality_chart
from merits.report.drawings.race import race_chart
from merits.report.drawings.robustness import robustness_charts
from merits.report.drawings.search_frontier import search_frontier_chart
from merits.report.drawings.search_history import search_history_chart
from merits.report.drawings.search_importance import importance_chart
from merits.report.drawings.slices import slice_chart
from merits.report.drawings.tornado import tornado_chart
from merits.report.plain import clean, shortened
from merits.report.sections.candidates import CandidateRow
from merits.report.sections.economics import at_end
from merits.report.sections.examples import ShownExample
from merits.report.sections.robustness import PerturbedCase
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
    template = _template()  # before the charts: who draws them may still be starting
    charts = _charts(view)
    return template.render(
        v=view,
        charts=charts,
        curves=[break_even_chart(c, view.currency) for c in view.economics.curves] if view.economics else [],
        robustness=robustness_charts(view.robustness) if view.robustness else [],
        importances=[importance_chart(one, n) for n, one in enumerate(view.search.importances)] if view.search else [],
        extras={extra.id: extra_charts(extra) for extra in view.extras},
        has=_has(view),
        contents=_contents(view, charts),
        judged=_judged(view),
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
        "counted": numbers.counted,
        "drawn": _drawn,
        "duration": duration,
        "for_many": numbers.for_many,
        "heat": _heat,
        "is_block": lambda block, name: type(block).__name__ == name,
        "interval": lambda estimate: estimate.interval(),
        "mark": _mark,
        "money": numbers.money,
        "number": lambda estimate: estimate.number(estimate.value),
        "percent": lambda share: numbers.percent(share).replace(" ", "\N{NO-BREAK SPACE}"),
        "given": numbers.given,
        "p_value": numbers.p_value,
        "p_value_of": _p_value_of,
        "known": numbers.is_known,
        "plain": lambda estimate: numbers.bare(estimate).number(estimate.value),
        "plain_interval": lambda estimate: numbers.bare(estimate).interval(),
        "at_end": at_end,
        "cleared": _cleared,
        "probability": numbers.probability,
        "relation": relation,
        "results": _results,
        "named": _named,
        "symbol": _SYMBOLS.__getitem__,
        "text": lambda estimate: estimate.text(),
        "times": lambda estimate, factor: estimate.times(factor),
        "without_currency": numbers.without_currency,
    }
    sections = environment.list_templates(filter_func=lambda name: name.startswith("sections/"))
    for section in sections:  # one by one: the syntax tree of the whole takes 10 MB
        environment.get_template(section)
    return environment.get_template("page.html.j2")


def _cleaned(value: object) -> object:
    """The one place that every text of the template passes: controls and reordering marks never reach the page."""
    from markupsafe import Markup

    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _drawn(svg: str) -> Markup:
    from markupsafe import Markup

    return Markup(svg)


def _named(name: str, longest: int = 44) -> Markup:
    """A name that fits: what was cut out of its middle is in its title."""
    from markupsafe import Markup

    whole, short = " ".join(clean(name).split()), shortened(name, longest)
    if whole == short:
        return Markup("<span>{}</span>").format(short)
    return Markup('<span title="{}">{}</span>').format(whole, short)


def _p_value_of(p: float) -> str:
    return f"= {numbers.p_value(p)}".replace("= below", "<")


def _mark(mark: str) -> Markup:
    from markupsafe import Markup

    style, symbol = _MARKS.get(mark, ("none", "–"))
    shown = Markup('<span class="mark {}" title="{}">{}</span>').format(style, mark, symbol)
    return shown if mark in _MARKS else shown + Markup("<em>{}</em>").format(mark)


def _cleared(row: CandidateRow) -> list[tuple[str, str]]:
    """The requirements of a candidate in short, as (style, words): how many are met, missed and open."""
    counts = row.requirements
    total = counts.n_met + counts.n_not_met + counts.n_open
    if total and counts.n_met == total:
        return [("met", f"✓ all {total} met" if total > 1 else "✓ met")]
    found = [
        ("not", f"✗ {counts.n_not_met} not met", counts.n_not_met),
        ("maybe", f"? {counts.n_open} not yet known", counts.n_open),
        ("met", f"✓ {counts.n_met} met", counts.n_met),
    ]
    return [(style, words) for style, words, n in found if n]


def _heat(n: int, total: int) -> str:
    """A class that shades a cell by its share: from 2, 5, 12 and 25 % on."""
    share = n / total if total else 0.0
    level = sum(share >= step for step in (0.02, 0.05, 0.12, 0.25))
    return f"h{level}" if level else ""


def relation(row: CandidateRow) -> str:
    """How a candidate stands to the leader, in a few words."""
    standing = row.standing
    named = {"leader": "the leader", "tied": "tied with the leader", "worse": "worse than the leader"}
    named["dropped"] = "out of the race"
    words = named.get(standing.relation, "not compared" if standing.quality else "not assessed")
    return f"chosen; {words}" if row.named else words


def _charts(view: ReportView) -> Mapping[str, Chart | None]:
    curves = view.curves
    return {
        "quality": quality_chart(view.candidates, view.needs),
        "search_history": search_history_chart(view.search) if view.search else None,
        "search_frontier": search_frontier_chart(view.search) if view.search else None,
        "race": race_chart(view.race) if view.race else None,
        "differences": difference_chart(view.differences) if view.differences else None,
        "frontier": frontier_chart(view.frontier) if view.frontier else None,
        "tornado": tornado_chart(view.economics) if view.economics else None,
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
        "figures": any(map(_has_figures, (*view.drawn, *view.hardest, *view.solved_by_one)))
        or any(map(_is_illustrated, view.robustness.cases if view.robustness else ())),
        "areas": any(name in ("ROC-AUC", "PR-AUC") for name in view.measures.names) if view.measures else False,
        "aligned": any(_has_words(reply.shown) for one in (*view.drawn, *view.hardest) for reply in one.replies),
        "aligned_perturbed": any(_has_words(case.asked) for case in (view.robustness.cases if view.robustness else ())),
        "behind": any(s.behind for s in standings),
        "requirements": any(s.requirements for s in standings),
        "cost": any(s.cost_per_1000 for s in standings),
        "net": any(s.net_value_per_case for s in standings),
        "p_best": any(s.p_best for s in standings),
        "month": any(s.net_value_per_month for s in standings),
        "failed": any(s.n_failed or s.n_unscored or s.n_missing for s in standings),
        "assisted": any(s.assisted_variance is not None for s in standings),
        "not_answered": any(s.n_failed or s.n_missing for s in standings),
        "latency": any(s.latency_p50_s for s in standings),
        "quality_bar": any(
            r.metric in ("accuracy", "solved", "quality") and r.is_plain for r in view.needs.requirements
        ),
        "latency_bar": any(r.metric.endswith("_latency") and r.is_plain for r in view.needs.requirements),
    }


def _has_figures(shown: ShownExample) -> bool:
    replies = (reply.shown for reply in shown.replies)
    return any(map(has_figure, (shown.shown_input, shown.shown_target, *replies)))


def _has_words(blocks: Sequence[Block]) -> bool:
    return any(isinstance(block, Words) for block in blocks)


def _is_illustrated(case: PerturbedCase) -> bool:
    replies = (reply.shown for both in case.replies for reply in (both.as_it_is, both.perturbed))
    return any(map(has_figure, (case.as_it_is, case.asked, case.shown_target, *replies)))


def _results(row: CandidateRow, judged: Sequence[str]) -> list[RequirementResult | None]:
    """What became of each requirement for a candidate, under the headings; None where it was not judged on one."""
    found = {str(result.requirement): result for result in row.standing.requirements}
    return [found.get(name) for name in judged]


def _judged(view: ReportView) -> list[str]:
    """The requirements that the candidates were judged on, in the order of every candidate's results."""
    most = max((row.standing.requirements for row in view.candidates), key=len, default=())
    return [str(result.requirement) for result in most]


def _contents(view: ReportView, charts: Mapping[str, Chart | None]) -> list[tuple[str, str]]:
    """The sections that are there, as (id, title)."""
    sections: list[tuple[str, str, object]] = [
        ("search", "The search", view.search),
        ("candidates", "Candidates", True),
        ("requirements", "Requirements", any(row.standing.requirements for row in view.candidates)),
        ("quality", "Quality", charts["quality"]),
        ("race", "How the race went", view.race),
        ("differences", "Differences", view.differences),
        ("cost", "Quality against cost", charts["frontier"]),
        ("money", "Money", view.economics),
        ("latency", "Time to answer", charts["latency"]),
        ("slices", "Slices", view.slices),
        ("mistakes", "Mistakes by class", view.confusion),
        ("measures", "Measures", view.measures and view.measures.names),
        ("curves", "Ranking and calibration", view.curves),
        ("repeats", "Asked again", view.repeats),
        ("robustness", "Robustness", view.robustness),
        ("disagreement", "Where candidates disagree", view.disagreement),
        *((extra.id, extra.title, True) for extra in view.extras),
        ("drawn", "Some cases", view.drawn),
        ("hardest", "The hardest examples", view.hardest),
        ("spent", "What was spent", view.spent),
        ("reasons", "Reasons", True),
        ("conditions", "How it was run", True),
    ]
    return [(name, title) for name, title, there in sections if there]
