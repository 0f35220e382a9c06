"""A bill beside what was counted, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merits.prices.reconciling import Difference, Reconciliation, Sums
from merits.report.plain import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.table import Table

__all__ = ["headline", "render"]

_USED = ("calls", "input", "output")


def render(found: Reconciliation, console: Console) -> None:
    """Prints each model with its days, the reasons, and whether it agrees."""
    console.print(_table(found, (f"{found.currency} counted", "billed", "difference", ""), _money_cells))
    console.print()
    names = [f"{kind} {said}" for kind in _USED for said in ("counted", "billed")]
    console.print(_table(found, names, _use_cells))
    for reason in found.reasons:
        console.print(clean(f"- {reason}"), markup=False, highlight=False)
    console.print(clean(headline(found)), markup=False, highlight=False)


def headline(found: Reconciliation) -> str:
    """What it comes to, in a sentence or two."""
    days = found.first_day if found.first_day == found.last_day else f"{found.first_day} to {found.last_day}"
    verdict = "agrees with" if found.agrees else "differs from"
    outside = f" {found.n_outside:,} counted calls came on other days." if found.n_outside else ""
    return f"The bill of {days} {verdict} what was counted, at a tolerance of {found.tolerance:.2%}.{outside}"


def _table(found: Reconciliation, names: Sequence[str], cells: Callable[[Difference], tuple[str, ...]]) -> Table:
    """A row for each model, and below it one for each of its days. Two narrow tables: one does not fit a terminal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("model, day")
    for name in names:
        table.add_column(name, justify="right")
    for total in found.totals:
        table.add_row(clean(total.model), *cells(total), style="bold")
        days = [day for day in found.days if day.model == total.model]
        for day in days if len(days) > 1 else []:
            table.add_row(clean(f"  {day.day}"), *cells(day))
    return table


def _money_cells(one: Difference) -> tuple[str, ...]:
    money = "" if one.difference is None else f"{one.difference:+.6f}"
    share = "" if one.share is None else f"{one.share:+.2%}"
    last = share or ("agrees" if one.within else "?" if one.within is None else "differs")
    return _money(one.counted), _money(one.billed), money, last


def _use_cells(one: Difference) -> tuple[str, ...]:
    return tuple(_count(sums, kind) for kind in _USED for sums in (one.counted, one.billed))


def _count(sums: Sums, kind: str) -> str:
    n = sums.calls if kind == "calls" else sums.tokens.get(kind)
    return "?" if n is None else f"{n:,}"


def _money(sums: Sums) -> str:
    return "?" if sums.cost is None else f"{sums.cost:.6f}"
