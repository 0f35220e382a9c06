"""Known truth: intervals and bounds cover what they promise, at few and many examples, at rates near 0 and 1.

Where a rate is all there is, `tests/stats/test_proportions.py` has it exactly. The long runs print their tables
(`pytest -m slow -s tests/simulation`).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from merits.stats import compare_all, cost_per_solved, mean_score, quantile, rate, rate_bounds, rate_of_variance
from merits.stats.bootstrap import jackknife_variance
from merits.stats.critical import Floats

SIZES = (5, 20, 100, 1000)
RATES = (0.0, 0.02, 0.5, 0.98, 1.0)


def at_least(promised: float, runs: int) -> float:
    """The share of hits that is not plausible to fall short of if the promise is kept: 3.5 standard errors below."""
    return promised - 3.5 * math.sqrt(promised * (1 - promised) / runs)


def clustered_rates(generator: np.random.Generator, p: float, correlation: float, n: int) -> Floats:
    """The rate of each of n groups: beta-distributed around p, so that rows of a group correlate as said."""
    if p in (0.0, 1.0):
        return np.full(n, p)
    scale = 1 / correlation - 1
    return generator.beta(p * scale, (1 - p) * scale, size=n)


def cluster_coverage(
    generator: np.random.Generator, p: float, *, groups: int, size: int, correlation: float, runs: int
) -> tuple[float, float]:
    """How often the interval shown covers p, and how often the gate's lower bound is at most p."""
    codes = np.repeat(np.arange(groups), size)
    shown = gated = 0
    for _ in range(runs):
        solved = generator.random(groups * size) < clustered_rates(generator, p, correlation, groups)[codes]
        estimate, bounds = rate(solved, codes), rate_bounds(solved, codes)
        shown += (estimate.low or 0.0) - 1e-12 <= p <= (estimate.high or 0.0) + 1e-12
        gated += (bounds.low or 0.0) - 1e-12 <= p
    return shown / runs, gated / runs


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize(("groups", "size", "correlation"), [(20, 10, 0.3), (40, 5, 0.05)])
def test_grouped_rates_are_covered(p: float, groups: int, size: int, correlation: float) -> None:
    """Rows that depend on each other give wider intervals, not broken promises."""
    generator = np.random.default_rng(int(1000 * p) + groups)
    shown, gated = cluster_coverage(generator, p, groups=groups, size=size, correlation=correlation, runs=150)
    assert shown >= at_least(0.93, 150)
    assert gated >= at_least(0.94, 150)


@pytest.mark.slow
def test_grouped_rates_are_covered_everywhere() -> None:
    """The table of the method: groups of 2 to 20 rows, 10 to 100 groups, weak to strong dependence."""
    generator, runs = np.random.default_rng(1), 1500
    for groups in (10, 20, 40, 100):
        for size in (2, 5, 20):
            for correlation in (0.02, 0.3, 0.9):
                for p in (0.02, 0.5, 0.8, 0.98):
                    shown, gated = cluster_coverage(
                        generator, p, groups=groups, size=size, correlation=correlation, runs=runs
                    )
                    print(f"groups {groups:3} of {size:2}, correlation {correlation}, p {p}: {shown:.3f} {gated:.3f}")
                    assert shown >= at_least(0.93, runs)
                    assert gated >= at_least(0.94, runs)


def paired_coverage(generator: np.random.Generator, n: int, split: tuple[float, float], runs: int) -> float:
    """How often the interval of a paired difference covers it; split = P(only first), P(only second)."""
    n10, n01, _ = generator.multinomial(n, [*split, 1 - sum(split)], size=runs).T
    hits = 0
    truth = split[0] - split[1]
    for b, c in zip(n10, n01, strict=True):
        values = np.zeros((2, n))
        values[0, :b], values[1, b : b + c] = 1.0, 1.0
        pairs = compare_all(values, np.ones((2, n), dtype=bool))
        hits += abs(pairs.centre[0, 1] - truth) <= pairs.reach(0.95)[0, 1] + 1e-12
    return hits / runs


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("split", [(0.0, 0.0), (0.02, 0.0), (0.1, 0.1), (0.3, 0.05)])
def test_paired_differences_are_covered(n: int, split: tuple[float, float]) -> None:
    """Near-twins included, where Wald's and the bootstrap's intervals have zero width."""
    assert paired_coverage(np.random.default_rng(n), n, split, 300) >= at_least(0.94, 300)


@pytest.mark.slow
def test_paired_differences_are_covered_everywhere() -> None:
    """The table of the method."""
    generator = np.random.default_rng(2)
    for n in (5, 10, 20, 30, 100, 1000):
        for split in ((0.0, 0.0), (0.01, 0.0), (0.05, 0.01), (0.1, 0.1), (0.3, 0.05), (0.5, 0.5)):
            covered = paired_coverage(generator, n, split, 4000)
            print(f"n {n:4}, only first {split[0]}, only second {split[1]}: {covered:.3f}")
            assert covered >= at_least(0.94, 4000)


SCORES = {"uniform": (1.0, 1.0), "near one": (8.0, 0.5), "mostly one": (0.1, 0.005), "mostly nought": (0.005, 0.1)}


