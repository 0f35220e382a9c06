"""The report on a terminal: the verdict, the table, the next step. Fits 80 columns.

Every text is cleaned of terminal escapes first, and none is read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from merits.core.decision import Standing
from merits.core.estimate import Estimate, duration
from merits.report import numbers
from merits.report.plain import clean, one_line, shortened
from merits.report.sections.candidates import CandidateRow
from merits.report.sections.measures import MeasureSection
from merits.report.sections.robustness import RobustnessCurve, RobustnessSection
from merits.report.sections.search import SearchSection
from merits.report.views import ReportView

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from merits.evaluating import Plan

__all__ = ["render", "render_plan"]

_COLOURS = {"good": "green", "open": "yellow", "bad": "red"}
_RELATIONS = {
    "leader": "leader",
    "tied": "tied",
    "worse": "worse",
    "dropped": "out of the race",
    "not assessed": "not compared",
}
_MOST_REASONS = 6
_ALWAYS_SAID = ("off-list", "refused")  # also beside a choice: a figure of these candidates is not what it seems
_MOST_FAILING = 4
_NAME = 26
_COLUMN = 14
_MOST_LEVELS = 4


def render(view: ReportView, console: Console) -> None:
    """Prints the report to the console."""
    console.print(_verdict(view))
    if view.search:
        for part in _search(view.search):
            console.print(part)
    console.print(_candidates(view))
    if view.measures and view.measures.n_of_scorers:
        console.print(_measures(view.measures))
        for remark, names in view.measures.remarked().items():
            console.print(_text(f"{', '.join(names)}: {remark}."))
    if view.robustness:
        for curve in view.robustness.curves:
            console.print(_drops(curve, view.robustness))
    for line in _remarks(view):
        console.print(line)


def render_plan(plan: Plan, console: Console) -> None:
    """Prints what an evaluation would ask, and what it would take from the store."""
    table = _table("what would be asked")
    table.add_column("candidate", overflow="fold", max_width=_NAME)
    for name in ("questions", "stored", "to ask", "failed before"):
        table.add_column(name, justify="right")
    for part in (*plan.parts, *plan.judges):
        figures = (part.n_rows, part.n_stored, part.n_to_ask, part.n_failed_before)
        table.add_row(_text(part.candidate), *(numbers.count(n) for n in figures))
    console.print(table)


def _verdict(view: ReportView) -> RenderableType:
    from rich.panel import Panel

    verdict, colour = view.verdict, _COLOURS[view.verdict.tone]
    parts = [_text(f"{verdict.headline}.", f"bold {colour}"), _text(" ".join(verdict.sentences))]
    if verdict.failures:
        parts.append(_text(verdict.failures))
    if verdict.caution:
        parts.append(_text(verdict.caution, "yellow"))
    title = f"{view.task}: {numbers.counted(view.n_examples, f'{view.split} example')}"
    return Panel(_lines(parts), title=_text(title), title_align="left", border_style=colour, padding=(1, 2))


def _search(section: SearchSection) -> list[RenderableType]:
    """What a search came to, in words, and its techniques."""
    table = _table("techniques of the search")
    table.add_column("technique", overflow="fold", max_width=_NAME)
    for name in ("tried", "failed", "time"):
        table.add_column(name, justify="right")
    table.add_column("kept, or why not", overflow="fold")
    for row in section.techniques:
        record = row.record
        figures = [numbers.count(record.n_trials), numbers.count(record.n_failed), duration(record.seconds)]
        kept = "\n".join(shortened(name, 60) for name in record.kept)
        table.add_row(
            _text(record.name), *(figures if record.ended != "skipped" else ["–"] * 3), _text(kept or row.outcome)
        )
    said = (section.headline + ".", *section.sentences, section.worth_it)
    styles = (f"bold {_COLOURS[section.tone]}", *[""] * (len(said) - 1))
    return [*map(_text, said, styles), table]


def _candidates(view: ReportView) -> Table:
    table = _table(f"candidates, best first; under each figure its {numbers.percent(view.level)} interval")
    columns = _columns(view)
    table.add_column("candidate", overflow="fold", max_width=_NAME, min_width=10)
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for row in view.candidates:
        cells = (_figure(column(row.standing)) for column in columns.values())
        table.add_row(_name(row), *cells, style="bold" if row.named else None)
    return table


def _measures(section: MeasureSection) -> Table:
    """What further scorers found over all answers, the first at most four, to fit 80 columns."""
    table = _table("over all answers")
    table.add_column("candidate", overflow="fold", max_width=_NAME, min_width=10)
    shown = slice(min(section.n_of_scorers, _MOST_LEVELS))
    for name in section.names[shown]:
        table.add_column(_text(name), justify="right", overflow="fold")
    for row in section.rows:
        table.add_row(_text(one_line(row.name, 60)), *map(_figure, row.estimates[shown]))
    return table


def _drops(curve: RobustnessCurve, section: RobustnessSection) -> Table:
    """What each candidate loses under one perturbation, at its last strengths: at most four, to fit 80 columns."""
    scale = f" ({curve.scale})" if curve.scale else ""
    loss = f"{'drop' if section.higher_is_better else 'rise'} of {section.measure} in points"
    table = _table(f"{loss} under {curve.name}{scale}, on {numbers.counted(curve.n, 'example')}")
    table.add_column("candidate", overflow="fold", max_width=_NAME, min_width=10)
    shown = slice(-_MOST_LEVELS, None)
    for level in curve.levels[shown]:
        table.add_column(_text(level), justify="right", overflow="fold")
    for line in curve.lines:
        table.add_row(
            _text(one_line(line.name, 60)), *(_figure(drop, in_heading=" points") for drop in line.drops[shown])
        )
    return table


def _columns(view: ReportView) -> dict[str, Callable[[Standing], Estimate | None]]:
    """The columns that anybody has a figure for, those that decide first: at most four, to fit 80 columns."""
    solved, currency = view.units.solved, clean(view.currency)
    found: dict[str, Callable[[Standing], Estimate | None]] = {
        "solved": lambda s: s.quality,
        f"net value\n{currency}/month": lambda s: s.net_value_per_month,
        f"net value\n{currency}/case": lambda s: None if s.net_value_per_month else s.net_value_per_case,
        f"cost\n{currency}/{numbers.count(solved) + ' ' if solved > 1 else ''}solved": lambda s: (
            s.cost_per_solved and s.cost_per_solved.times(solved)
        ),
        "95 %\nwithin": lambda s: s.latency_p95_s,
    }
    return {name: column for name, column in found.items() if any(column(row.standing) for row in view.candidates)}


def _name(row: CandidateRow) -> Text:
    """The name, how it stands, and whether it clears the bars, on lines of their own."""
    from rich.text import Text

    counts, standing = row.requirements, row.standing
    words = ["chosen" if row.named else _RELATIONS[standing.relation]]
    if counts.n_not_met:
        words.append(f"{counts.n_not_met} bar{'s' if counts.n_not_met > 1 else ''} missed")
    if counts.n_open:
        words.append(f"{counts.n_open} open")
    if standing.n_failed:
        words.append(f"{numbers.count(standing.n_failed)} failed")
    if standing.n_unscored:
        words.append(f"{numbers.count(standing.n_unscored)} unscored")
    name = Text("● " if row.named else "", "green") + _text(shortened(row.name, 60))
    return name.append("\n" + ", ".join(words), "not bold dim")


def _figure(estimate: Estimate | None, *, in_heading: str = "") -> Text:
    """The value over its interval; the currency, or another unit, stands in the heading."""
    from rich.text import Text

    if estimate is None:
        return Text("no record", "dim")
    shown = numbers.without_currency(estimate)
    value, interval = (said.replace(in_heading, "") for said in (shown.number(shown.value), shown.interval()))
    return Text(value).append(f"\n{_broken(interval)}", "not bold dim")


def _broken(interval: str) -> str:
    """The interval, on two lines when it is too long for a column: cut between its ends, never inside a number."""
    if len(interval) <= _COLUMN:
        return interval
    return interval.replace("–", "–\n", 1).replace(" to ", " to\n", 1)


def _remarks(view: ReportView) -> list[Text]:
    """What the table does not say: the requirements of the named candidate, what would change it, what to do next."""
    lines = [_text(line) for line in (*_left_out(view), *_without_a_score(view))]
    named = next((row for row in view.candidates if row.named), None)
    if named is not None and named.standing.requirements:
        for result in named.standing.requirements:
            symbol, colour = {"met": ("✓", "green"), "not met": ("✗", "red")}.get(result.met, ("?", "yellow"))
            lines.append(_text(f"{symbol} ", colour) + _text(f"{result.requirement}: {result.evidence_text}"))
    shown = view.reasons[:_MOST_REASONS] if not named else [r for r in view.reasons if r.code in _ALWAYS_SAID]
    lines += [_text(f"- {reason.text}") for reason in shown]
    more = 0 if named else len(view.reasons) - _MOST_REASONS
    if more > 0:
        lines.append(_text(f"- and {numbers.counted(more, 'more reason')}, in the report.", "dim"))
    for title, text in (("change", view.verdict.what_would_change_it), ("next", view.verdict.next_step)):
        if text:
            lines.append(_text(f"{title}: ", "bold") + _text(text))
    return lines


def _left_out(view: ReportView) -> list[str]:
    """One line: what the table's shares solved would be without the failures."""
    failing = [row for row in view.candidates if row.standing.n_failed]
    shares = [
        f"{one_line(row.name, 60)} {f'solves {share.text()}' if share else 'has no answer to judge'}"
        for row in failing[:_MOST_FAILING]
        for share in (row.standing.quality_answered,)
    ]
    if not shares:
        return []
    more = len(failing) - _MOST_FAILING
    rest = f"; {more} more in the report" if more > 0 else ""
    return [f"Failures count as not solved above. Left out, {'; '.join(shares)}{rest}."]


