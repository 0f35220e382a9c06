"""Judges that are wrong in known ways: what is said of candidates, and of the judge, keeps its promise all the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from merits.core.evaluation import Evaluation, Human
from merits.core.needs import Needs, Requirement
from merits.deciding.assessment import assess
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.comparison import compare
from merits.deciding.decide import decide
from merits.stats.agreement import cohen_kappa, slope
from merits.stats.critical import Bools, Floats
from merits.stats.powered import powered, powered_mean
from merits.stats.rates import rate
from tests.deciding.evaluations import evaluation_of

#  right answers, wrong ones passed, right ones refused
JUDGES = [(0.5, 0.1, 0.1), (0.8, 0.4, 0.05), (0.9, 0.5, 0.02), (0.7, 0.0, 0.3), (0.95, 0.3, 0.02), (0.5, 0.02, 0.02)]

PLAIN = [(0.5, 0.5, 0.5), (0.3, 0.2, 0.3), (0.9, 0.1, 0.02), (0.95, 0.1, 0.01)]


def judged(generator: np.random.Generator, right: Bools, passes: float, refuses: float) -> Bools:
    """What a judge says of answers that are right or wrong."""
    drawn = generator.random(right.shape)
    return np.where(right, drawn >= refuses, drawn < passes)


def labelled(generator: np.random.Generator, n_rows: int, n: int) -> Bools:
    """Which rows people looked at: n, drawn by chance."""
    found = np.zeros(n_rows, dtype=np.bool_)
    found[generator.choice(n_rows, n, replace=False)] = True
    return found


def coverage(n: int, n_rows: int, p: float, passes: float, refuses: float, *, runs: int) -> tuple[float, float, float]:
    """How often the corrected and the naive interval cover, and how often a one-sided bound lies above the truth."""
    generator = np.random.default_rng([n, n_rows, round(1000 * p)])
    everywhere = np.ones(n_rows, dtype=np.bool_)
    held = np.zeros(3)
    for _ in range(runs):
        right = generator.random(n_rows) < p
        said = judged(generator, right, passes, refuses)
        found = powered(said.astype(np.float64), right.astype(np.float64), labelled(generator, n_rows, n), everywhere)
        both, bound, naive = powered_mean(found), powered_mean(found, one_sided=True), rate(said)
        held += [_within(both.low, p, both.high), _within(naive.low, p, naive.high), _within(p, bound.low, 1.0)]
    return tuple((held / runs).tolist())


def _within(low: float | None, value: float | None, high: float | None) -> bool:
    return low is not None and value is not None and high is not None and low < value <= high


@pytest.mark.parametrize(("n", "n_rows"), [(30, 300), (100, 1000)])
def test_the_corrected_interval_covers_where_the_judges_own_does_not(n: int, n_rows: int) -> None:
    """A judge that passes 40 % of the wrong answers: its own interval hardly ever holds the truth."""
    corrected, naive, above = coverage(n, n_rows, 0.8, 0.4, 0.05, runs=250)
    assert corrected >= 0.93
    assert naive <= 0.7
    assert above <= 0.09


@pytest.mark.slow
@pytest.mark.parametrize(("p", "passes", "refuses"), JUDGES)
@pytest.mark.parametrize(("n", "n_rows"), [(30, 300), (30, 2000), (100, 1000), (300, 1000)])
def test_the_corrected_interval_covers_for_every_judge(
    n: int, n_rows: int, p: float, passes: float, refuses: float
) -> None:
    """95 % whatever the judge's errors; a one-sided bound misses at most a little more than its 5 %."""
    corrected, _, above = coverage(n, n_rows, p, passes, refuses, runs=1500)
    assert corrected >= 0.94
    assert above <= 0.07


def evaluation(
    generator: np.random.Generator, rates: Floats, favoured: int, *, n_rows: int = 300, n_labels: int = 60, same: bool
) -> Evaluation:
    """Candidates of these true rates, a judge that passes half the wrong answers of one, and labels of people."""
    own = generator.random((len(rates), n_rows))
    alike = generator.random((len(rates), n_rows)) < 0.6  # what is hard for one is mostly hard for all
    right = np.where(alike, generator.random(n_rows), own) < rates[:, None]
    said = judged(generator, right, 0.1, 0.1)
    said[favoured] = judged(generator, right[favoured], 0.5, 0.0)
    rows = [labelled(generator, n_rows, n_labels) for _ in rates]
    seen = np.stack([rows[0]] * len(rates) if same else rows)
    made = evaluation_of({f"c{k}": said[k] for k in range(len(rates))})
    return dataclasses.replace(made, human=Human(seen, right & seen))


def false_claims(*, same: bool, n_labels: int, runs: int, people: bool = True) -> float:
    """How often any of three equal candidates is called better than another, by a judge that favours one."""
    generator = np.random.default_rng([n_labels, same])
    needs, wrong = Needs(), 0
    for _ in range(runs):
        made = evaluation(generator, np.array([0.6, 0.6, 0.6]), 1, n_labels=n_labels, same=same)
        made = made if people else dataclasses.replace(made, human=None)
        compared = compare(Cases(made, POLICIES[0]), needs, (0, 1, 2))
        wrong += any(compared.better(i, j) for i in range(3) for j in range(3) if i != j)
    return wrong / runs


