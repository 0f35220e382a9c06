"""A bill beside what was counted, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merits.prices.reconciling import Difference, Reconciliation, Sums
from merits.report.plain import clean

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["headline", "render"]


def render(found: Reconciliation, console: Console) -> None:
    """Prints each model with its days, the reasons, and whether it agrees."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("model, day", "calls", "billed", "input", "billed", "output", "billed"):
        table.add_column(name, justify="left" if name.startswith("model") else "right")
    for name in (f"{found.currency} counted", "billed", "difference", ""):
        table.add_column(name, justify="right")
    for total in found.totals:
        table.add_row(*_cells(total), style="bold")
        days = [day for day in found.days if day.model == total.model]
        for day in days if len(days) > 1 else []:
            table.add_row(*_cells(day))
    console.print(table)
    for reason in found.reasons:
        console.print(clean(f"- {reason}"), markup=False, highlight=False)
    console.print(clean(headline(found)), markup=False, highlight=False)


def headline(found: Reconciliation) -> str:
    """What it comes to, in a sentence or two."""
    days = found.first_day if found.first_day == found.last_day else f"{found.first_day} to {found.last_day}"
    verdict = "agrees with" if found.agrees else "differs from"
    outside = f" {found.n_outside:,} counted calls came on other days." if found.n_outside else ""
    return f"The bill of {days} {verdict} what was counted, at a tolerance of {found.tolerance:.2%}.{outside}"


def _cells(one: Difference) -> tuple[str, ...]:
    counted, billed = one.counted, one.billed
    money = "" if one.difference is None else f"{one.difference:+.6f}"
    share = "" if one.share is None else f"{one.share:+.2%}"
    return (
        clean(f"  {one.day}" if one.day else one.model),
        *(cell for kind in ("calls", "input", "output") for cell in (_count(counted, kind), _count(billed, kind))),
        _money(counted),
        _money(billed),
        money,
        share or ("agrees" if one.within else "?" if one.within is None else "differs"),
    )


def _count(sums: Sums, kind: str) -> str:
    n = sums.calls if kind == "calls" else sums.tokens.get(kind)
    return "?" if n is None else f"{n:,}"


def _money(sums: Sums) -> str:
    return "?" if sums.cost is None else f"{sums.cost:.6f}"
