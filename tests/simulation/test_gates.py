"""Known truth: a candidate that is just under a bar passes it at most as often as promised; a clear one passes.

Of the gates on a worst slice, a drop and another candidate. `tests/stats/test_noninferiority.py` enumerates the
paired bound exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from merits.core.evaluation import Evaluation
from merits.core.needs import Needs
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.requirements import required
from merits.tasks.requirements import parse_requirement
from tests.deciding.evaluations import evaluation_of

Draw = Callable[[np.random.Generator], Evaluation]


def at_most(promised: float, runs: int) -> float:
    """The share of errors that is not plausible to exceed if the promise is kept: 3.5 standard errors above."""
    return promised + 3.5 * math.sqrt(promised * (1 - promised) / runs)


def outcomes(draw: Draw, text: str, runs: int, seed: int = 0) -> tuple[float, float]:
    """How often the first candidate is said to meet a requirement, and how often to miss it."""
    needs, generator = Needs(requirements=(parse_requirement(text),), incumbent="rules"), np.random.default_rng(seed)
    found = [required(Cases(draw(generator), POLICIES[0]), needs, 0, 1)[0].met for _ in range(runs)]
    return found.count("met") / runs, found.count("not met") / runs


def slices(*rates: tuple[float, int]) -> Draw:
    """So many examples at a rate, a slice each."""
    tags = np.repeat([f"s{i}" for i in range(len(rates))], [n for _, n in rates])
    true = np.repeat([rate for rate, _ in rates], [n for _, n in rates])
    return lambda generator: evaluation_of({"a": generator.random(len(true)) < true}, tags={"of": tags})


def rivals(n: int, loss: float, shared: float, group: int = 1) -> Draw:
    """A candidate that is `loss` worse than "rules" (0.8), answering a share of the examples alike."""

    def draw(generator: np.random.Generator) -> Evaluation:
        easy = generator.beta(8, 2, n // group).repeat(group) if group > 1 else np.full(n, 0.8)
        common, own = generator.random(n), generator.random(n)
        draws = np.where(generator.random(n) < shared, common, own)
        solved = {"a": draws < easy - loss, "rules": common < easy}
        return evaluation_of(solved, group=np.arange(n) // group)

    return draw


def drops(n: int, drop: float, shared: float) -> Draw:
    """Examples as they are at 0.8, perturbed at `drop` less."""

    def draw(generator: np.random.Generator) -> Evaluation:
        common, own = generator.random(n), generator.random(n)
        noisy = np.where(generator.random(n) < shared, common, own) < 0.8 - drop
        evaluation = evaluation_of(
            {"a": np.r_[common < 0.8, noisy]},
            perturbations=np.repeat(["", "typos"], n),
            group=np.tile(np.arange(n), 2),
        )
        return replace(evaluation, examples=np.tile(evaluation.examples[:n], 2))

    return draw


AT_THE_BAR = [
    ("worst_slice(accuracy by of) >= 0.8", slices((0.799, 60), (0.99, 200))),
    ("worst_slice(accuracy by of) >= 0.8", slices(*[(0.799, 80)] * 5)),
    ("non-inferior to rules by 3 pt", rivals(200, 0.0301, 0.8)),
    ("non-inferior to incumbent by 5 pt", rivals(400, 0.0501, 1.0)),
    ("drop[typos] <= 3 points", drops(200, 0.0301, 0.9)),
    ("drop(accuracy under typos) <= 5 points", drops(100, 0.0501, 0.5)),
]
CLEAR = [
    ("worst_slice(accuracy by of) >= 0.8", slices((0.97, 60), (0.99, 200)), slices((0.5, 60), (0.99, 200))),
    ("non-inferior to rules by 5 pt", rivals(500, 0.0, 0.9), rivals(500, 0.15, 0.9)),
    ("drop[typos] <= 5 points", drops(500, 0.0, 0.9), drops(500, 0.15, 0.9)),
]


@pytest.mark.parametrize(("text", "draw"), AT_THE_BAR)
def test_one_just_past_the_bar_hardly_ever_passes(text: str, draw: Draw) -> None:
    """At most 5 %."""
    met, _ = outcomes(draw, text, 150)
    assert met <= at_most(0.05, 150)


@pytest.mark.parametrize(("text", "good", "bad"), CLEAR)
def test_a_clear_truth_is_seen(text: str, good: Draw, bad: Draw) -> None:
    """Either way, in nine of ten runs at least."""
    assert outcomes(good, text, 60)[0] >= 0.9
    assert outcomes(bad, text, 60)[1] >= 0.9


def test_the_worst_of_equal_slices_is_hardly_ever_called_missed() -> None:
    """Ten slices exactly at the bar: looking for the worst of them finds one that looks bad."""
    _, missed = outcomes(slices(*[(0.8, 50)] * 10), "worst_slice(accuracy by of) >= 0.8", 150)
    assert missed <= at_most(0.05, 150)


@pytest.mark.slow
def test_one_just_past_the_bar_hardly_ever_passes_anywhere() -> None:
    """The table of the gates."""
    runs = 1500
    table: list[tuple[str, Draw]] = list(AT_THE_BAR)
    for n in (20, 100, 1000):
        for shared in (0.3, 0.9, 1.0):
            table.append((f"non-inferior to rules by 3 pt, n {n}, alike {shared}", rivals(n, 0.03, shared)))
            table.append((f"drop[typos] <= 3 points, n {n}, alike {shared}", drops(n, 0.03, shared)))
    table += [(f"non-inferior to rules by 3 pt, groups of {g}", rivals(400, 0.03, 0.8, g)) for g in (2, 10, 20)]
    for m, n in ((2, 20), (5, 50), (10, 100)):
        table.append((f"worst_slice(accuracy by of) >= 0.8, {m} slices of {n}", slices(*[(0.8 - 1e-9, n)] * m)))
    for label, draw in table:
        met, missed = outcomes(draw, label.split(",")[0], runs)
        print(f"{label}: met {met:.4f}, not met {missed:.4f}")
        assert met <= at_most(0.05, runs)


@pytest.mark.slow
def test_the_number_of_examples_said_settles_it_four_times_of_five() -> None:
    """Where what was seen is the truth: a margin of 5 points, 10 % discordant, no difference."""
    from merits.stats.noninferiority import score_bounds

    for margin in (0.05, 0.03):
        seen = score_bounds(10, 10, 200)
        assert seen.low is not None
        reach = (0.0 - seen.low) * 1.512
        n = math.ceil(200 * (reach / margin) ** 2)
        generator = np.random.default_rng(1)
        wins, losses, _ = generator.multinomial(n, [0.05, 0.05, 0.9], size=4000).T
        passed = np.mean([(score_bounds(b, c, n).low or -1.0) >= -margin for b, c in zip(wins, losses, strict=True)])
        print(f"margin {margin}: n {n}, passed {passed:.3f}")
        assert 0.75 <= passed <= 0.92
