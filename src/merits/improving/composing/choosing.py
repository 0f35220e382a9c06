"""Which policy to take, and what to promise of it: what a search says of its own winner is too good.

Of thousands of cascades the best on some rows is worse on others, so no figure here is of rows that were searched on.
Expectations are cross-fitted: searched on four fifths, looked at on the other. A floor is certified by learn then test
(Angelopoulos et al. 2021, arXiv 2110.01052): searched on one half, tested on the other, from safe to cheap, each
test at the full error rate and the first that fails ends it (fixed sequence).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merits.core.estimate import Estimate
from merits.improving.composing.frontier import Family, frontier
from merits.improving.composing.policies import Policy, Routed, Single
from merits.improving.composing.pool import Floats, Pool, folds
from merits.stats.clusters import clustered
from merits.stats.critical import t_critical
from merits.stats.noninferiority import difference_bounds

__all__ = ["Choice", "change", "extra", "floor", "highest_net", "no_loss", "saving"]

_FOLDS = 5
_STEPS = 13  # margins that are tried, from none to three standard errors


@dataclass(frozen=True)
class Choice:
    """A policy, against one candidate alone (`reference`, its number in the pool), and what is expected of it.

    `change` is its quality (or net value) less the reference's, `saving` the share of the reference's cost that it
    saves; both on rows that it was not searched on. `goal` says what was promised. `n_searched` policies were compared.
    """

    policy: Policy
    reference: int
    change: Estimate
    saving: Estimate
    goal: str
    n_searched: int

    @property
    def composed(self) -> bool:
        """Whether it is more than one candidate alone."""
        return not isinstance(self.policy, Single)


def no_loss(pool: Pool, families: Sequence[Family], generator: np.random.Generator, *, against: int = -1) -> Choice:
    """The cheapest policy that is expected to lose nothing against the best candidate alone (or against this one).

    Each policy is one that on the rows it was searched on was better than the reference by a margin; the margin is the
    least at which, on the other rows, nothing is lost. Where none is enough, the reference alone.

    >>> steady, lucky = np.ones(90), np.arange(90) % 3 > 0
    >>> value, cost = np.stack([lucky, steady]).astype(float), np.repeat([[0.1], [1.0]], 90, axis=1)
    >>> sure = np.stack([np.where(lucky, 0.9, 0.4), steady])
    >>> pool = Pool((), value, cost, sure, np.zeros((2, 90), int), ("yes",), np.arange(90))
    >>> from merits.improving.composing.chains import chains
    >>> chosen = no_loss(pool, [chains], np.random.default_rng(0))
    >>> chosen.policy.order, round(chosen.saving.value, 2)
    ((0, 1), 0.57)
    """
    whole = frontier(pool, families)
    reference = pool.best if against < 0 else against
    margins = _margins(pool, reference)
    tried = _cross_fitted(pool, families, reference, margins, generator)
    base = Single(reference).apply(pool)
    lost = [float((routed.value - base.value).mean()) for routed in tried]
    enough = [at for at, each in enumerate(lost) if each >= 0.0]
    at = min(enough, key=lambda each: float(tried[each].cost.mean())) if enough else -1
    policy = whole.cheapest(float(base.value.mean()) + margins[at]) if enough else None
    if policy is None or float(policy.apply(pool).cost.mean()) >= float(base.cost.mean()):
        policy, routed = Single(reference), base
    else:
        routed = tried[at]
    goal = "cheapest that is expected to lose nothing"
    return _choice(pool, policy, routed, reference=reference, goal=goal, n_searched=whole.n_searched)


def floor(
    pool: Pool,
    families: Sequence[Family],
    generator: np.random.Generator,
    *,
    epsilon: float,
    delta: float,
    against: int = -1,
) -> Choice:
    """The cheapest policy of which it is certified, at 1 - delta, that it loses at most epsilon.

    With probability delta at most it loses more than epsilon against the reference on future rows like these. The
    bound is Tango's with half a made-up loss for what is solved or not (Bonett and Price's lets a policy that only
    ever loses pass more often than it says), betting or t for scores. Nothing certified: the reference alone.
    """
    fold = folds(pool.groups, 2, generator)
    fit, held = pool.rows(fold == 0), pool.rows(fold == 1)
    reference = fit.best if against < 0 else against
    found = frontier(fit, families)
    base = Single(reference).apply(held)
    policy: Policy = Single(reference)
    dearest = float(Single(reference).apply(fit).cost.mean())
    for at in _sequence(found.values, found.costs, dearest):
        routed = found.policies[at].apply(held)
        bound = difference_bounds(routed.value, base.value, held.clustered, 1.0 - delta).low
        if bound is None or bound < -epsilon:
            break
        policy = found.policies[at]
    goal = f"cheapest that loses at most {100 * epsilon:g} points, certified at {1 - delta:.0%}"
    return _choice(held, policy, policy.apply(held), reference=reference, goal=goal, n_searched=found.n_searched)


def highest_net(pool: Pool, families: Sequence[Family], generator: np.random.Generator) -> Choice:
    """The policy that is expected to bring most above its cost, where values are money, and what more that is.

    The reference is the candidate that brings most alone. `change` is in money, cost included.
    """
    reference = int(np.argmax((pool.value - pool.cost).mean(axis=1)))
    whole = frontier(pool, families)
    fold = folds(pool.groups, _FOLDS, generator)
    value, cost = np.zeros(pool.n), np.zeros(pool.n)
    for one in range(_FOLDS):
        out = np.flatnonzero(fold == one)
        routed = frontier(pool.rows(fold != one), families).best_net().apply(pool.rows(out))
        value[out], cost[out] = routed.value, routed.cost
    base = Single(reference).apply(pool)
    policy: Policy = whole.best_net()
    gain = float((value - cost).mean() - (base.value - base.cost).mean())
    chosen, routed = (policy, Routed(value, cost)) if gain > 0.0 else (Single(reference), base)
    more = extra(routed.value - routed.cost, base.value - base.cost, pool)
    return Choice(chosen, reference, more, saving(routed, base, pool), "highest net value", whole.n_searched)


def change(routed: Routed, base: Routed, pool: Pool, level: float = 0.95) -> Estimate:
    """The quality of a policy less that of another on the same rows, with two one-sided bounds."""
    return difference_bounds(routed.value, base.value, pool.clustered, level)


def saving(routed: Routed, base: Routed, pool: Pool, level: float = 0.95) -> Estimate:
    """The share of the cost of `base` that is saved: 1 - Σ cost / Σ cost of base, with its interval.

    The interval is Student's t on the residuals cost - ratio · cost of base (the delta method for a ratio of sums;
    Cochran 1977, Sampling Techniques, section 6.4).
    """
    total = float(base.cost.sum())
    if total <= 0.0:
        return Estimate(value=None, low=None, high=None, level=level, n=pool.n, unit="rate", method="nothing to save")
    ratio = float(routed.cost.sum()) / total
    error, n = _error(routed.cost - ratio * base.cost, pool)
    half = float(t_critical(level, n - 1)) * error / (total / pool.n) if n > 1 else np.inf
    method = "ratio of sums, t on residuals"
    return Estimate(
        value=1.0 - ratio, low=1.0 - ratio - half, high=1.0 - ratio + half, level=level, n=n, unit="rate", method=method
    )


def extra(first: Floats, second: Floats, pool: Pool, level: float = 0.95) -> Estimate:
    """How much more money the first brings a case than the second, with Student's t interval."""
    difference = first - second
    error, n = _error(difference, pool)
    half = float(t_critical(level, n - 1)) * error if n > 1 else np.inf
    middle = float(difference.mean())
    return Estimate(
        value=middle, low=middle - half, high=middle + half, level=level, n=n, unit="money", method="paired t"
    )