@pytest.mark.parametrize("same", [True, False])
def test_a_judge_that_favours_one_makes_no_false_better(same: bool) -> None:
    """Whether people labelled the same examples of every candidate or each its own."""
    assert false_claims(same=same, n_labels=60, runs=150) <= 0.08
    assert false_claims(same=same, n_labels=60, runs=30, people=False) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("n_labels", [30, 100])
def test_at_most_five_in_a_hundred_are_called_better_that_are_not(n_labels: int, same: bool) -> None:
    """The promise of the decision, with a biased judge and few labels."""
    assert false_claims(same=same, n_labels=n_labels, runs=1500) <= 0.055


def test_with_labels_a_better_candidate_is_found_in_spite_of_the_judge() -> None:
    """The judge favours the worst; people say otherwise on 150 examples, and the decision follows them."""
    generator = np.random.default_rng(7)
    made = evaluation(generator, np.array([0.8, 0.4]), 1, n_rows=600, n_labels=150, same=True)
    decision = decide(made, Needs())
    assert decision.candidate == "c0"
    assert "prediction-powered" in decision.standing("c0").quality.method  # type: ignore[union-attr]
    quality = decision.standing("c1").quality
    assert quality is not None
    assert quality.low is not None
    assert quality.high is not None
    assert quality.low < 0.4 < quality.high
    assert not quality.low < made.solved[1].mean() < quality.high


@pytest.mark.slow
def test_a_bar_is_not_met_by_a_judges_kindness() -> None:
    """A candidate just below the bar is called good enough in at most 5 % of decisions, a little more at the edge."""
    generator = np.random.default_rng(3)
    bar = Requirement("accuracy", ">=", 0.62)
    met = 0
    for _ in range(400):
        made = evaluation(generator, np.array([0.6]), 0, n_labels=60, same=True)
        met += assess(Cases(made, POLICIES[0]), Needs(requirements=(bar,))).meets(0) == "met"
    assert met / 400 <= 0.06


def kappa_covers(n: int, p: float, passes: float, refuses: float, *, runs: int, size: int = 1) -> float:
    """How often the interval of kappa holds the truth, for pairs in groups of a size that say the same."""
    generator = np.random.default_rng([n, round(100 * p), size])
    yes = p * (1 - refuses) + (1 - p) * passes
    chance = yes * p + (1 - yes) * (1 - p)
    truth = (p * (1 - refuses) + (1 - p) * (1 - passes) - chance) / (1 - chance)
    hits = []
    for _ in range(runs):
        human = generator.random(n // size) < p
        judge = judged(generator, human, passes, refuses)
        groups = None if size == 1 else np.repeat(np.arange(n // size), size)
        found = cohen_kappa(np.repeat(judge, size), np.repeat(human, size), groups)
        if found.low is not None:
            hits.append(_within(found.low, truth, found.high))
    return float(np.mean(hits))


def slope_covers(n: int, truth: float, *, runs: int) -> float:
    """How often the interval of the slope holds it, where errors vary more for long answers than for short ones."""
    generator = np.random.default_rng([n, round(1000 * truth)])
    hits = []
    for _ in range(runs):
        length = generator.normal(7.0, 1.2, n)
        passes = generator.random(n) < np.clip(0.15 + truth * (length - 7.0), 0.0, 1.0)
        errors = passes.astype(np.float64) - (generator.random(n) < 0.1).astype(np.float64)
        found = slope(errors, length)
        assert found is not None
        hits.append(_within(found.low, truth, found.high))
    return float(np.mean(hits))


def test_intervals_of_kappa_and_of_the_slope_by_length_cover() -> None:
    """Few draws, so only gross failures show: the long run has the rest."""
    assert kappa_covers(100, 0.5, 0.1, 0.1, runs=300) >= 0.93
    assert kappa_covers(100, 0.95, 0.3, 0.02, runs=300) >= 0.92
    assert kappa_covers(400, 0.6, 0.2, 0.2, runs=200, size=4) >= 0.92
    assert slope_covers(100, 0.05, runs=300) >= 0.91


@pytest.mark.slow
@pytest.mark.parametrize(("p", "passes", "refuses"), [*JUDGES, *PLAIN])
@pytest.mark.parametrize("n", [30, 100, 400])
def test_the_interval_of_kappa_covers(n: int, p: float, passes: float, refuses: float) -> None:
    """94 % at 100 pairs and more; at 30, where hardly any are wrong, fewer."""
    assert kappa_covers(n, p, passes, refuses, runs=2000) >= (0.94 if n >= 100 else 0.9)


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.0, 0.05])
@pytest.mark.parametrize("n", [30, 100, 400])
def test_the_interval_of_the_slope_covers(n: int, truth: float) -> None:
    """With errors that depend on the length themselves."""
    assert slope_covers(n, truth, runs=2000) >= 0.94
