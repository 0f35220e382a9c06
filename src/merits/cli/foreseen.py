"""Shows what a command would ask, and what that is likely to cost, before anything is asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from merits.cli.options import console, print_json
from merits.cli.spending import foretold

if TYPE_CHECKING:
    from merits.evaluating import Plan

__all__ = ["show_plan"]


def show_plan(plan: Plan, barred: Mapping[str, str], as_json: bool, *, raced: bool) -> int:
    """Prints what would be asked, and whom nothing that is asked can help: `barred` names each with the reason."""
    if as_json:
        parts = [{**asdict(part), "n_to_ask": part.n_to_ask} for part in (*plan.parts, *plan.judges)]
        said = {"n_to_ask": plan.n_to_ask, "raced": raced, "parts": parts, "ruled_out": dict(barred)}
        said |= {"forecast": plan.forecast, "notes": plan.notes}
        print_json("merits.plan/1", said)
        return 0
    from merits.report import terminal
    from merits.report.plain import clean

    terminal.render_plan(plan, console())
    if foretold(plan):
        print(clean(foretold(plan)))
    for note in plan.notes:
        print(clean(note))
    if raced and any(part.n_to_ask for part in plan.parts):
        print(
            "They would race: this is the most, and who cannot be the best is asked less (--no-race asks everything)."
        )
    for part in plan.parts:
        if part.n_in_flight:
            print(
                clean(f"{part.candidate}: {part.n_in_flight:,} of these are on their way in batches; --batch collects.")
            )
    for name, why in barred.items():
        print(clean(f"{name} is ruled out: {why}."))
    print("nothing was asked.", file=sys.stderr)
    return 0
