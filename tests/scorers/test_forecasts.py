"""Numbers, quantiles and intervals: the figures over all answers are scikit-learn's, and silence gains nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, r2_score, root_mean_squared_error

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.outcome import Counts
from merits.core.task import Example, ScorerSpec
from merits.reading.forecasts import Forecast, forecast_of
from merits.scorers.counted import STATISTICS, fits
from merits.scorers.registry import load

GENERATOR = np.random.default_rng(0)
TARGETS = GENERATOR.normal(3.0, 20.0, 200)
SAID = TARGETS + GENERATOR.normal(1.0, 8.0, 200)
QUANTILES: dict[float, np.ndarray] = {q: SAID + shift for q, shift in ((0.05, -12.0), (0.5, 0.5), (0.95, 15.0))}


def forecasts() -> list[JSON]:
    rows = zip(SAID, *QUANTILES.values(), strict=True)
    return [{"value": v, "quantiles": {f"{q:g}": x for q, x in zip(QUANTILES, said, strict=True)}} for v, *said in rows]


def figure(spec: ScorerSpec, outputs: list[JSON], targets: np.ndarray = TARGETS) -> float:
    score = load(spec)
    found = [score(Example("1", "x", t), Answer(o)).counts for t, o in zip(targets.tolist(), outputs, strict=True)]
    assert all(counts is not None and fits(counts) for counts in found)
    sums = np.array([counts.values for counts in found if counts is not None]).sum(axis=0)
    return float(STATISTICS[found[0].statistic].value(sums)) if found[0] else float("nan")


@pytest.mark.parametrize(
    ("kind", "theirs"), [("rmse", root_mean_squared_error), ("mae", mean_absolute_error), ("r2", r2_score)]
)
def test_errors_are_scikit_learns(kind: str, theirs: object) -> None:
    """Also of targets below 0."""
    assert figure(ScorerSpec(kind), forecasts()) == pytest.approx(theirs(TARGETS, SAID))  # type: ignore[operator]


@pytest.mark.parametrize("quantiles", [(0.05,), (0.5,), (0.05, 0.5, 0.95)])
def test_pinball_loss_is_scikit_learns(quantiles: tuple[float, ...]) -> None:
    """The mean over several quantiles weighs them alike."""
    theirs = np.mean([mean_pinball_loss(TARGETS, QUANTILES[q], alpha=q) for q in quantiles])
    assert figure(ScorerSpec("pinball", {"quantiles": list(quantiles)}), forecasts()) == pytest.approx(theirs)


def test_coverage_and_width_are_what_they_are_called() -> None:
    """Counted by hand."""
    inside = (QUANTILES[0.05] <= TARGETS) & (TARGETS <= QUANTILES[0.95])
    assert figure(ScorerSpec("coverage"), forecasts()) == pytest.approx(inside.mean())
    assert figure(ScorerSpec("interval_width"), forecasts()) == pytest.approx(27.0)


def test_who_says_no_number_is_counted_as_nothing_said() -> None:
    """The scorer cannot know what other targets are; the statistic puts their mean in its place."""
    silent = load(ScorerSpec("rmse"))(Example("1", "x", 5.0), Answer("I do not know"))
    assert (silent.solved, silent.counts) == (False, Counts("root_error", (0.0, 0.0, 0.0)))
    targets = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 2.0], [0.0, 1.0, 9.0]])
    assert STATISTICS["root_error"].nothing(targets)[:, 0].tolist() == [9.0, 4.0, 25.0]
    assert STATISTICS["mean_error"].nothing(targets)[:, 0].tolist() == [1.0, 0.0, 7.0]
    with_quantile = np.concatenate([targets, np.full((3, 1), 0.9)], axis=1)
    median = np.full(3, 2.0)
    assert STATISTICS["pinball"].nothing(with_quantile)[:, 0].mean() == pytest.approx(
        mean_pinball_loss(targets[:, 2], median, alpha=0.9)
    )


def test_counts_of_errors_may_be_negative_and_those_of_words_may_not() -> None:
    """Targets are below 0 as often as not; a negative number of errors is a scorer's mistake."""
    assert fits(Counts("root_error", (4.0, 1.0, -3.0)))
    assert not fits(Counts("error_rate", (-1.0, 8.0)))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (12, Forecast(12.0)),
        ("12.5 minutes", Forecast(12.5)),
        ('```json\n{"value": 3, "quantiles": {"0.9": 5}}\n```', Forecast(3.0, {0.9: 5.0})),
        ({"value": 3, "quantiles": {"0.9": 5, "0.1": "1.5", "2": 7, "0.5": None}}, Forecast(3.0, {0.1: 1.5, 0.9: 5.0})),
        ({"answer": 18}, Forecast(18.0)),
        ({"quantiles": {"0.9": 5}}, None),
        ({"quantiles": {"0.25": 2, "0.75": 4}}, Forecast(3.0, {0.25: 2.0, 0.75: 4.0})),
        ({"value": "n/a"}, None),
        ([None], None),
    ],
)
def test_forecasts_come_in_one_form(output: JSON, expected: Forecast | None) -> None:
    """And a chat model may write it as text."""
    assert forecast_of(output) == expected


def test_crossed_quantiles_are_put_in_order() -> None:
    """Two regressors that were fitted apart may cross."""
    assert Forecast(1.0, {0.05: 4.0, 0.95: 2.0}).interval(0.9) == (2.0, 4.0)
    assert Forecast(1.0, {0.05: 4.0}).interval(0.9) is None


def test_numeric_reads_the_value_of_a_forecast_and_not_its_last_quantile() -> None:
    score = load(ScorerSpec("numeric", {"tolerance": 0.5}))
    assert score(Example("1", "x", 10), Answer({"value": 10.2, "quantiles": {"0.95": 14}})).solved
    assert not score(Example("1", "x", 14), Answer({"value": 10.2, "quantiles": {"0.95": 14}})).solved
