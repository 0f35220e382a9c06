"""What the data leave open about several means at once: the flat paired-normal posterior, and what follows from it.

Who is best with which probability, what a wrong choice costs, what perfect knowledge and what more examples would be
worth. Means and covariances are all that is needed, so 100,000 rows take no longer to draw from than 100.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from merits.core.estimate import Estimate, Unit
from merits.stats.critical import Bools, Floats, Ints, normal_critical
from merits.stats.proportions import wilson_limits

__all__ = ["Posterior", "Sample", "posterior"]

DRAWS = 20_000
_SAME = 1e-12


@dataclass(frozen=True)
class Posterior:
    """Normal, of the means relative to one of them: `mean` (k,) and `covariance` (k, k) with zeros at that one.

    Differences are all that a choice depends on. `n` is the number of rows (or groups) that the means rest on,
    `twin` (k,) gives candidates whose rows are all the same a common code.
    """

    mean: Floats
    covariance: Floats
    n: int
    twin: Ints

    def drawn(self, generator: np.random.Generator, draws: int = DRAWS) -> Sample:
        """Draws of the means, on which every probability and every loss is then counted."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return Sample(self, generator.standard_normal((draws, len(self.mean))) @ root.T)


@dataclass(frozen=True)
class Sample:
    """Draws from a posterior: `deviations` (draws, k) from its mean. Every figure comes from the same draws.

    Intervals tell the error of counting draws, which more draws would shrink; what the data leave open is in the
    probabilities themselves.
    """

    posterior: Posterior
    deviations: Floats

    @cached_property
    def means(self) -> Floats:
        """The drawn means (draws, k), relative to the same one as the posterior's."""
        return np.asarray(self.posterior.mean + self.deviations)

    @cached_property
    def shares_best(self) -> Floats:
        """P(best) of each, summing to 1. Those whose rows are all the same share theirs: none is best by luck."""
        winners = np.argmax(self.means, axis=1)
        shares = np.bincount(winners, minlength=self.means.shape[1]) / len(winners)
        together = np.bincount(self.posterior.twin, weights=shares)
        sizes = np.bincount(self.posterior.twin)
        return np.asarray((together / np.maximum(sizes, 1))[self.posterior.twin])

    def p_best(self, k: int, level: float = 0.95) -> Estimate:
        """The probability that the mean of k is the highest of all."""
        return self._probability(float(self.shares_best[k]), "is best", level)

    def p_within(self, k: int, margin: float, level: float = 0.95) -> Estimate:
        """The probability that no mean is above that of k by more than a margin."""
        close = self.means.max(axis=1) - self.means[:, k] <= margin
        return self._probability(float(close.mean()), "is best, or worse by no more than the margin", level)

    def expected_regret(self, k: int, level: float = 0.95, *, unit: Unit = "points", currency: str = "") -> Estimate:
        """What choosing k loses on average against the best: E[max of all - k], 0 where k is certainly best."""
        losses = self.means.max(axis=1) - self.means[:, k]
        return self._amount(losses, "expected regret", level, unit, currency)

    def perfect_information(self, level: float = 0.95, *, unit: Unit = "points", currency: str = "") -> Estimate:
        """What knowing the true means would be worth: EVPI = E[max] - max E, the regret of the best-looking choice.

        Raiffa & Schlaifer (1961), Applied Statistical Decision Theory.
        """
        best = int(np.argmax(self.posterior.mean))
        losses = self.means.max(axis=1) - self.means[:, best]
        return self._amount(losses, "expected value of perfect information", level, unit, currency)

    def sample_information(
        self, more: int, level: float = 0.95, *, unit: Unit = "points", currency: str = ""
    ) -> Estimate:
        """What `more` examples (or groups) would be worth: EVSI = E[max of the means after them] - max now.

        The means after n' more of them are spread around today's with C(1/n - 1/(n + n')): today's covariance times
        n'/(n + n'). Raiffa & Schlaifer (1961), preposterior analysis.
        """
        now = self.posterior.mean
        share = np.sqrt(more / (more + self.posterior.n))
        later = now + share * self.deviations
        gains = later.max(axis=1) - later[:, int(np.argmax(now))]
        return self._amount(gains, f"expected value of {more:,} more", level, unit, currency)

    def _probability(self, share: float, what: str, level: float) -> Estimate:
        draws = len(self.deviations)
        low, high = wilson_limits(share * draws, draws, level)
        return Estimate(
            value=share,
            low=float(low),
            high=float(high),
            level=level,
            n=self.posterior.n,
            unit="rate",
            method=f"share of {draws:,} draws from the paired posterior in which it {what}; "
            "the interval is the error of the draws",
        )

    def _amount(self, losses: Floats, what: str, level: float, unit: Unit, currency: str) -> Estimate:
        draws = len(losses)
        value = float(losses.mean())
        half = normal_critical(level) * float(losses.std()) / math.sqrt(draws)
        # Where no draw shows a loss it may still be there once in so many draws: the rule of three.
        rare = 3.0 / draws * self._reach if not losses.any() else 0.0
        return Estimate(
            value=value,
            low=float(max(value - half, 0.0)),
            high=float(value + half + rare),
            level=level,
            n=self.posterior.n,
            unit=unit,
            method=f"{what}: mean of {draws:,} draws from the paired posterior; the interval is the error of the draws",
            currency=currency,
        )

    @property
    def _reach(self) -> float:
        return float(np.sqrt(np.max(np.diag(self.posterior.covariance), initial=0.0)))


