"""Forecasts beside what came: predicted over actual with intervals, and how the errors are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merits.core.doors import AnswerKey
from merits.core.identity import JSON
from merits.report.drawings.canvas import COLOURS
from merits.report.extras.registry import ExtraSection, Plot
from merits.report.sections.examples import Source
from merits.report.sections.subject import Subject
from merits.scorers.forecasts import Forecast, forecast_of
from merits.scorers.reading_numbers import number_in

__all__ = ["section"]

_MOST_ROWS = 2_000  # answers that are looked at, for the spread of errors
_MOST_DOTS = 200  # drawn
_MOST_SHOWN = 4  # candidates in one histogram
_BINS = 24
_SIDE = 340  # of the drawing area, in pixels
Spec = dict[str, JSON]


@dataclass(frozen=True)
class _Forecasts:
    """The forecasts of one candidate that say a number, and what came."""

    name: str
    said: tuple[Forecast, ...]
    actual: NDArray[np.float64]

    @property
    def errors(self) -> NDArray[np.float64]:
        return np.array([forecast.value for forecast in self.said]) - self.actual


def section(subject: Subject, source: Source) -> ExtraSection | None:
    """The candidate in focus, predicted over actual; and the errors of the first few. None where none says numbers."""
    shown = [k for k in subject.order if k in subject.cases.assessed][:_MOST_SHOWN]
    if subject.focus is None or not shown:
        return None
    found = [each for k in shown if len((each := _forecasts(subject, source, k)).said) > 1]
    focus = next((each for each in found if each.name == subject.name(subject.focus)), None)
    if focus is None:
        return None
    held = "The lines are its outermost quantiles. " if any(len(said.quantiles) > 1 for said in focus.said) else ""
    return ExtraSection(
        id="regression",
        title="Forecasts and what came",
        words=(
            f"What {focus.name} said over what came: on the line it was right. {held}"
            "Errors to one side of 0 are a bias; a long tail is what RMSE punishes and MAE forgives.",
        ),
        plots=(_scatter(focus), _histogram(found)),
    )


def _forecasts(subject: Subject, source: Source, k: int) -> _Forecasts:
    evaluation = subject.evaluation
    rows = np.flatnonzero(subject.cases.clean & subject.cases.scored[k])
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:_MOST_ROWS])
    targets = {example.id: number_in(example.target) for example in source.examples}
    keys = {int(row): AnswerKey(str(evaluation.input_hashes[row]), int(evaluation.repeats[row]), "") for row in rows}
    answers = source.answers(evaluation.versions[k], list(keys.values()))
    said, actual = [], []
    for row, key in keys.items():
        target = targets.get(str(evaluation.examples[row]))
        forecast = forecast_of(answers[key].output) if key in answers else None
        if forecast is not None and target is not None:
            said.append(forecast)
            actual.append(target)
    return _Forecasts(subject.name(k), tuple(said), np.array(actual))


def _scatter(focus: _Forecasts) -> Plot:
    rows: list[JSON] = []
    for forecast, actual in list(zip(focus.said, focus.actual.tolist(), strict=True))[:_MOST_DOTS]:
        low, high = (min(forecast.quantiles.values()), max(forecast.quantiles.values())) if forecast.quantiles else (
            forecast.value,
            forecast.value,
        )  # fmt: skip
        rows.append({"actual": actual, "predicted": forecast.value, "low": low, "high": high})
    ends = [float(focus.actual.min()), float(focus.actual.max())]
    x: Spec = {"field": "actual", "type": "quantitative", "title": "actual", "scale": {"zero": False, "nice": True}}
    y: Spec = {"type": "quantitative", "title": "predicted", "scale": {"zero": False, "nice": True}}
    spec: Spec = {
        "width": _SIDE,
        "height": _SIDE,
        "layer": [
            {
                "data": {"values": [{"actual": end, "predicted": end} for end in ends]},
                "mark": {"type": "line", "strokeDash": [4, 4], "color": COLOURS[1]},
                "encoding": {"x": x, "y": {**y, "field": "predicted"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "rule", "opacity": 0.25, "color": COLOURS[0]},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "size": 22, "opacity": 0.8, "color": COLOURS[0]},
                "encoding": {"x": x, "y": {**y, "field": "predicted"}},
            },
        ],
    }
    words = f"{focus.name}: predicted over actual, {len(rows):,} cases, with intervals where they were given."
    return Plot(words, spec, {**spec, "width": 250, "height": 250})


def _histogram(found: Sequence[_Forecasts]) -> Plot:
    """The share of each candidate's errors in each of 24 bins; what is beyond the central 98 % is in the outer ones."""
    together = np.concatenate([each.errors for each in found])
    low, high = np.quantile(together, [0.01, 0.99])
    if high <= low:
        low, high = float(low) - 0.5, float(high) + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    rows: list[JSON] = []
    for each in found:
        counts, _ = np.histogram(np.clip(each.errors, low, high), edges)
        for start, end, share in zip(edges[:-1], edges[1:], (counts / len(each.errors)).tolist(), strict=True):
            rows.append({"candidate": each.name, "start": float(start), "end": float(end), "share": share})
    names = [each.name for each in found]
    spec: Spec = {
        "width": 2 * _SIDE,
        "height": 60,
        "data": {"values": rows},
        "mark": {"type": "bar", "binSpacing": 0},
        "encoding": {
            "x": {"field": "start", "type": "quantitative", "bin": {"binned": True}, "title": "predicted less actual"},
            "x2": {"field": "end"},
            "y": {"field": "share", "type": "quantitative", "title": None, "axis": {"format": ".0%", "tickCount": 2}},
            "color": {
                "field": "candidate",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": list(names), "range": [COLOURS[i % len(COLOURS)] for i in range(len(names))]},
            },
            "row": {
                "field": "candidate",
                "type": "nominal",
                "sort": list(names),
                "title": None,
                "header": {"labelAngle": 0, "labelAlign": "left", "labelOrient": "top", "labelAnchor": "start"},
            },
        },
    }
    words = f"How the errors of {', '.join(names)} are spread: the share of the cases over predicted less actual."
    return Plot(words, spec, {**spec, "width": 270})
