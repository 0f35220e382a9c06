"""How long answers took: the distribution of each candidate's latencies."""

from __future__ import annotations

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.report.sections.subject import Subject

__all__ = ["LatencyRow", "LatencySection", "latency_section"]

_BINS = 60
_SHORTEST_S = 1e-7  # a clock's resolution; keeps 0 off the logarithmic axis


class LatencyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate: the share of answers in each bin, and the quantiles with their intervals where known."""

    name: str
    named: bool
    shares: tuple[float, ...]
    p05_s: float
    p50_s: float
    p95_s: float
    p50: Estimate | None
    p95: Estimate | None
    n: int


class LatencySection(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates over the same bins (edges in seconds, in equal ratios)."""

    edges_s: tuple[float, ...]
    rows: tuple[LatencyRow, ...]


def latency_section(subject: Subject) -> LatencySection | None:
    """None when no latency above 0 was measured."""
    evaluation, scored = subject.evaluation, subject.cases.scored
    measured = {k: evaluation.latency_s[k][scored[k]] for k in subject.order if subject.cases.timed[k]}
    measured = {k: np.maximum(values, _SHORTEST_S) for k, values in measured.items() if (values > 0).any()}
    if not measured:
        return None
    low = min(float(values.min()) for values in measured.values())
    high = max(float(values.max()) for values in measured.values())
    edges = np.geomspace(low / 1.05, high * 1.05, _BINS + 1)
    rows = tuple(_row(subject, k, values, edges) for k, values in measured.items())
    return LatencySection(edges_s=tuple(edges.tolist()), rows=rows)


def _row(
    subject: Subject,
    k: int,
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    edges: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> LatencyRow:
    p05, p50, p95 = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
    standing = subject.decision.standing(subject.name(k))
    counts = np.histogram(values, edges)[0]
    return LatencyRow(
        name=subject.name(k),
        named=subject.name(k) == subject.decision.candidate,
        shares=tuple((counts / len(values)).round(6).tolist()),
        p05_s=p05,
        p50_s=p50,
        p95_s=p95,
        p50=standing.latency_p50_s,
        p95=standing.latency_p95_s,
        n=len(values),
    )
