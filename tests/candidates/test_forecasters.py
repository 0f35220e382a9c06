"""Candidates that say numbers: the mean, and quantiles whose intervals hold what they promise."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import numpy as np
import pytest

from merits.candidates.objects import as_candidate
from merits.candidates.quantile_forecaster import QuantileForecaster, conformal_margin
from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.testing.contracts.model import ModelContract


def model(kind: str, **params: JSON) -> Model:
    return load(Candidate(name=kind, kind=kind, params=params), LoadContext(task_kind="regression", env={}))


def noisy(n: int, seed: int = 0) -> list[Example]:
    """Numbers that rise with a column, and whose spread does too."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(0, 10, n)
    y = 3 * x + generator.normal(0, 1 + 0.5 * x)
    return [
        Example(str(i), {"x": float(a), "city": "Bonn"}, float(b)) for i, (a, b) in enumerate(zip(x, y, strict=True))
    ]


class _OfColumns(ModelContract):
    inputs: ClassVar = ({"x": 1.0, "city": "Rome"}, {"x": "7", "city": None})
    examples: ClassVar = tuple(noisy(60))


class TestMean(_OfColumns):
    def make(self) -> Model:
        return model("mean")


class TestQuantileBoosting(_OfColumns):
    def make(self) -> Model:
        return model("quantile-boosting", iterations=5, smallest_leaf=5)


class TestLinearQuantile(_OfColumns):
    def make(self) -> Model:
        return model("linear-quantile")


def test_the_mean_is_that_of_dev_and_so_are_its_quantiles() -> None:
    said = model("mean", of="median", quantiles=[0.25])
    said.fit([Example(str(i), "x", target) for i, target in enumerate(("1", 2, 3, 4, 90.0))])  # type: ignore[attr-defined]
    assert asyncio.run(said.answer("?")).output == {"value": 3.0, "quantiles": {"0.25": 2.0}}
    with pytest.raises(CandidateError, match="Take most-common instead"):
        model("mean").fit([Example("1", "x", "spam")])  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["quantile-boosting", "linear-quantile"])
def test_a_forecast_has_quantiles_that_rise_and_a_spread_that_fits_the_case(kind: str) -> None:
    """Where the spread is larger the interval is wider."""
    forecaster = model(kind)
    forecaster.fit(noisy(400))  # type: ignore[attr-defined]
    narrow, wide = (asyncio.run(forecaster.answer({"x": x, "city": "Bonn"})).output for x in (0.5, 9.5))
    assert isinstance(narrow, dict)
    assert isinstance(wide, dict)
    assert list(narrow["quantiles"]) == ["0.05", "0.5", "0.95"]
    assert sorted(wide["quantiles"].values()) == list(wide["quantiles"].values())
    assert narrow["value"] == narrow["quantiles"]["0.5"]
    widths = [said["quantiles"]["0.95"] - said["quantiles"]["0.05"] for said in (narrow, wide)]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize("runs", [25, pytest.param(200, marks=pytest.mark.slow)])
def test_conformal_intervals_hold_what_they_promise_whatever_the_regressor_is_worth(runs: int) -> None:
    """Romano et al. (2019), theorem 1: at least 90 %, and at most 1/(n + 1) more. This regressor is worth nothing."""

    class Worthless:
        def fit(self, X: object, y: object) -> Worthless:
            return self

        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.zeros(len(X))

    held = []
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        X, y = generator.normal(size=(1000, 1)), generator.standard_t(3, 1000) + 5.0
        made = QuantileForecaster(lambda quantile: Worthless(), (0.05, 0.95), conformal=True, seed=seed)
        made.fit(X[:400], y[:400])
        ends = np.array([[said["quantiles"][q] for q in ("0.05", "0.95")] for said in made.predict(X[400:])])
        held.append(np.mean((ends[:, 0] <= y[400:]) & (y[400:] <= ends[:, 1])))
    error = np.std(held) / np.sqrt(runs)
    assert 0.90 - 3.5 * error <= np.mean(held) <= 0.90 + 1 / 101 + 3.5 * error


def test_without_correction_a_boosting_promises_too_much_and_with_it_keeps_its_word() -> None:
    """On 200 examples, as in the field: the reason to keep a quarter for it."""
    covered = {True: [], False: []}
    for seed in range(4):
        rows, new = noisy(200, seed), noisy(400, seed + 100)
        for conformal, shares in covered.items():
            forecaster = model("quantile-boosting", conformal=conformal, iterations=60)
            forecaster.fit(rows)  # type: ignore[attr-defined]
            said = asyncio.run(_all(forecaster, [example.input for example in new]))
            inside = [
                answer["quantiles"]["0.05"] <= example.target <= answer["quantiles"]["0.95"]
                for answer, example in zip(said, new, strict=True)
            ]
            shares.append(np.mean(inside))
    assert np.mean(covered[True]) > 0.85
    assert np.mean(covered[False]) < np.mean(covered[True]) - 0.05


async def _all(forecaster: Model, inputs: list[JSON]) -> list[dict]:
    answers = await asyncio.gather(*(forecaster.answer(input) for input in inputs))
    return [answer.output for answer in answers]  # type: ignore[misc]


def test_too_few_examples_to_calibrate_on_are_refused_with_the_next_step() -> None:
    with pytest.raises(CandidateError, match="`conformal: false`"):
        model("quantile-boosting").fit(noisy(30))  # type: ignore[attr-defined]


def test_the_margin_is_the_rank_that_exchangeability_asks_for() -> None:
    """⌈(n + 1) share⌉, and the largest where there is no such rank."""
    outside = np.arange(1.0, 20.0)
    assert (conformal_margin(outside, 0.9), conformal_margin(outside, 0.99)) == (18.0, 19.0)


def test_live_regressors_and_objects_with_predict_say_numbers() -> None:
    """What a data scientist has at hand is passed as it is."""
    from sklearn.linear_model import Ridge

    class Rule:
        def predict(self, inputs: list[dict[str, float]]) -> list[dict[str, JSON]]:
            return [{"value": 3 * row["x"], "quantiles": {"0.05": 0, "0.95": 40}} for row in inputs]

    context = LoadContext(task_kind="regression", env={})
    ridge = load(as_candidate(Ridge()), context)
    ridge.fit(noisy(200))  # type: ignore[attr-defined]
    assert asyncio.run(ridge.answer({"x": 5.0, "city": "Bonn"})).output == pytest.approx(15.0, abs=2.0)
    rule = load(as_candidate(Rule()), context)
    assert asyncio.run(rule.answer({"x": 5.0})).output == {"value": 15.0, "quantiles": {"0.05": 0, "0.95": 40}}
