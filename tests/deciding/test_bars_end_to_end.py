"""Bars as people write them, from the text to the verdict and the words: met, not met and not yet known."""

from __future__ import annotations

import numpy as np
import pytest

from merits.core.decision import Decision
from merits.core.evaluation import Evaluation, Labels
from merits.core.needs import Needs
from merits.deciding.decide import decide
from merits.tasks.requirements import parse_requirement
from tests.deciding.evaluations import evaluation_of, first


def calibrated(n: int, too_sure: float) -> Evaluation:
    """Two classes with true probabilities, each moved away from one half."""
    generator = np.random.default_rng(n)
    true = generator.uniform(0.05, 0.95, n)
    target = (generator.random(n) < true).astype(np.int32)
    said = np.clip(true + too_sure * np.sign(true - 0.5), 0.001, 0.999)
    predicted = (said > 0.5).astype(np.int32)
    labels = Labels(("no", "yes"), target, predicted[None, :], {0: np.stack([1 - said, said], 1).astype(np.float32)})
    return evaluation_of({"a": predicted == target}, labels=labels)


def recalling(hits: int, of: int) -> Evaluation:
    """So many of so many frauds found, among ten times as many others, all right."""
    target = (np.arange(11 * of) < of).astype(np.int32)
    predicted = np.where((np.arange(11 * of) >= hits) & (target == 1), 0, target).astype(np.int32)
    return evaluation_of({"a": predicted == target}, labels=Labels(("fine", "fraud"), target, predicted[None, :]))


def waiting(slow: int, of: int) -> Evaluation:
    return evaluation_of({"a": np.ones(of)}, latency_s={"a": np.where(np.arange(of) < slow, 3.0, 0.2)})


def costing(cost: float, solved: int, of: int) -> Evaluation:
    return evaluation_of({"a": first(solved, of)}, cost={"a": np.full(of, cost)})


BARS = {
    "ece <= 0.05": (calibrated(6000, 0.0), calibrated(800, 0.25), calibrated(150, 0.0)),
    "recall[fraud] >= 0.8": (recalling(95, 100), recalling(60, 100), recalling(17, 20)),
    "p95_latency <= 800 ms": (waiting(2, 200), waiting(30, 200), waiting(0, 50)),
    "cost_per_solved <= 0.02 USD": (costing(0.01, 180, 200), costing(0.05, 180, 200), costing(0.01, 11, 20)),
}


def decided(evaluation: Evaluation, text: str) -> Decision:
    return decide(evaluation, Needs(requirements=(parse_requirement(text),)))


@pytest.mark.parametrize("text", BARS)
def test_a_bar_that_is_met_is_named_with_its_number(text: str) -> None:
    """And its interval."""
    decision = decided(BARS[text][0], text)
    (found,) = decision.standings[0].requirements
    assert found.estimate is not None
    assert (decision.verdict, found.met, found.settle, found.more_examples) == ("adopt", "met", "", None)
    assert f"It meets {text} ({found.estimate.text()})" in decision.summary


@pytest.mark.parametrize("text", BARS)
def test_a_bar_that_is_missed_is_none_worth_it(text: str) -> None:
    """By how much, with the interval."""
    decision = decided(BARS[text][1], text)
    (found,) = decision.standings[0].requirements
    assert found.estimate is not None
    assert (decision.verdict, found.met) == ("none worth it", "not met")
    assert f"certainly misses {text} ({found.estimate.text()})" in decision.summary


@pytest.mark.parametrize("text", BARS)
def test_a_bar_that_is_open_says_what_would_settle_it(text: str) -> None:
    """In words and as a number."""
    decision = decided(BARS[text][2], text)
    (found,) = decision.standings[0].requirements
    assert (decision.verdict, found.met) == ("undecided", "not yet known")
    assert found.settle == decision.next_step
    assert found.more_examples is not None
    assert found.settle.startswith(f"About {found.more_examples:,} more example")
