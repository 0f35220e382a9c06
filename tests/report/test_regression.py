"""The section of forecasts: predicted over what came, quantiles that hold what they say, and the spread of errors."""

from __future__ import annotations

import re

import numpy as np
import pytest

from merits.flow import run
from merits.report.drawings.extras import extra_charts
from merits.report.extras.regression import _round_numbers
from merits.report.page import render
from merits.report.views import ReportView
from merits.tasks.make import make_task

N = 120


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ReportView:
    """One forecaster whose quantiles hold what they say, and one that says a number alone, always too much."""
    truth = np.random.default_rng(0).normal(100.0, 10.0, N)
    rows = [{"input": {"x": i}, "target": float(truth[i])} for i in range(N)]
    quantiles = {"0.05": 83.55, "0.5": 100.0, "0.95": 116.45}
    task = make_task(
        rows,
        name="numbers",
        kind="regression",
        scorers=[{"kind": "numeric", "tolerance": 10}, "rmse", "coverage", "interval_width"],
        candidates={
            "honest": lambda columns: {"value": 100.0, "quantiles": quantiles},
            "high": lambda columns: 130.0,
        },
    )
    return run(task, store=tmp_path_factory.mktemp("numbers") / "store.sqlite").view


def test_what_it_draws_is_as_large_as_it_says(found: ReportView) -> None:
    """Drawings of several panels cannot be fitted to a page: they were squashed, or not drawn at all."""
    (section,) = found.extras
    scatter, quantiles, errors = extra_charts(section)
    for chart, least in ((scatter, 370), (quantiles, 370), (errors, 120)):
        width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', chart.wide).groups())
        assert width > 370
        assert height > least
    assert all(name in errors.wide for name in ("honest", "high"))
    assert [plot.is_half for plot in section.plots] == [True, True, False]
    assert 'class="whole"' in render(found)


def test_quantiles_are_drawn_with_how_often_they_held(found: ReportView) -> None:
    """Of who gave some: nobody else has a line there."""
    (section,) = found.extras
    plot = section.plots[1]
    rows = plot.spec["layer"][1]["data"]["values"]
    assert [(row["name"], row["x"]) for row in rows] == [("honest", 0.05), ("honest", 0.5), ("honest", 0.95)]
    assert all(row["low"] < row["x"] < row["high"] for row in rows)


def test_a_width_that_nobody_gave_is_no_record(found: ReportView) -> None:
    """And which way each measure is better stands in its heading."""
    html = render(found)
    measures = html[html.index('id="measures"') : html.index('id="disagreement"')]
    assert "unknown" not in measures
    assert "no record" in measures
    assert 'rmse<span class="range">lower is better' in measures
    assert 'coverage<span class="range">higher is better' in measures
    differences = html[html.index('id="differences"') : html.index('id="measures"')]
    assert "rmse is the root mean squared error" in differences


def test_axes_of_errors_have_round_numbers_and_0() -> None:
    assert _round_numbers(-117.0, 143.0, 10) == [-100.0, -50.0, 0.0, 50.0, 100.0]
    assert 0.0 in _round_numbers(-0.3, 0.4, 5)
