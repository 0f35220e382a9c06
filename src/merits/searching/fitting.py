"""Which techniques fit into the time of a search: what each needs at least, by what the given candidates took.

Knows nothing about techniques but what trying them takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from merits.core.doors import Brief
from merits.core.evaluation import Evaluation
from merits.improving.registry import Effort

__all__ = ["first_that_fit", "seconds_of", "trial_seconds"]

# Trials of a usual seed that it takes to find anything. Those that replay stored answers are given a part of one.
_TRIALS: Mapping[Effort, float] = {"replays": 0.5, "trains": 2.0, "asks": 2.0, "trains long": 6.0}
_LEFT_OUT: tuple[Effort, ...] = ("replays", "trains", "asks", "trains long")  # the last one first
_IN_FLIGHT = 8  # answers that are waited for together, where it is not this machine that works


def trial_seconds(brief: Brief) -> float:
    """About how long it takes to ask all of dev of one more candidate like the given ones: seconds.

    The mean over those that are trained, or over all where none is; by machine time, or by how long one waits.

    >>> from merits.testing.evaluations import tiny
    >>> round(trial_seconds(Brief(None, tiny(), lambda name: [])), 2)
    0.12
    """
    evaluation = brief.evaluation
    names = [name in brief.trained for name in evaluation.names]
    counted = [k for k, is_trained in enumerate(names) if is_trained] or range(len(names))
    return float(np.mean([_seconds(evaluation, k) for k in counted]))


def _seconds(evaluation: Evaluation, k: int) -> float:
    answered = np.isin(evaluation.status[k], (1, 2, 3))
    if not answered.any():
        return 0.0
    each = max(evaluation.machine_s[k][answered].mean(), evaluation.latency_s[k][answered].mean() / _IN_FLIGHT)
    return float(each) * evaluation.n_rows


def seconds_of(effort: Effort, trial_s: float) -> float:
    """What a technique takes at least to find anything, where a trial takes so many seconds."""
    return _TRIALS[effort] * trial_s


def first_that_fit(needed: Sequence[tuple[Effort, float]], seconds: float) -> list[bool]:
    """Which of these techniques fit into a time: what trains long is left out first, of its like the last.

    The first one always fits: something is tried.

    >>> first_that_fit([("trains", 20.0), ("trains long", 60.0), ("asks", 20.0)], 70.0)
    [True, False, True]
    """
    order = sorted(range(len(needed)), key=lambda k: (_LEFT_OUT.index(needed[k][0]), k))
    fits, taken = [False] * len(needed), 0.0
    for k in order:
        if taken + needed[k][1] <= seconds or k == order[0]:
            fits[k] = True
            taken += needed[k][1]
    return fits
