"""Draws a task's profile in the terminal: what is in the data, what it can show, and what to look at first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from merits.report.plain import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from merits.tasks.outlook import Outlook, Power
    from merits.tasks.profile import LabelCount, Profile, Spread, Twins

__all__ = ["render"]

_MOST_LABELS = 12
_MOST_SHOWN = 3
_HOW = {"exact": "is exactly", "normalised": "is, but for case and signs,", "near": "is nearly"}


def render(found: Profile, console: Console) -> None:
    """Prints a profile, its findings last, where a reader looks first. Texts of the data are made safe to look at."""
    console.print(f"[bold]{_safe(found.name)}[/]: {_size(found)}", highlight=False)
    for table in (_labels(found), _columns(found), _slices(found)):
        if table is not None:
            console.print(table)
    for line in (*_lengths(found), *_twins(found), *_conflicts(found), *_shows(found)):
        console.print(line, highlight=False)
    _findings(found, console)


def _safe(text: str, longest: int = 60) -> str:
    from rich.markup import escape

    return escape(one_line(text, longest))


def _size(found: Profile) -> str:
    what = f"{found.kind} with {len(found.labels):,} labels" if found.labels else found.kind
    groups = f" in {found.n_groups:,} groups" if found.n_groups else ""
    return f"{what}, {found.n_dev:,} dev and {found.n_test:,} test examples{groups}, {found.n_candidates:,} candidates"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column(columns[0], overflow="ellipsis", no_wrap=True, max_width=50)
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _labels(found: Profile) -> Table | None:
    """All labels where they are few, else the commonest and the rarest."""
    if not found.labels:
        return None
    table = _table("label", "dev", "test", "share")
    many = len(found.labels) > _MOST_LABELS
    shown: Sequence[LabelCount] = found.labels[: _MOST_LABELS // 2] if many else found.labels
    for count in shown:
        table.add_row(_safe(count.label), f"{count.dev:,}", f"{count.test:,}", f"{count.share:.1%}")
    if many:
        table.add_row(f"… {len(found.labels) - len(shown) - _MOST_SHOWN:,} more", "", "", "")
        for count in found.labels[-_MOST_SHOWN:]:
            table.add_row(_safe(count.label), f"{count.dev:,}", f"{count.test:,}", f"{count.share:.1%}")
    return table


def _columns(found: Profile) -> Table | None:
    if not found.columns:
        return None
    table = _table("column", "type", "different", "missing")
    for column in found.columns:
        table.add_row(_safe(column.name), column.type, f"{column.n_distinct:,}", f"{column.share_missing:.1%}")
    return table


def _slices(found: Profile) -> Table | None:
    if not found.slices:
        return None
    table = _table("slice", "dev", "test")
    for part in found.slices:
        table.add_row(f"{_safe(part.name)}: {_safe(part.value)}", f"{part.dev:,}", f"{part.test:,}")
    return table


def _lengths(found: Profile) -> list[str]:
    if found.characters is None or found.words is None:
        return []
    return [f"Inputs: {_spread(found.characters, 'characters')}; {_spread(found.words, 'words')}."]


def _spread(lengths: Spread, unit: str) -> str:
    return f"{lengths.low:,} to {lengths.high:,} {unit}, half of them up to {lengths.median:,.0f}"


def _twins(found: Profile) -> list[str]:
    lines = [
        f"Repeated within a split: {_counts(found.duplicates)}.",
        f"Test inputs also in dev: {_counts(found.leakage)}.",
    ]
    for leak in found.leaks[:_MOST_SHOWN]:
        lines.append(f"  {_safe(leak.test)} {_HOW[leak.how]} {_safe(leak.dev)}: {_safe(leak.test_input)}")
    return lines


def _counts(twins: Twins) -> str:
    return f"{twins.exact:,} exactly, {twins.normalised:,} but for case and signs, {twins.near:,} nearly"


def _conflicts(found: Profile) -> list[str]:
    lines = [f"Inputs with several targets: {found.n_conflicts:,}."]
    for conflict in found.conflicts[:_MOST_SHOWN]:
        targets = ", ".join(f"{_safe(target, 30)} ({n})" for target, n in conflict.targets.items())
        lines.append(f"  {_safe(conflict.input)}: {targets}")
    return lines


def _shows(found: Profile) -> list[str]:
    return [_difference(found.power), *(_requirement(outlook) for outlook in found.requirements)]


def _difference(power: Power) -> str:
    more = "; ".join(
        f"{n:,} for {points}"
        for points, n in (
            ("5 points", power.n_for_5_points),
            ("3 points", power.n_for_3_points),
            ("1 point", power.n_for_1_point),
        )
        if n is not None and n > power.n_independent
    )
    return (
        f"[bold]What {power.n_independent:,} independent test examples can show:[/] a difference of about "
        f"{100 * power.detectable:.1f} points between two candidates (found with probability {power.power:.0%} at "
        f"{power.confidence:.0%} confidence, {power.n_comparisons:,} compared with the best, if one of the two alone "
        f"solves {power.discordant:.0%} of the examples)." + (f" It takes {more}." if more else "")
    )


def _requirement(outlook: Outlook) -> str:
    text = _safe(outlook.text)
    if outlook.reachable is None:
        return f"  {text}: whether it is met shows in the run."
    if not outlook.reachable:
        needed = f"{outlook.n_needed:,} examples at least" if outlook.n_needed else "more than any number of examples"
        return f"  {text}: out of reach with {outlook.n:,}; it takes {needed}."
    share = f"{outlook.least_share:.1%}" if outlook.least_share is not None else "?"
    return f"  {text}: shown when at least {share} of the {outlook.n:,} examples are in its favour."


def _findings(found: Profile, console: Console) -> None:
    for note in found.notes:
        console.print(f"note: {_safe(note, 300)}", highlight=False)
    if not found.warnings:
        console.print("[green]Nothing stands against it.[/] Next: merits run", highlight=False)
        return
    console.print("[bold]Look at this first:[/]")
    for finding in found.warnings:
        console.print(f"[yellow]![/] {_safe(finding.text, 400)} [dim]({finding.code})[/]", highlight=False)
        console.print(f"  next: {_safe(finding.next_step, 300)}", highlight=False)