def _without_a_score(view: ReportView) -> list[str]:
    """Why questions could not be asked, each reason once, and why answers could not be judged."""
    whom: dict[tuple[str, str], list[str]] = {}
    for error in view.conditions.errors:
        reason = (error.kind.replace("_", " "), error.message)
        whom.setdefault(reason, []).append(f"{numbers.count(error.n)} of {one_line(error.candidate, 60)}")
    lines = [
        f"Could not be asked ({kind}; {', '.join(names[:_MOST_FAILING])}), for instance: {message}"
        for (kind, message), names in whom.items()
        if message
    ]
    if len(lines) > _MOST_FAILING:
        lines[_MOST_FAILING:] = [f"{numbers.counted(len(lines) - _MOST_FAILING, 'more reason')}, in the report."]
    unscored = view.conditions.facts.get("unscored", "")
    return [*lines, f"Could not be judged: {unscored}."] if unscored else lines


def _table(caption: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        box=SIMPLE_HEAD,
        title=_text(caption),
        title_style="dim",
        title_justify="left",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _text(text: str, style: str = "") -> Text:
    """Clean text that is never read as markup."""
    from rich.text import Text

    return Text(clean(text), style)


def _lines(parts: Sequence[RenderableType]) -> RenderableType:
    from rich.console import Group

    return Group(*parts)
