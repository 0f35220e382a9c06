"""What a search is going to try, in lines and as tables: its techniques, what each takes, and why not the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merits.report.numbers import money
from merits.report.plain import clean, shortened
from merits.report.sections.search import what_it_does

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from merits.searching import Plan

__all__ = ["plan_in_words", "render_search_plan"]

_TAKES = {
    "replays": "stored answers",
    "trains": "training, small",
    "trains long": "training, large",
    "asks": "new answers",
}
_MOST_COSTS = 4


def plan_in_words(plan: Plan) -> list[str]:
    """What is going to be tried, a line each."""
    lines = [_best_given(plan)]
    for number, one in enumerate(plan.chosen, 1):
        lines.append(f"{number}. {one.name} ({_TAKES[one.effort]}): {what_it_does(one.name, one.title)}")
        lines += [f"   {note}" for note in one.notes]
    lines += [f"not {one.name}: {one.why_not}" for one in plan.techniques if one.why_not]
    return [*lines, *_remarks(plan)]


def render_search_plan(plan: Plan, console: Console) -> None:
    """Prints two tables, fit for 80 columns: what will be tried, in this order, and what not, and why."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    def table(caption: str, *columns: str) -> Table:
        made = Table(
            box=SIMPLE_HEAD,
            title=caption,
            title_style="dim",
            title_justify="left",
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        for name in columns:
            made.add_column(name, overflow="fold")
        return made

    console.print(_text(_best_given(plan)))
    if plan.chosen:
        tried = table("what will be tried, in this order", "", "technique", "takes", "what it does")
        for number, one in enumerate(plan.chosen, 1):
            told = _text(what_it_does(one.name, one.title))
            for note in one.notes:
                told.append(f"\n{clean(note)}", "dim")
            tried.add_row(str(number), _text(one.name), _TAKES[one.effort], told)
        console.print(tried)
    if len(plan.chosen) < len(plan.techniques):
        left_out = table("what will not", "technique", "why not")
        for one in plan.techniques:
            if one.why_not:
                left_out.add_row(_text(one.name), _text(one.why_not))
        console.print(left_out)
    for line in _remarks(plan):
        console.print(_text(line))


def _best_given(plan: Plan) -> str:
    best = plan.given[0]
    quality = "" if best.record.quality is None else f", solves {best.record.quality.text()}"
    return f"best given on dev: {shortened(best.candidate.name)}{quality}"


def _remarks(plan: Plan) -> list[str]:
    """That nothing fits; what asking dev anew costs, where something may; the budget."""
    said = [] if plan.chosen else ["Nothing fits: there is nothing to search with."]
    if any(one.effort == "asks" for one in plan.chosen):
        said += _cost_of_dev(plan)
    return [*said, f"budget: {plan.budget}"] if str(plan.budget) else said


def _cost_of_dev(plan: Plan) -> list[str]:
    """What each given candidate costs on all of dev: about what a trial of another like it costs."""
    costs = [
        (one.record.cost.value * one.record.n_rows, one.record.cost.currency, shortened(one.candidate.name, 30))
        for one in plan.given
        if one.record.cost is not None and one.record.cost.value
    ]
    if not costs:
        return []
    dearest = sorted(costs, reverse=True)[:_MOST_COSTS]
    said = ", ".join(f"{money(amount, currency)} of {name}" for amount, currency, name in dearest)
    return [f"a trial that asks all of dev anew costs about what that did: {said}"]


def _text(text: str) -> Text:
    from rich.text import Text

    return Text(clean(text))
