"""Requirements that can race: those that are a floor on a mean of values from 0 to 1, case by case.

Shares solved, of a class, in every slice, failures, percentiles of latency (as the share in time), what is lost under a
perturbation, and not being worse than another candidate by more than a margin. Costs, and measures of all answers
together, are judged at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from merits.core.evaluation import Evaluation
from merits.core.needs import Needs, Requirement
from merits.core.robustness import levels_under
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.drops import partners_of
from merits.deciding.measuring import rival_of
from merits.deciding.metrics import QUANTILES
from merits.stats.critical import Bools, Floats
from merits.stats.gates import Gates

__all__ = ["Bar", "gates_for", "gates_values", "raced_bars", "unraced"]

_SOLVED = ("accuracy", "solved", "quality")


@dataclass(frozen=True)
class Bar:
    """A requirement as a floor on a mean of values in 0..1; in one `slice`, `under` one perturbation, or against a
    `rival`, if it is on that.
    """

    requirement: Requirement
    floor: float
    slice: str = ""
    rival: str = ""
    under: str = ""


def raced_bars(needs: Needs, evaluation: Evaluation) -> tuple[Bar, ...]:
    """The requirements that race as gates. One on every slice, or under every strength, makes a gate of each."""
    found = [bar for requirement in needs.requirements for bar in _bars(requirement, needs, evaluation)]
    return tuple(bar for bar in found if 0.0 < bar.floor < 1.0)


def _bars(requirement: Requirement, needs: Needs, evaluation: Evaluation) -> Iterator[Bar]:
    metric, at_least = requirement.metric, requirement.op == ">="
    if requirement.is_fact:
        return
    if requirement.under:
        if metric in _SOLVED and not at_least and not requirement.by:
            for under in levels_under(requirement.under, Cases(evaluation, POLICIES[0]).levels):
                yield Bar(requirement, (1.0 - requirement.bar) / 2.0, under=under)
        return
    if requirement.against:
        rival = rival_of(requirement, needs)
        if metric in _SOLVED and at_least and not requirement.by and rival in evaluation.names:
            yield Bar(requirement, (1.0 + requirement.bar) / 2.0, rival=rival)
        return
    floor = requirement.bar
    if metric == "failure_rate" and not at_least:
        floor = 1.0 - requirement.bar
    elif metric in QUANTILES and not at_least:
        floor = QUANTILES[metric]
    elif not (at_least and (metric in _SOLVED or (metric == "recall" and evaluation.labels is not None))):
        return
    if not requirement.by:
        yield Bar(requirement, floor)
        return
    for name in np.unique(evaluation.tags[requirement.by]).tolist():
        if name:
            yield Bar(requirement, floor, str(name))


def gates_values(bar: Bar, cases: Cases) -> tuple[Floats, Bools]:
    """What a bar is on, in 0..1, and which rows say anything (candidates, rows)."""
    if bar.rival:
        return _against(bar.rival, cases)
    if bar.under:
        return _under(bar.under, cases)
    values, mask = _values(bar.requirement, cases)
    if bar.slice:
        mask = mask & (cases.evaluation.tags[bar.requirement.by] == bar.slice)
    return values, mask


def _values(requirement: Requirement, cases: Cases) -> tuple[Floats, Bools]:
    if requirement.metric == "failure_rate":
        return 1.0 - cases.failed.astype(np.float64), cases.asked
    if requirement.metric in QUANTILES:
        in_time = (cases.evaluation.latency_s <= requirement.bar) & ~cases.failed
        asked = cases.asked if cases.policy == POLICIES[0] else cases.asked & ~cases.failed
        return in_time.astype(np.float64), asked & cases.timed[:, None]
    labels = cases.evaluation.labels
    if requirement.metric == "recall" and labels is not None:
        code = labels.classes.index(requirement.of)
        hits = (labels.predicted == code) & cases.scored
        return hits.astype(np.float64), cases.counted & (labels.target == code)
    return cases.solved.astype(np.float64), cases.counted


def _under(perturbation: str, cases: Cases) -> tuple[Floats, Bools]:
    """Half of 1 less what is lost under a perturbation, on the rows as they are that also have an answer under it."""
    noisy = replace(cases, perturbation=perturbation)
    partner = partners_of(cases, noisy)
    rows = np.flatnonzero(noisy.clean & (partner >= 0))
    own = partner[rows]
    values, mask = np.ones(cases.scored.shape), np.zeros(cases.scored.shape, np.bool_)
    values[:, own] = (1.0 + noisy.solved[:, rows].astype(np.float64) - cases.solved[:, own]) / 2.0
    mask[:, own] = noisy.counted[:, rows] & cases.counted[:, own]
    return values, mask


def _against(rival: str, cases: Cases) -> tuple[Floats, Bools]:
    """Half of 1 plus the difference to the other candidate, on the rows that count for both."""
    other = cases.evaluation.index(rival)
    solved = cases.solved.astype(np.float64)
    values = (1.0 + solved - solved[other]) / 2.0
    values[other] = 1.0  # no candidate is worse than itself
    return values, cases.counted & cases.counted[other]


def gates_for(
    bars: Sequence[Bar], n_candidates: int, error: float, objective: Literal["quality", "net value"]
) -> Gates | None:
    """The gates of a race, whose errors together have a probability of at most `error`; None without bars.

    Half is for calling a candidate short that is not (each of which could be the best), half for taking any of the
    candidates for one that meets a bar. No bar is held to be missed at less than its own confidence.
    """
    if not bars:
        return None
    each = error / 2.0 / len(bars)
    return Gates(
        n_candidates,
        [bar.floor for bar in bars],
        meet=[each / n_candidates] * len(bars),
        miss=[min(each, 1.0 - bar.requirement.confidence) for bar in bars],
        implied=[_is_implied(bar, objective) for bar in bars],
    )


def unraced(needs: Needs, bars: Sequence[Bar]) -> tuple[Requirement, ...]:
    """The requirements that have to be measured and do not race: they are judged when everything was asked."""
    raced = [bar.requirement for bar in bars]
    return tuple(r for r in needs.requirements if not r.is_fact and r not in raced)


def _is_implied(bar: Bar, objective: Literal["quality", "net value"]) -> bool:
    """Whether whoever does better in what is raced by meets the bar too, if one who does worse meets it."""
    if objective == "net value":
        return bar.requirement.metric == "net_value_per_case"
    return bar.requirement.metric in _SOLVED and not bar.slice and not bar.requirement.under
