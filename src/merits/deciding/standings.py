"""How each candidate came out: every figure of the table, each with its interval."""

from __future__ import annotations

from merits.core.decision import Standing
from merits.core.estimate import Estimate
from merits.core.outcome import Status
from merits.deciding.assessment import Assessment
from merits.deciding.assisted import assisted_quality
from merits.deciding.cases import Cases
from merits.deciding.chances import Chances
from merits.deciding.economics import cost_per_case, net_value, per_month, solved_cost
from merits.deciding.human import corrected_share
from merits.stats.quantiles import quantile

__all__ = ["share_solved", "standings"]


def standings(counting: Assessment, answered: Cases, odds: Chances | None = None) -> tuple[Standing, ...]:
    """The standing of every candidate, in the evaluation's order.

    `counting` is the assessment in which failures count as wrong, `answered` the cases without them, `odds` how
    probable it is that each is the best.
    """
    return tuple(_standing(counting, answered, odds, k) for k in range(len(counting.names)))


def _standing(counting: Assessment, answered: Cases, odds: Chances | None, k: int) -> Standing:
    cases, needs = counting.cases, counting.needs
    level = needs.confidence
    leader = counting.leader
    behind = leader is not None and k != leader and k in counting.members
    cost = cost_per_case(cases, k, level)
    assessed = k in cases.assessed  # of one that was never scored nothing is known, its worth least of all
    worth = net_value(cases, k, needs, level) if assessed else None
    helped = assisted_quality(cases, k, level)
    return Standing(
        candidate=counting.names[k],
        candidate_id=cases.evaluation.candidates[k].id,
        relation=counting.relation(k),
        quality=share_solved(cases, k, level),
        quality_answered=share_solved(answered, k, level),
        behind=counting.compared.difference(leader, k) if behind and leader is not None else None,
        p_value=counting.compared.p_value(leader, k) if behind and leader is not None else None,
        requirements=counting.results.get(k, ()),
        cost_per_1000=cost and cost.times(1000),
        cost_per_solved=solved_cost(cases, k, level) if assessed else None,
        net_value_per_case=worth,
        net_value_per_month=per_month(worth, needs),
        latency_p50_s=_latency(cases, k, 0.50, level),
        latency_p95_s=_latency(cases, k, 0.95, level),
        quality_assisted=helped.estimate if helped is not None and helped.used else None,
        assisted_variance=None if helped is None else helped.variance_ratio,
        n_scored=cases.count(Status.SCORED, k),
        n_failed=cases.count(Status.FAILED, k),
        n_unscored=cases.count(Status.UNSCORED, k),
        n_missing=cases.count(Status.MISSING, k),
        p_best=None if odds is None else odds.p_best(k),
        expected_regret=None if odds is None else odds.expected_regret(k),
    )


def share_solved(cases: Cases, k: int, level: float) -> Estimate | None:
    """The share solved; None when the candidate was never scored: then nothing is known of its quality."""
    if k not in cases.assessed:
        return None
    by_people = corrected_share(cases, k, level)
    return cases.rate(cases.solved[k], cases.counted[k], level) if by_people is None else by_people


def _latency(cases: Cases, k: int, q: float, level: float) -> Estimate | None:
    mask = cases.asked[k] & ~cases.failed[k]
    if not mask.any() or not cases.timed[k]:
        return None
    return quantile(cases.evaluation.latency_s[k][mask], q, cases.groups_at(mask), level)
