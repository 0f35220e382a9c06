"""What labels of people say of the scorer's verdicts: every figure that is decided on carries the scorer's error.

Where people labelled some of the answers, a candidate's quality is the scorer's on all answers, corrected by what
people said of some (`stats.powered`). A candidate without enough labels is compared with nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import numpy as np

from merits.core.estimate import Estimate
from merits.core.needs import Needs
from merits.deciding.cases import Cases
from merits.deciding.values import gain_bounds, net_values, objective_of
from merits.stats.critical import Bools, Floats, t_critical
from merits.stats.paired import PairedDifferences, compare_all
from merits.stats.powered import FEWEST_LABELS, METHOD, Powered, powered, powered_mean
from merits.stats.sequences import time_uniform

__all__ = [
    "Corrected",
    "corrected",
    "corrected_difference",
    "corrected_mean",
    "corrected_share",
    "is_labelled",
    "n_labelled",
]


def is_labelled(cases: Cases) -> bool:
    """Whether people labelled any of the answers that are decided on."""
    human = cases.evaluation.human
    return human is not None and bool((human.said & cases.scored).any())


def n_labelled(cases: Cases, k: int) -> int:
    """How many independent answers of candidate k people labelled."""
    human = cases.evaluation.human
    if human is None:
        return 0
    known = human.said[k] & cases.scored[k]
    return int(np.count_nonzero(known)) if cases.groups is None else len(np.unique(cases.groups[known]))


@dataclass(frozen=True)
class Corrected:
    """The objective's values of some candidates, corrected: `parts` in their order, `values` (members, rows).

    `scale` is the largest difference that one row can make. Failures are what they are: nobody has to judge them.
    """

    parts: tuple[Powered, ...]
    values: Floats
    counted: Bools
    scale: float

    @cached_property
    def stretch(self) -> float:
        """What a labelled row stands for at most, of the candidates that have enough labels."""
        known = [part.stretch for part in self.parts if part.n >= FEWEST_LABELS]
        return max(known, default=1.0)

    def pairs(self, cases: Cases) -> PairedDifferences:
        """All paired differences; of a pair without enough labels the error is infinite.

        The variance is that of a line fitted to the labelled rows, so t has as many degrees of freedom as these leave.
        `n_groups` are labelled independent rows: what more evidence there must be of.
        """
        found = compare_all(self.values, self.counted, cases.groups, scale=self.scale * self.stretch)
        n = np.array([part.n for part in self.parts], dtype=np.float64)
        fewest = np.minimum(n[:, None], n[None, :])
        grown = np.sqrt(np.where(fewest > 2, fewest / np.maximum(fewest - 2.0, 1.0), np.inf))
        error = np.where(fewest >= FEWEST_LABELS, found.error * grown, np.inf)
        np.fill_diagonal(error, np.diag(found.error))
        return replace(found, error=error, df=np.maximum(fewest - 2.0, -1.0), n_groups=fewest, anytime=cases.anytime)


def corrected(cases: Cases, needs: Needs, members: Sequence[int]) -> Corrected | None:
    """The corrected values of the objective; None where people labelled nothing."""
    if not is_labelled(cases):
        return None
    by_people = _by_people(cases)
    if objective_of(needs) == "quality":
        judge, human, scale = cases.solved.astype(np.float64), by_people.solved.astype(np.float64), 1.0
    else:
        judge, human = net_values(cases, needs), net_values(by_people, needs)
        least, most = gain_bounds(needs)
        scale = most - least
    unit = scale or 1.0
    parts = [_powered(cases, k, judge[k] / unit, human[k] / unit) for k in members]
    values = np.stack(
        [np.where(cases.scored[k], part.values * unit, judge[k]) for k, part in zip(members, parts, strict=True)]
    )
    return Corrected(tuple(parts), values, cases.counted[list(members)], scale)


def corrected_share(cases: Cases, k: int, level: float, *, one_sided: bool = False) -> Estimate | None:
    """The share solved by candidate k, corrected; None where people labelled nothing. Failures are not solved."""
    return corrected_mean(cases, k, lambda each: each.solved[k].astype(np.float64), level, one_sided=one_sided)


def corrected_mean(
    cases: Cases,
    k: int,
    values: Callable[[Cases], Floats],
    level: float,
    *,
    failed: float = 0.0,
    one_sided: bool = False,
) -> Estimate | None:
    """The mean of values from 0 to 1 (rows,) that follow from what was solved; a failure is worth `failed`.

    None where people labelled nothing. Whether an ask fails is chance too: where some do, the ends hold for every
    share of answers in its own interval, each of both intervals missing half as often (Bonferroni).
    """
    if not is_labelled(cases):
        return None
    n_counted, n_scored = int(np.count_nonzero(cases.counted[k])), int(np.count_nonzero(cases.scored[k]))
    whole = n_counted == n_scored or not n_scored
    inner_level = level if whole else 1.0 - (1.0 - level) / 2.0
    part = _powered(cases, k, values(cases), values(_by_people(cases)))
    inner = powered_mean(part, cases.groups, inner_level, one_sided=one_sided, anytime=cases.anytime)
    if whole:
        return inner
    answered = (cases.rate_bounds if one_sided else cases.rate)(cases.scored[k], cases.counted[k], inner_level)
    shares = [0.0 if answered.low is None else answered.low, 1.0 if answered.high is None else answered.high]
    low, high = (
        pick(share * end + (1.0 - share) * failed for share in shares)
        for pick, end in ((min, inner.low or 0.0), (max, 1.0 if inner.high is None else inner.high))
    )
    value = (n_scored * (inner.value or 0.0) + (n_counted - n_scored) * failed) / n_counted
    method = f"{inner.method}; with the share answered"
    return msgspec.structs.replace(inner, value=value, low=low, high=high, level=level, method=method)


def corrected_difference(cases: Cases, i: int, j: int, level: float) -> Estimate | None:
    """The share solved by i minus that by j with two one-sided bounds, corrected; None where nothing is labelled."""
    found = corrected(cases, Needs(), (i, j))
    if found is None:
        return None
    pairs = found.pairs(cases)
    centre, error, n = (float(table[0, 1]) for table in (pairs.centre, pairs.error, pairs.n_groups))
    reach = (
        float(time_uniform(level, n) if cases.anytime else t_critical(2.0 * level - 1.0, n - 2.0)) if n > 2 else np.inf
    )
    known = bool(np.isfinite(error) and np.isfinite(reach))
    return Estimate(
        value=float(pairs.difference[0, 1]),
        low=max(centre - reach * error, -1.0) if known else -1.0,
        high=min(centre + reach * error, 1.0) if known else 1.0,
        level=level,
        n=int(n),
        unit="points",
        method=f"{METHOD}, paired, each end one-sided",
    )


def _powered(cases: Cases, k: int, judge: Floats, human: Floats) -> Powered:
    said = cases.evaluation.human
    assert said is not None
    return powered(judge, human, said.said[k], cases.scored[k], cases.groups)


def _by_people(cases: Cases) -> Cases:
    """The cases as if what people said of an answer were its score."""
    evaluation = cases.evaluation
    assert evaluation.human is not None
    solved = np.where(evaluation.human.said, evaluation.human.solved, evaluation.solved)
    return Cases(
        replace(evaluation, solved=np.asarray(solved)),
        cases.policy,
        asked_of=cases.asked_of,
        perturbation=cases.perturbation,
        within=cases.within,
    )
