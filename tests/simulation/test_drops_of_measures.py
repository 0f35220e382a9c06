"""Known truth: drops of measures of all answers together keep their promise, each measure with errors of its own kind.

Examples are drawn from a population whose measure, as it is and perturbed, is known from many draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from merits.core.evaluation import Counted
from merits.core.needs import Needs, Requirement
from merits.core.robustness import Level
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.measuring import dropped
from merits.deciding.metrics import Question
from merits.scorers.counted import STATISTICS
from tests.deciding.evaluations import evaluation_of
from tests.simulation.test_drops import at_most

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """`draw(n, generator)` are the counts of n examples, as they are and perturbed: (n, columns) each."""

    statistic: str
    draw: Callable[[int, np.random.Generator], tuple[Floats, Floats]]

    def truth(self) -> float:
        """The loss, by 300,000 examples."""
        sums = [counts.sum(axis=0) for counts in self.draw(300_000, np.random.default_rng(7))]
        clean, noisy = (float(STATISTICS[self.statistic].value(one)) for one in sums)
        return clean - noisy if STATISTICS[self.statistic].higher_is_better else noisy - clean


def _numbers(n: int, generator: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Targets, and the errors as they are and perturbed: some examples are hard, and harder still perturbed."""
    targets = generator.normal(50.0, 10.0, n)
    hard = generator.gamma(2.0, 1.0, n)
    return targets, hard * generator.normal(0.0, 1.5, n), hard * generator.normal(0.3, 2.0, n)


def _squared(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    targets, *errors = _numbers(n, generator)
    one = np.ones(n)
    clean, noisy = (np.stack([error**2, one, targets], axis=1) for error in errors)
    return clean, noisy


def _determined(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    targets, *errors = _numbers(n, generator)
    one = np.ones(n)
    clean, noisy = (np.stack([error**2, one, targets, targets**2], axis=1) for error in errors)
    return clean, noisy


def _inside(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    _, *errors = _numbers(n, generator)
    one = np.ones(n)
    clean, noisy = (np.stack([(np.abs(error) < 5.0).astype(float), one], axis=1) for error in errors)
    return clean, noisy


def _seconds(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Long sounds take more, a few stall."""
    sound = generator.gamma(2.0, 3.0, n) + 0.5
    took = sound * generator.lognormal(-1.5, 0.3, n)
    slower = took * generator.lognormal(0.1, 0.2, n) + (generator.random(n) < 0.02) * 2.0
    return np.stack([took, sound], axis=1), np.stack([slower, sound], axis=1)


def _edits(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Words wrong, more of them perturbed: TER, CER."""
    words = generator.integers(4, 30, n)
    rate = generator.beta(1.5, 6.0, n)
    clean = generator.binomial(words, rate)
    noisy = np.minimum(clean + generator.binomial(words, rate * 0.3), words)
    return np.stack([clean, words], axis=1).astype(float), np.stack([noisy, words], axis=1).astype(float)


def _found(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Spans right, said and wanted."""
    wanted = generator.integers(1, 5, n)
    right = generator.binomial(wanted, generator.beta(6.0, 2.0, n))
    fewer = generator.binomial(right, 0.9)
    said = wanted + generator.binomial(2, 0.1, n)
    clean, noisy = (np.stack([part, said, wanted], axis=1).astype(float) for part in (right, fewer))
    return clean, noisy


def _grams(n: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """N-grams of 1 to 6 characters: said, wanted and both, fewer of the longer ones."""
    wanted = generator.integers(20, 120, n)[:, None] - np.arange(6)
    share = generator.beta(6.0, 3.0, n)[:, None] ** np.arange(1, 7)
    both = generator.binomial(wanted, share)
    fewer = generator.binomial(both, 0.95)
    clean, noisy = (np.stack([wanted, wanted, part], axis=2).reshape(n, -1).astype(float) for part in (both, fewer))
    return clean, noisy


MEASURES = {
    "rmse": Measure("root_error", _squared),
    "r2": Measure("determination", _determined),
    "coverage": Measure("coverage", _inside),
    "real_time_factor": Measure("real_time_factor", _seconds),
    "ter": Measure("ter", _edits),
    "span_f1": Measure("f1", _found),
    "chrf": Measure("chrf", _grams),
}


def misses(name: str, runs: int, n: int = 200) -> tuple[float, float]:
    """How often the low end lies above the true drop, and the high end below it; each is promised at 5 %."""
    measure, generator, counts = MEASURES[name], np.random.default_rng(0), np.zeros(2)
    requirement, truth = Requirement(name, "<=", 0.1, under="noise"), measure.truth()
    evaluation = evaluation_of(
        {"a": np.ones(2 * n, bool)}, perturbations=np.repeat(["", "noise 1"], n), group=np.tile(np.arange(n), 2)
    )
    evaluation = replace(
        evaluation, examples=np.tile(evaluation.examples[:n], 2), levels=(Level("noise 1", "noise", "1"),), scorer=name
    )
    for _ in range(runs):
        counted = Counted(measure.statistic, np.concatenate(measure.draw(n, generator))[None])
        cases = Cases(replace(evaluation, counts={name: counted}), POLICIES[1])
        found = dropped(requirement, Question(cases, Needs(), 0, 0.95), "noise 1", 0.95)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        counts += (found.low > truth, found.high < truth)
    low, high = counts / runs
    return float(low), float(high)


@pytest.mark.parametrize("name", MEASURES)
def test_a_drop_is_about_where_the_truth_is(name: str) -> None:
    """A quick look, that it is the right quantity, of the right sign."""
    assert max(misses(name, 12)) <= at_most(0.08, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_each_end_misses_the_truth_hardly_more_often_than_promised(name: str) -> None:
    """Of 200 examples. Errors with long tails (RMSE, R²) are the limit: the high end misses 9 to 11 % instead of 5."""
    low, high = misses(name, 300)
    print(f"{name}: low {low:.4f}, high {high:.4f}")
    assert low <= at_most(0.05, 300)
    assert high <= at_most(0.11 if name in ("rmse", "r2") else 0.08, 300)
