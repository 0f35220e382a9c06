"""Known truth: drops of measures of all answers together keep their promise, each measure with errors of its own kind.

Examples are drawn from a population whose measure, as it is and perturbed, is known from many draws.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from merits.core.estimate import Estimate
from merits.core.evaluation import Counted, Evaluation, Labels
from merits.core.needs import Needs
from merits.core.robustness import Level
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.measuring import dropped
from merits.deciding.metrics import Question
from merits.tasks.requirements import parse_requirement
from tests.deciding.evaluations import evaluation_of
from tests.simulation.measures import MEASURES, SKEWED
from tests.simulation.test_drops import at_most


def _labelled(n: int, generator: np.random.Generator, share: float) -> Evaluation:
    """Rows of two classes as they are, then perturbed: probabilities move towards the middle, and astray."""
    target = (generator.random(n) < share).astype(np.int32)
    logit = 1.6 * generator.normal(size=n) + 3.5 * target - 2.0
    sides = [logit, 0.7 * logit + 0.8 * generator.normal(size=n)]
    yes = 1.0 / (1.0 + np.exp(-np.concatenate(sides)))
    predicted = (yes > 0.5).astype(np.int32)
    labels = Labels(
        ("no", "yes"), np.tile(target, 2), predicted[None], {0: np.stack([1 - yes, yes], axis=1).astype(np.float32)}
    )
    return _twice(n, {"a": predicted == labels.target}, labels=labels)


def _twice(n: int, solved: dict[str, NDArray[np.bool_]], **more: Labels) -> Evaluation:
    evaluation = evaluation_of(
        solved, perturbations=np.repeat(["", "noise 1"], n), group=np.tile(np.arange(n), 2), **more
    )
    return replace(evaluation, examples=np.tile(evaluation.examples[:n], 2), levels=(Level("noise 1", "noise", "1"),))


OF_LABELS = ("macro_f1", "roc_auc", "precision[yes]", "f1[yes]", "recall[yes]", "log_loss")


def lost(text: str, evaluation: Evaluation) -> Estimate | None:
    """The drop of a metric that a requirement names; None where there is no record (no row of a class)."""
    requirement = parse_requirement(f"drop({text} under noise) <= 0.1")
    return dropped(requirement, Question(Cases(evaluation, POLICIES[1]), Needs(), 0, 0.95), "noise 1", 0.95)


def misses_of_labels(text: str, runs: int, n: int, share: float) -> tuple[float, float]:
    """How often each end misses the truth, known from 200,000 rows; an open end covers everything."""
    whole = lost(text, _labelled(200_000, np.random.default_rng(7), share))
    assert whole is not None
    assert whole.value is not None
    generator, counts = np.random.default_rng(0), np.zeros(2)
    for _ in range(runs):
        found = lost(text, _labelled(n, generator, share))
        if found is not None and found.low is not None and found.high is not None:
            counts += (found.low > whole.value, found.high < whole.value)
    low, high = counts / runs
    return float(low), float(high)


def misses(name: str, runs: int, n: int = 200) -> tuple[float, float]:
    """How often the low end lies above the true drop, and the high end below it; each is promised at 5 %."""
    measure, generator, counts = MEASURES[name], np.random.default_rng(0), np.zeros(2)
    truth = measure.truth(n)
    evaluation = replace(_twice(n, {"a": np.ones(2 * n, bool)}), scorer=name)
    for _ in range(runs):
        counted = Counted(measure.statistic, np.concatenate(measure.draw(n, generator))[None])
        found = lost(name, replace(evaluation, counts={name: counted}))
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        counts += (found.low > truth, found.high < truth)
    low, high = counts / runs
    return float(low), float(high)


@pytest.mark.parametrize("name", [name for name in MEASURES if not MEASURES[name].of_so_many])
def test_a_drop_is_about_where_the_truth_is(name: str) -> None:
    """A quick look, that it is the right quantity, of the right sign."""
    assert max(misses(name, 12)) <= at_most(0.08, 12)


@pytest.mark.parametrize("text", OF_LABELS)
def test_a_drop_of_labels_is_about_where_the_truth_is(text: str) -> None:
    assert max(misses_of_labels(text, 12, 150, 0.3)) <= at_most(0.08, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_each_end_misses_the_truth_hardly_more_often_than_promised(name: str) -> None:
    """Of 50 and of 200 examples. What few of them make most of is the limit: the high end misses up to 9 %, not 5."""
    for n in (50, 200):
        low, high = misses(name, 300, n)
        print(f"{name}, n {n:3}: low {low:.4f}, high {high:.4f}")
        assert low <= at_most(0.05, 300)
        assert high <= at_most(0.09 if name in SKEWED else 0.06, 300)


@pytest.mark.slow
@pytest.mark.parametrize("text", OF_LABELS)
def test_each_end_of_a_drop_of_labels_misses_hardly_more_often_than_promised(text: str) -> None:
    """With a class of 30 and of 5 %."""
    for share in (0.3, 0.05):
        for n in (50, 200, 1000):
            low, high = misses_of_labels(text, 300, n, share)
            print(f"{text}, a class of {share}, n {n:4}: low {low:.4f}, high {high:.4f}")
            assert max(low, high) <= at_most(0.06, 300)
