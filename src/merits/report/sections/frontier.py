"""Quality against cost: who is certainly dominated, who may be, and who is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from merits.core.economics import Economics, Place, Position
from merits.core.estimate import Estimate
from merits.report.sections.candidates import CandidateRow, Units

__all__ = ["CostPoint", "FrontierSection", "cost_scale", "frontier_section"]

_DECADES = 20  # costs further apart than this factor are drawn on a logarithmic axis


class CostPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate with a price, and where it stands in all measured dimensions together; `by` dominates it, or may."""

    name: str
    named: bool
    quality: Estimate
    cost: Estimate
    place: Place
    by: str


class FrontierSection(msgspec.Struct, frozen=True, kw_only=True):
    """The priced candidates by cost. `positions` are those of all candidates, in `dimensions`, judged by `method`.

    `unpriced` are the candidates whose cost is unknown: they are on no axis.
    """

    points: tuple[CostPoint, ...]
    unpriced: tuple[str, ...]
    scale: Literal["linear", "log", "symlog"]
    currency: str
    n_cases: int
    positions: tuple[Position, ...] = ()
    dimensions: tuple[str, ...] = ()
    method: str = ""


def frontier_section(
    rows: Sequence[CandidateRow], currency: str, units: Units, economics: Economics | None = None
) -> FrontierSection | None:
    """None unless two candidates have both a quality and a cost. Costs are of `n_cases` cases."""
    known = [(row, *figures) for row in rows if (figures := _figures(row, units)) is not None]
    if len(known) < 2:
        return None
    found = {} if economics is None else {position.candidate: position for position in economics.positions}
    points = [_point(row, quality, cost, found.get(row.name)) for row, quality, cost in known]
    unpriced = tuple(
        row.name for row in rows if row.standing.quality is not None and row.standing.cost_per_1000 is None
    )
    return FrontierSection(
        points=tuple(sorted(points, key=lambda point: (point.cost.value or 0.0, point.name))),
        unpriced=unpriced,
        scale=cost_scale([cost.value or 0.0 for _, _, cost in known]),
        currency=currency,
        n_cases=units.cases,
        positions=tuple(found[row.name] for row in rows if row.name in found),
        dimensions=() if economics is None else economics.dimensions,
        method="" if economics is None else economics.positions_method,
    )


def _point(row: CandidateRow, quality: Estimate, cost: Estimate, position: Position | None) -> CostPoint:
    place: Place = "possibly dominated" if position is None else position.place
    by = "" if position is None else position.by
    return CostPoint(name=row.name, named=row.named, quality=quality, cost=cost, place=place, by=by)


def _figures(row: CandidateRow, units: Units) -> tuple[Estimate, Estimate] | None:
    quality, cost = row.standing.quality, row.standing.cost_per_1000
    if quality is None or cost is None or quality.value is None or cost.value is None:
        return None
    return quality, cost.times(units.cases / 1_000)


def cost_scale(costs: Sequence[float]) -> Literal["linear", "log", "symlog"]:
    """How an axis is scaled that all of these costs can be read on.

    >>> cost_scale([1.0, 5.0]), cost_scale([0.1, 50.0]), cost_scale([0.0, 0.1, 50.0])
    ('linear', 'log', 'symlog')
    """
    above = [cost for cost in costs if cost > 0]
    if not above or max(above) / min(above) < _DECADES:
        return "linear" if min(costs) >= 0 else "symlog"
    return "log" if len(above) == len(costs) else "symlog"