def score_coverage(generator: np.random.Generator, shape: tuple[float, float], n: int, runs: int) -> float:
    """How often the interval of a mean score covers the mean of the beta distribution that it is drawn from."""
    truth = shape[0] / sum(shape)
    hits = 0
    for _ in range(runs):
        estimate = mean_score(generator.beta(*shape, size=n))
        hits += (estimate.low or 0.0) <= truth <= (1.0 if estimate.high is None else estimate.high)
    return hits / runs


@pytest.mark.parametrize("n", [5, 20, 100])
@pytest.mark.parametrize("shape", list(SCORES.values()), ids=list(SCORES))
def test_mean_scores_are_covered(n: int, shape: tuple[float, float]) -> None:
    """Skewed ones too: there the t interval covers as little as 40 %."""
    assert score_coverage(np.random.default_rng(n), shape, n, 60) >= at_least(0.94, 60)


@pytest.mark.slow
def test_mean_scores_are_covered_everywhere() -> None:
    """The table of the method."""
    generator = np.random.default_rng(3)
    for n in (*SIZES, 50, 300):
        for name, shape in SCORES.items():
            covered = score_coverage(generator, shape, n, 1000)
            print(f"n {n:4}, {name}: {covered:.3f}")
            assert covered >= at_least(0.935, 1000)


def ratio_coverage(generator: np.random.Generator, p: float, n: int, runs: int) -> float:
    """How often the interval of the cost per solved case covers it; solved cases cost more than others."""
    truth = (1.0 + p) / p
    hits = 0
    for _ in range(runs):
        solved = generator.random(n) < p
        estimate = cost_per_solved(generator.gamma(4.0, 0.25, size=n) + solved, solved)
        hits += (estimate.low or 0.0) <= truth <= (math.inf if estimate.high is None else estimate.high)
    return hits / runs


@pytest.mark.parametrize("n", [20, 100, 1000])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.98])
def test_cost_per_solved_case_is_covered(n: int, p: float) -> None:
    """Also where hardly anything, or nothing, was solved."""
    assert ratio_coverage(np.random.default_rng(n), p, n, 300) >= at_least(0.93, 300)


@pytest.mark.slow
def test_cost_per_solved_case_is_covered_everywhere() -> None:
    """The table of the method."""
    generator = np.random.default_rng(4)
    for n in SIZES:
        for p in (0.02, 0.2, 0.5, 0.8, 0.98, 1.0):
            covered = ratio_coverage(generator, p, n, 2000)
            print(f"n {n:4}, p {p}: {covered:.3f}")
            assert covered >= at_least(0.90 if n == 5 or p == 0.02 else 0.93, 2000)


@pytest.mark.parametrize("n", [5, 20, 100, 1000])
@pytest.mark.parametrize("q", [0.5, 0.95])
def test_percentiles_of_latency_are_covered(n: int, q: float) -> None:
    """Whatever the distribution; an open end covers everything."""
    generator, runs = np.random.default_rng(n), 300
    truth = -math.log(1 - q)
    hits = 0
    for _ in range(runs):
        estimate = quantile(generator.exponential(size=n), q)
        low, high = estimate.low, estimate.high
        hits += (0.0 if low is None else low) <= truth <= (math.inf if high is None else high)
    assert hits / runs >= at_least(0.95, runs)


def corpus_coverage(generator: np.random.Generator, name: str, n: int, runs: int) -> tuple[float, float]:
    """How often the two one-sided bounds of a corpus measure hold, against its value on 400,000 examples."""
    from merits.scorers.corpus import METRICS

    def draw(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target = (generator.random(size) < 0.3).astype(np.int32)
        score = 1 / (1 + np.exp(-(generator.normal(size=size) + 2.5 * target - 1.2)))
        return target, (score > 0.5).astype(np.int32), np.stack([1 - score, score], axis=1)

    def measured(target: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> float | None:
        return METRICS[name](target, predicted, probabilities, ("no", "yes"))

    truth = measured(*draw(400_000)) or 0.0
    low = high = done = 0
    for _ in range(runs):
        data = draw(n)
        value = measured(*data)
        variance = jackknife_variance(
            lambda rows, data=data: measured(*(part[rows] for part in data)), n, np.random.default_rng(0)
        )
        if value is None or variance is None:
            continue
        doubted = n if name == "macro_f1" else min(data[0].sum(), n - data[0].sum())
        bounds = rate_of_variance(value, variance, 0.95, rows=n, doubted=float(doubted), n=n, method=name)
        low, high, done = low + ((bounds.low or 0) <= truth), high + (truth <= (bounds.high or 0)), done + 1
    return low / done, high / done


def test_corpus_measures_keep_their_bounds() -> None:
    """A gate on macro-F1 errs in about 5 %, too. Few runs: scikit-learn's own function is called 41 times in each."""
    low, high = corpus_coverage(np.random.default_rng(5), "macro_f1", 100, 15)
    assert min(low, high) >= at_least(0.94, 15)


@pytest.mark.slow
def test_corpus_measures_keep_their_bounds_everywhere() -> None:
    """The table of the method."""
    for name in ("macro_f1", "roc_auc", "pr_auc"):
        for n in (30, 100, 400):
            low, high = corpus_coverage(np.random.default_rng(n), name, n, 200)
            print(f"{name}, n {n:3}: lower bound {low:.3f}, upper bound {high:.3f}")
            assert min(low, high) >= at_least(0.92, 200)
