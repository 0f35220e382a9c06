"""Requirements that can race: those that are a floor on a rate, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from merits.core.needs import Needs, Requirement
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.metrics import QUANTILES
from merits.stats.critical import Floats
from merits.stats.gates import Gates

__all__ = ["Bar", "gates_for", "passes", "raced_bars"]

_SOLVED = ("accuracy", "solved", "quality")


@dataclass(frozen=True)
class Bar:
    """A requirement as a floor on the share of cases that pass."""

    requirement: Requirement
    floor: float


def raced_bars(needs: Needs) -> tuple[Bar, ...]:
    """The requirements that race as gates: the share solved, the share that failed, percentiles of latency.

    A percentile of latency is a floor on the share of answers that come in time.
    """
    found = []
    for requirement in needs.requirements:
        if not requirement.is_plain:
            continue
        if requirement.metric in _SOLVED and requirement.op == ">=" and not requirement.of:
            found.append(Bar(requirement, requirement.bar))
        elif requirement.metric == "failure_rate" and requirement.op == "<=":
            found.append(Bar(requirement, 1.0 - requirement.bar))
        elif requirement.metric in QUANTILES and requirement.op == "<=":
            found.append(Bar(requirement, QUANTILES[requirement.metric]))
    return tuple(bar for bar in found if 0.0 < bar.floor < 1.0)


def passes(bar: Bar, cases: Cases) -> Floats:
    """1 where a row passes, 0 where not (candidates, rows); a failure that counts passes nothing."""
    metric = bar.requirement.metric
    if metric in _SOLVED:
        return cases.solved.astype(np.float64)
    if metric == "failure_rate":
        return 1.0 - cases.failed.astype(np.float64)
    in_time = cases.evaluation.latency_s <= bar.requirement.bar
    failed_late = cases.failed if cases.policy == POLICIES[0] else np.zeros_like(cases.failed)
    return (in_time & ~failed_late).astype(np.float64)


def gates_for(
    bars: Sequence[Bar], n_candidates: int, error: float, objective: Literal["quality", "net value"]
) -> Gates | None:
    """The gates of a race, whose errors together have a probability of at most `error`; None without bars.

    Half is for calling a candidate short that is not (each of which could be the best), half for taking any of the
    candidates for one that meets a bar.
    """
    if not bars:
        return None
    return Gates(
        n_candidates,
        [bar.floor for bar in bars],
        meet=[error / 2.0 / n_candidates / len(bars)] * len(bars),
        miss=[error / 2.0 / len(bars)] * len(bars),
        implied=[bar.requirement.metric in _SOLVED and objective == "quality" for bar in bars],
    )