def posterior(
    values: Floats, counted: Bools, groups: Ints | None = None, *, scale: float = 1.0, reference: int = 0
) -> Posterior | None:
    """The flat paired-normal posterior of the mean of each row of values (k, rows), relative to a reference.

    Means differ by what they differ on the rows that are `counted` for both, so candidates that were asked fewer
    examples than the reference are compared on those. Grouped rows: sums of groups take the place of rows. The
    covariance C of the rows is shrunk to (1 - 2/n)C + (2/n)diag C + (0.25/n)·scale² I, `scale` being the span of the
    values: that keeps near-twins honest, which hardly ever differed yet. None with fewer than two rows or groups in
    common.

    >>> rows = np.array([[1.0, 1.0, 1.0, 0.0] * 25, [1.0, 0.0, 0.0, 1.0] * 25])
    >>> found = posterior(rows, np.ones((2, 100), dtype=bool))
    >>> found.mean.tolist(), found.n
    ([0.0, -0.25], 100)
    """
    order = [reference, *(k for k in range(len(values)) if k != reference)]
    blocks, sizes = _sums(values, counted, groups, order)
    n = np.array([np.count_nonzero(size) for size in sizes])
    if len(n) == 0 or n.min() < 2:
        return None
    rows = np.array([size.sum() for size in sizes])
    means = np.array([block.sum() for block in blocks]) / rows
    centred = np.stack([block - mean * size for block, mean, size in zip(blocks, means, sizes, strict=True)])
    few = int(n.min())
    covariance = (centred @ centred.T) / np.outer(rows, rows) * (few / (few - 1))
    own = _own_variances(values, counted, groups, order)
    shrunk = _shrunk(covariance, own, n, scale)
    back = np.argsort(order)
    return Posterior(
        mean=means[back],
        covariance=shrunk[np.ix_(back, back)],
        n=int(n.max()),
        twin=_twins(means, covariance, rows)[back],
    )


def _sums(values: Floats, counted: Bools, groups: Ints | None, order: list[int]) -> tuple[list[Floats], list[Floats]]:
    """The differences to the reference, and the number of rows, of each row or group: two arrays a candidate."""
    first = order[0]
    blocks, sizes = [], []
    size = 0 if groups is None else int(groups.max(initial=0)) + 1
    for k in order:
        both = counted[k] & counted[first]
        if k == first:
            both = counted[first]
        weight = both.astype(np.float64)
        difference = np.where(both, values[k] - values[first], 0.0)
        if groups is not None:
            weight = np.bincount(groups, weights=weight, minlength=size)
            difference = np.bincount(groups, weights=difference, minlength=size)
        blocks.append(difference)
        sizes.append(weight)
    return blocks, sizes


def _own_variances(values: Floats, counted: Bools, groups: Ints | None, order: list[int]) -> Floats:
    """The variance of each candidate's own mean, as if it had as many rows as it shares with the reference."""
    first = order[0]
    found = []
    for k in order:
        both = counted[k] & counted[first]
        own = values[k][both]
        centred = own - own.mean()
        if groups is not None:
            centred = np.bincount(groups[both], weights=centred)
        found.append(float(np.sum(centred**2)) / max(len(own), 1) ** 2)
    return np.asarray(found)


def _shrunk(covariance: Floats, own: Floats, n: Floats, scale: float) -> Floats:
    """The covariance of differences to the first, after shrinking that of the rows.

    Shrinking C to (1 - a)C + a·diag C + b·I turns the covariance of the differences i and j to the first into
    (1 - a)·it + a·(own[first] + own[i] where i = j) + b·(1 + [i = j]), all over n.
    """
    each = 2.0 / np.maximum.outer(n, n)
    noise = 0.25 * scale**2 / np.maximum.outer(n, n).astype(np.float64) ** 2
    same = np.eye(len(own))
    shrunk = (1.0 - each) * covariance + each * (own[0] + same * own) + noise * (1.0 + same)
    shrunk[0, :] = 0.0
    shrunk[:, 0] = 0.0
    return np.asarray(shrunk)


def _twins(means: Floats, covariance: Floats, rows: Floats) -> Ints:
    """A code for each candidate; those with the same value in every row share one."""
    k = len(means)
    spread = np.diag(covariance)
    apart = spread[:, None] + spread[None, :] - 2.0 * covariance
    scale = np.maximum(np.maximum.outer(spread, spread), 1e-300)
    same = (np.abs(means[:, None] - means[None, :]) <= _SAME * np.maximum(np.abs(means).max(), 1e-300)) & (
        apart <= 1e-9 * scale
    )
    same &= rows[:, None] == rows[None, :]
    same |= np.eye(k, dtype=bool)
    return np.asarray(np.argmax(same, axis=1))
