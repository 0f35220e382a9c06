"""How many examples it takes, against simulation and definition."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from merits.stats import (
    bonett_price,
    clopper_pearson_bound,
    examples_for_difference,
    examples_for_gate,
    examples_for_margin,
    minimal_detectable_difference,
)
from merits.stats.critical import normal_critical


def test_what_is_said_to_be_detectable_is_detected_four_times_of_five() -> None:
    """Draw pairs with the promised difference at n = 200: the interval leaves out 0 in about 80 % of them."""
    n, discordant = 200, 0.2
    difference = minimal_detectable_difference(n, discordant)
    generator = np.random.default_rng(0)
    split = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    draws = generator.multinomial(n, split, size=2000)
    shown = np.mean([(bonett_price(int(b), int(c), n).low or 0) > 0 for b, c, _ in draws])
    assert shown == pytest.approx(0.80, abs=0.04)


def test_size_and_difference_are_each_others_inverse() -> None:
    """n examples show Δ, and Δ takes n examples."""
    for n in (50, 500, 5000):
        assert examples_for_difference(minimal_detectable_difference(n)) == pytest.approx(n, abs=1)


def test_more_comparisons_take_more_examples() -> None:
    """Correction has its price, said before it is paid."""
    assert minimal_detectable_difference(500, comparisons=15) > minimal_detectable_difference(500)


def test_gate_size_is_the_first_that_clears() -> None:
    """One example fewer would not have been enough for four times of five."""
    n = examples_for_gate(0.9, 0.8)
    assert n is not None
    powers = []
    for m in (n - 1, n):
        clears = clopper_pearson_bound(np.arange(m + 1), m, 0.95, side="low") >= 0.8
        chances = np.array([math.comb(m, k) * 0.9**k * 0.1 ** (m - k) for k in range(m + 1)])
        powers.append(float(chances[clears].sum()))
    assert powers[0] < 0.8 <= powers[1]


@pytest.mark.parametrize(("rate", "bar", "side"), [(0.8, 0.7, "low"), (0.95, 0.9, "low"), (0.6, 0.7, "high")])
def test_a_gate_is_settled_four_times_of_five_at_the_advised_size(
    rate: float, bar: float, side: Literal["low", "high"]
) -> None:
    """A size at which the estimate just clears the bar is a coin toss; the advice promises 80 %."""
    n = examples_for_gate(rate, bar)
    assert n is not None
    bounds = clopper_pearson_bound(np.random.default_rng(0).binomial(n, rate, 4000), n, 0.95, side=side)
    settled = np.mean(bounds >= bar if side == "low" else bounds <= bar)
    assert 0.785 <= settled <= 0.86  # at least 80 %, and at most one step of the count above it


def test_a_margin_is_excluded_four_times_of_five_at_the_advised_size() -> None:
    """Two of equal worth that differ on a fifth of the examples; by how much may one be better?"""
    once = bonett_price(10, 10, 100)
    error = (once.high or 0.0) / normal_critical(0.95)
    n = examples_for_margin(0.0, error, 100, 0.05, critical=normal_critical(0.95))
    assert n is not None
    draws = np.random.default_rng(1).multinomial(n, [0.1, 0.1, 0.8], size=2000)
    excluded = np.mean([(bonett_price(int(b), int(c), n).high or 1.0) < 0.05 for b, c, _ in draws])
    assert excluded == pytest.approx(0.80, abs=0.04)


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_a_rate_on_the_bar_cannot_be_planned(rate: float) -> None:
    """Nobody can say when it will fall to one side."""
    assert examples_for_gate(rate, rate) is None


def test_no_difference_cannot_be_shown() -> None:
    """Equal candidates stay equal, however many examples."""
    assert examples_for_difference(0.0) is None


def test_nothing_detects_nothing() -> None:
    """Without examples not even a difference of 100 points shows."""
    assert minimal_detectable_difference(0) == 1.0
