"""The plane of quality over cost: how far its axes reach, how they are scaled, and where on them something is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from merits.core.estimate import Estimate
from merits.core.identity import JSON
from merits.report.drawings.canvas import Spec, Width

__all__ = ["Span", "cost_axis", "cost_span", "ends_of", "inner_width", "quality_axis", "quality_span"]


class Span(NamedTuple):
    """An axis: its two ends in its own unit, and how it is scaled."""

    low: float
    high: float
    kind: Literal["linear", "log", "symlog"]
    constant: float = 1.0

    def place(self, value: float) -> float:
        """Where a value is along the axis, from 0 to 1."""
        low, high, at = (self._scaled(v) for v in (self.low, self.high, value))
        return (at - low) / (high - low) if high > low else 0.5

    def _scaled(self, value: float) -> float:
        if self.kind == "log":
            return math.log(value)
        if self.kind == "symlog":
            return math.copysign(math.log1p(abs(value) / self.constant), value)
        return value


def cost_span(costs: Sequence[float], kind: Literal["linear", "log", "symlog"]) -> Span:
    """The axis that costs are drawn along."""
    if kind == "log":
        return Span(min(costs) / 2, max(costs) * 2, "log")
    if kind == "symlog":
        smallest = min((abs(cost) for cost in costs if cost), default=1.0)
        return Span(min(0.0, *costs), max(costs) * 2 or 1.0, "symlog", smallest)
    return Span(0.0, max(costs) * 1.15 or 1.0, "linear")


def ends_of(estimates: Sequence[Estimate]) -> list[float]:
    """All ends and values that are known."""
    return [end for one in estimates for end in (one.low, one.high, one.value) if end is not None]


def quality_span(ends: Sequence[float]) -> Span:
    """The axis that shares solved are drawn up; all of `ends` must find room."""
    pad = 0.06 * (max(ends) - min(ends)) + 0.005
    return Span(max(0.0, min(ends) - pad), min(1.0, max(ends) + pad), "linear")


def cost_axis(span: Span, width: Width, *, n_cases: int, currency: str) -> Spec:
    """The field `cost` along."""
    scale: Spec = {"type": span.kind, "domain": [span.low, span.high], "nice": False}
    if span.kind == "symlog":
        scale["constant"] = span.constant
    axis: Spec = {
        "title": f"cost of {f'{n_cases:,} cases' if n_cases > 1 else 'a case'} ({currency})",
        "tickCount": width.ticks,
        "labelExpr": "format(datum.value, ',.3~r')",
    }
    if span.kind != "linear":
        axis["values"] = _decades(span, width)
        axis["grid"] = True
    return {"field": "cost", "type": "quantitative", "scale": scale, "axis": axis}


def quality_axis(span: Span, width: Width) -> Spec:
    """The field `quality` up."""
    return {
        "field": "quality",
        "type": "quantitative",
        "scale": {"domain": [span.low, span.high], "nice": False},
        "axis": {"title": None if width.narrow else "cases solved", "format": ".0%", "tickCount": 6},
    }


def inner_width(width: Width) -> float:
    """About how wide the plane is beside the labels of its axis, in pixels."""
    return width.pixels - (60 if width.narrow else 75)


def _decades(across: Span, width: Width) -> list[JSON]:
    """Powers of ten on the axis, and 0 where it is there; no more than fit."""
    smallest = across.low if across.kind == "log" else across.constant
    exponents = range(math.ceil(math.log10(smallest) - 1e-9), math.floor(math.log10(across.high) + 1e-9) + 1)
    every = max(1, math.ceil(len(exponents) / (width.ticks + 1)))
    ticks = [10.0**e for e in exponents][::every]
    if len(ticks) < 2:
        ticks = [float(f"{t:.1g}") for t in (smallest * 1.2, (smallest * across.high) ** 0.5, across.high / 1.2)]
    return [0.0, *ticks] if across.kind == "symlog" else [*ticks]
