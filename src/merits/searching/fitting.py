"""Which techniques fit into the time of a search: what each needs at least, by what the given candidates took.

Knows nothing about techniques but what trying them takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from merits.core.doors import Brief
from merits.core.evaluation import Evaluation
from merits.improving.registry import Effort

__all__ = ["first_that_fit", "reserved_amount", "reserved_seconds", "seconds_of", "trial_seconds"]

# Trials of a usual seed that it takes to find anything. Those that replay stored answers are given a part of one.
_TRIALS: Mapping[Effort, float] = {"replays": 0.5, "trains": 2.0, "asks": 2.0, "trains long": 6.0}
_LEFT_OUT: tuple[Effort, ...] = ("replays", "trains", "asks", "trains long")  # the last one first
_AND_FOUND = 2.0  # what was found together with the given ones, in what these take
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


def reserved_seconds(evaluation: Evaluation, n_test: int) -> float:
    """About how long it takes to ask these candidates, and what was found, so many test examples: seconds.

    What was found takes as long as all the given ones together; where it asks those, their answers are there by then.

    >>> from merits.testing.evaluations import tiny
    >>> round(reserved_seconds(tiny(), 8), 2)
    0.92
    """
    of_dev = sum(_seconds(evaluation, k) for k in range(len(evaluation.candidates)))
    return _AND_FOUND * of_dev * n_test / max(evaluation.n_rows, 1)


def reserved_amount(evaluation: Evaluation, unit: str, n_test: int) -> float:
    """What that takes of a budget of money, calls or tokens, in its unit; 0 of any other.

    >>> from merits.testing.evaluations import tiny
    >>> reserved_amount(tiny(), "calls", 8)
    32.0
    """
    if unit == "calls":
        of_dev = float(evaluation.attempts.sum())
    elif unit == "tokens":
        of_dev = float(sum(tokens.sum() for tokens in evaluation.tokens.values()))
    else:
        of_dev = float(evaluation.cost[evaluation.priced].sum()) if unit == evaluation.currency else 0.0
    return _AND_FOUND * of_dev * n_test / max(evaluation.n_rows, 1)


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
