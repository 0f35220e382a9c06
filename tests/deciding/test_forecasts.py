"""Errors of forecasts over all answers: required, compared on the same rows, with intervals that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error

from merits.core.evaluation import Counted, Evaluation
from merits.core.needs import Needs, Requirement
from merits.core.outcome import Status
from merits.deciding.cases import POLICIES, Cases
from merits.deciding.corpus import counted_measure, paired_measure
from merits.deciding.decide import decide
from tests.deciding.evaluations import evaluation_of


def forecast(noise: dict[str, float], n: int = 200, seed: int = 0, **more: object) -> tuple[Evaluation, np.ndarray]:
    """Forecasts of n numbers around 50, each off by normal noise of that size; and the targets."""
    generator = np.random.default_rng(seed)
    target = generator.normal(50.0, 10.0, n)
    errors = np.stack([generator.normal(0.0, size, n) for size in noise.values()])
    solved = {name: np.abs(errors[k]) < 5.0 for k, name in enumerate(noise)}
    evaluation = evaluation_of(solved, scores={"rmse": np.ones((len(noise), n))}, **more)
    there = (evaluation.status == Status.SCORED)[..., None]
    given = [np.ones_like(errors), np.broadcast_to(target, errors.shape)]
    counts = {
        "rmse": Counted("root_error", np.where(there, np.stack([errors**2, *given], axis=-1), 0.0)),
        "mae": Counted("mean_error", np.where(there, np.stack([np.abs(errors), *given], axis=-1), 0.0)),
        "r2": Counted("determination", np.where(there, np.stack([errors**2, *given, given[1] ** 2], axis=-1), 0.0)),
    }
    return replace(evaluation, counts=counts), target


def test_an_error_can_be_required_in_the_unit_of_the_targets() -> None:
    """`rmse <= 6`, with a bound on its side."""
    bar = Requirement(metric="rmse", op="<=", bar=6.0)
    evaluation, _ = forecast({"near": 4.0, "far": 9.0})
    decision = decide(evaluation, Needs(requirements=(bar,)))
    near, far = (decision.standing(name).requirements[0] for name in ("near", "far"))
    assert (near.met, far.met) == ("met", "not met")
    assert near.estimate is not None
    assert near.estimate.unit == "value"
    assert near.estimate.low is not None
    assert 3.0 < near.estimate.low < 4.0 < (near.estimate.high or 0) < 5.0


def test_differences_are_those_of_the_figures_in_the_unit_of_the_targets() -> None:
    """Against scikit-learn's own."""
    evaluation, target = forecast({"near": 4.0, "far": 9.0})
    squares = evaluation.counts["rmse"].values[..., 0]
    signs = [np.sqrt(row) for row in squares]
    found = paired_measure(Cases(evaluation, POLICIES[1]), "rmse", 0, 1)
    assert found is not None
    theirs = [root_mean_squared_error(target, target + error) for error in signs]
    difference = found.difference(0.95)
    assert difference.value == pytest.approx(theirs[0] - theirs[1])
    assert (difference.unit, difference.text()[0]) == ("difference", "-")
    r2 = counted_measure(Cases(evaluation, POLICIES[1]), "r2", 1, 0.95)
    assert r2 is not None
    assert r2.value == pytest.approx(r2_score(target, target + signs[1]))
    assert (r2.high or 2.0) < 1.0


def test_what_could_not_be_asked_counts_as_the_mean_of_the_targets() -> None:
    """Where failures count; left out, they are in no sum. R² of who fails always is 0."""
    status = {"shaky": np.where(np.arange(200) < 100, Status.FAILED, Status.SCORED), "gone": np.full(200, 2)}
    evaluation, target = forecast({"sound": 1.0, "shaky": 1.0, "gone": 1.0}, status=status)
    counting, answered = (counted_measure(Cases(evaluation, policy), "rmse", 1, 0.95) for policy in POLICIES)
    assert counting is not None
    assert answered is not None
    squares = np.where(np.arange(200) < 100, (target - target.mean()) ** 2, evaluation.counts["rmse"].values[1, :, 0])
    assert counting.value == pytest.approx(np.sqrt(squares.mean()))
    assert (answered.value, answered.n) == (pytest.approx(1.0, abs=0.2), 100)
    nothing = counted_measure(Cases(evaluation, POLICIES[0]), "r2", 2, 0.95)
    assert nothing is not None
    assert nothing.value == pytest.approx(0.0)


def test_twins_are_never_certainly_equal_and_the_perfect_are_bounded_on_one_side_only() -> None:
    """No number of rows without an error says how large one may be."""
    evaluation, _ = forecast({"a": 3.0, "b": 3.0, "perfect": 0.0}, n=50)
    values = evaluation.counts["rmse"].values.copy()
    values[1] = values[0]
    twins = replace(evaluation, counts={"rmse": Counted("root_error", values)})
    found = paired_measure(Cases(twins, POLICIES[0]), "rmse", 0, 1)
    assert found is not None
    difference = found.difference(0.95)
    assert (difference.value, found.p_value) == (0.0, 1.0)
    assert (difference.high or 0.0) > 0.1
    perfect = counted_measure(Cases(evaluation, POLICIES[0]), "mae", 2, 0.95)
    assert perfect is not None
    assert (perfect.value, perfect.low, perfect.high) == (0.0, 0.0, None)
