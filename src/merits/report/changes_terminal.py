"""Comparisons and gates on a terminal. Fits 80 columns; every text is cleaned and none is read as markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from merits.core.identity import JSON
from merits.deciding.changes import Change, Flip
from merits.deciding.gate import Gate
from merits.report import changes as words
from merits.report.plain import clean, one_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["render", "render_gate"]

_COLOURS = {"better": "green", "worse": "red", "cannot be told apart": "yellow"}
_OUTCOMES = {"passed": ("✓", "green"), "failed": ("✗", "red"), "inconclusive": ("?", "yellow")}
_SLICES = {"gains": "green", "loses": "red", "cannot be told": "dim"}
_MOST_SLICES = 6


def render(change: Change, inputs: Mapping[str, JSON], console: Console, *, most_flips: int = 5) -> None:
    """Prints one comparison: the verdict, what stands behind it, the examples that flipped, the slices."""
    from rich.console import Group
    from rich.panel import Panel

    colour = _COLOURS[change.verdict]
    parts = [_text(words.headline(change), f"bold {colour}")]
    parts += [_text(line) for line in (change.settle, *words.facts(change)) if line]
    title = _text(words.title(change))
    console.print(Panel(Group(*parts), title=title, title_align="left", border_style=colour, padding=(1, 2)))
    _details(change, inputs, console, most_flips)


def render_gate(gate: Gate, inputs: Mapping[str, JSON], console: Console, *, most_flips: int = 5) -> None:
    """Prints a gate: each check with its outcome, what to do next, and what flipped against the baseline."""
    from rich.console import Group
    from rich.panel import Panel

    _, colour = _OUTCOMES[gate.outcome]
    parts: list[RenderableType] = []
    for check in gate.checks:
        symbol, shade = _OUTCOMES[check.outcome]
        parts.append(_text(f"{symbol} ", shade) + _text(check.text))
    if not gate.checks:
        parts.append(_text("Nothing was required."))
    if gate.next_step:
        parts.append(_text("next: ", "bold") + _text(gate.next_step))
    title = _text(f"gate {gate.outcome}: {one_line(gate.candidate, 60)}")
    console.print(Panel(Group(*parts), title=title, title_align="left", border_style=colour, padding=(1, 2)))
    if gate.change is not None:
        for line in words.facts(gate.change):
            console.print(_text(line))
        _details(gate.change, inputs, console, most_flips)


def _details(change: Change, inputs: Mapping[str, JSON], console: Console, most: int) -> None:
    for caption, flips in (("lost", change.lost), ("gained", change.gained)):
        if flips and most:
            console.print(_flips(caption, flips, inputs, most))
    rows = words.slice_rows(change, _MOST_SLICES)
    if rows:
        console.print(_slices(rows, change.n_slices))


def _flips(caption: str, flips: Sequence[Flip], inputs: Mapping[str, JSON], most: int) -> RenderableType:
    shown = words.flip_rows(flips, inputs, most)
    more = (
        f" (the first {len(shown)} of {len(flips):,}; all with --json or --flips N)" if len(shown) < len(flips) else ""
    )
    table = _table(f"{caption}{more}")
    table.add_column("example", overflow="fold", max_width=18)
    table.add_column("", overflow="fold", max_width=22)
    table.add_column("input", overflow="fold")
    for row in shown:
        table.add_row(_text(row.example), _text(row.what), _text(row.input or "not known here"))
    return table


def _slices(rows: Sequence[tuple[str, str, str]], n: int) -> RenderableType:
    table = _table(f"slices, surest first; intervals hold for all {n:,} together")
    table.add_column("slice", overflow="fold", max_width=30)
    table.add_column("", overflow="fold", max_width=15)
    table.add_column("difference", overflow="fold")
    for name, verdict, difference in rows:
        table.add_row(_text(name), _text(verdict, _SLICES[verdict]), _text(difference))
    return table


def _table(caption: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, title=_text(caption), title_style="dim", title_justify="left", pad_edge=False)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(clean(text), style)