def _error(values: Floats, pool: Pool) -> tuple[float, int]:
    """The standard error of a mean, and of how many independent pieces of evidence it is."""
    groups = pool.clustered
    found = clustered(values, np.arange(pool.n) if groups is None else groups)
    return float(np.sqrt(found.variance)), found.n_groups


def _choice(pool: Pool, policy: Policy, routed: Routed, *, reference: int, goal: str, n_searched: int) -> Choice:
    base = Single(reference).apply(pool)
    return Choice(policy, reference, change(routed, base, pool), saving(routed, base, pool), goal, n_searched)


def _margins(pool: Pool, reference: int) -> Floats:
    """From nothing to three standard errors of a difference: what luck adds to a winner is of that size."""
    others = np.delete(np.arange(pool.size), reference)
    spread = min((float((pool.value[reference] - pool.value[k]).std()) for k in others), default=0.0)
    return np.asarray(np.linspace(0.0, 3.0, _STEPS) * spread / np.sqrt(max(pool.n, 1)))


def _cross_fitted(
    pool: Pool, families: Sequence[Family], reference: int, margins: Floats, generator: np.random.Generator
) -> list[Routed]:
    """What policies of each margin bring and take on rows that they were not searched on."""
    fold = folds(pool.groups, _FOLDS, generator)
    value, cost = (np.zeros((len(margins), pool.n)) for _ in range(2))
    for one in range(_FOLDS):
        out = np.flatnonzero(fold == one)
        fit, held = pool.rows(fold != one), pool.rows(out)
        found = frontier(fit, families)
        least = float(fit.value[reference].mean())
        done: dict[int, Routed] = {}
        for at, margin in enumerate(margins):
            policy = found.cheapest(least + float(margin)) or Single(reference)
            key = id(policy) if not isinstance(policy, Single) else -1
            if key not in done:
                done[key] = policy.apply(held)
            routed = done[key]
            value[at, out], cost[at, out] = routed.value, routed.cost
    return [Routed(*each) for each in zip(value, cost, strict=True)]


def _sequence(values: Floats, costs: Floats, dearest: float) -> list[int]:
    """The order of the tests: from the best policy on the fitting rows to the cheapest.

    Policies dearer than the reference are of no use and would only spend rows.
    """
    useful = np.flatnonzero(costs <= dearest)
    return [int(at) for at in useful[np.argsort(-values[useful], kind="stable")]]
