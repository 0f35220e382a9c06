"""Quality against cost: which candidates nobody beats on both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from merits.core.estimate import Estimate
from merits.report.sections.candidates import CandidateRow, Units

__all__ = ["CostPoint", "FrontierSection", "frontier_section"]

_DECADES = 20  # costs further apart than this factor are drawn on a logarithmic axis


class CostPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate with a price; on the frontier when no other is as good for less, or better for as much."""

    name: str
    named: bool
    quality: Estimate
    cost: Estimate
    on_frontier: bool


class FrontierSection(msgspec.Struct, frozen=True, kw_only=True):
    """The priced candidates by cost; the frontier is one of point estimates, so neighbours on it may be tied.

    `unpriced` are the candidates whose cost is unknown: they are on no axis.
    """

    points: tuple[CostPoint, ...]
    unpriced: tuple[str, ...]
    scale: Literal["linear", "log", "symlog"]
    currency: str
    n_cases: int


def frontier_section(rows: Sequence[CandidateRow], currency: str, units: Units) -> FrontierSection | None:
    """None unless two candidates have both a quality and a cost. Costs are of `n_cases` cases."""
    known = [(row, *figures) for row in rows if (figures := _figures(row, units)) is not None]
    if len(known) < 2:
        return None
    places = [(cost.value or 0.0, quality.value or 0.0) for _, quality, cost in known]
    points = [
        CostPoint(name=row.name, named=row.named, quality=quality, cost=cost, on_frontier=not _beaten(place, places))
        for (row, quality, cost), place in zip(known, places, strict=True)
    ]
    unpriced = tuple(
        row.name for row in rows if row.standing.quality is not None and row.standing.cost_per_1000 is None
    )
    return FrontierSection(
        points=tuple(sorted(points, key=lambda point: (point.cost.value or 0.0, point.name))),
        unpriced=unpriced,
        scale=_scale([cost for cost, _ in places]),
        currency=currency,
        n_cases=units.cases,
    )


def _figures(row: CandidateRow, units: Units) -> tuple[Estimate, Estimate] | None:
    quality, cost = row.standing.quality, row.standing.cost_per_1000
    if quality is None or cost is None or quality.value is None or cost.value is None:
        return None
    return quality, cost.times(units.cases / 1_000)


def _beaten(place: tuple[float, float], places: Sequence[tuple[float, float]]) -> bool:
    """Whether another costs no more and is no worse, and is better in one of the two."""
    return any(other != place and other[0] <= place[0] and other[1] >= place[1] for other in places)


def _scale(costs: Sequence[float]) -> Literal["linear", "log", "symlog"]:
    above = [cost for cost in costs if cost > 0]
    if not above or max(above) / min(above) < _DECADES:
        return "linear" if min(costs) >= 0 else "symlog"
    return "log" if len(above) == len(costs) else "symlog"
