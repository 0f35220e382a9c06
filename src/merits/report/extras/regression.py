"""Forecasts beside what came: predicted over actual, whether quantiles hold what they say, how errors are spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merits.core.doors import AnswerKey
from merits.core.identity import JSON
from merits.reading.forecasts import Forecast, forecast_of
from merits.reading.numbers import number_in
from merits.report.drawings.canvas import COLOURS
from merits.report.drawings.labels import fitting
from merits.report.extras.registry import ExtraSection, Plot
from merits.report.sections.examples import Source
from merits.report.sections.subject import Subject
from merits.stats.proportions import wilson

__all__ = ["section"]

_MOST_ROWS = 2_000  # answers that are looked at, for the spread of errors
_MOST_DOTS = 200  # drawn
_MOST_READ = 8  # candidates whose answers are looked at
_MOST_SHOWN = 4  # candidates in one drawing
_BINS = 24
_SIDE, _NARROW_SIDE = 370, 262  # of the drawing area, in pixels
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
    shown = [k for k in subject.order if k in subject.cases.assessed][:_MOST_READ]
    if subject.focus is None or not shown:
        return None
    found = [each for k in shown if len((each := _forecasts(subject, source, k)).said) > 1]
    focus = next((each for each in found if each.name == subject.name(subject.focus)), None)
    if focus is None:
        return None
    held = "The lines are its outermost quantiles. " if any(len(said.quantiles) > 1 for said in focus.said) else ""
    reliability = _reliability(found, subject.decision.level)
    if reliability is not None:
        held += "Honest quantiles lie on the diagonal of the second drawing: 5 % comes out at or below that of 0.05. "
    return ExtraSection(
        id="regression",
        title="Forecasts and what came",
        words=(
            f"What {focus.name} said over what came: on the line it was right. {held}"
            "Errors to one side of 0 are a bias; a long tail is what RMSE punishes and MAE forgives.",
        ),
        plots=(_scatter(focus), *(() if reliability is None else (reliability,)), _histogram(found[:_MOST_SHOWN])),
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
    return Plot(words, spec, {**spec, "width": _NARROW_SIDE, "height": _NARROW_SIDE}, is_half=True)


def _reliability(found: Sequence[_Forecasts], level: float) -> Plot | None:
    """The share of what came that is at or below each quantile, with Wilson's interval; None where nobody gave any.

    The reliability diagram of quantiles (Gneiting, Balabdaoui & Raftery 2007, doi:10.1111/j.1467-9868.2007.00587.x).
    """
    giving = [each for each in found if any(len(said.quantiles) > 1 for said in each.said)][:_MOST_SHOWN]
    names = fitting([each.name for each in giving], 170)
    rows: list[JSON] = []
    for name, each in zip(names, giving, strict=True):
        for quantile in sorted({q for said in each.said for q in said.quantiles}):
            pairs = zip(each.said, each.actual.tolist(), strict=True)
            below = [actual <= said.quantiles[quantile] for said, actual in pairs if quantile in said.quantiles]
            share = wilson(sum(below), len(below), level)
            rows.append({"name": name, "x": quantile, "y": share.value, "low": share.low, "high": share.high})
    if not rows:
        return None
    scale: Spec = {"domain": [0, 1], "nice": False}
    x: Spec = {"field": "x", "type": "quantitative", "title": "quantile", "scale": scale, "axis": {"tickCount": 5}}
    y: Spec = {"type": "quantitative", "title": "share of what came at or below it", "scale": scale}
    y["axis"] = {"format": ".0%", "tickCount": 5}
    colour: Spec = {
        "field": "name",
        "type": "nominal",
        "sort": [*names],
        "scale": {"domain": [*names], "range": [COLOURS[i % len(COLOURS)] for i in range(len(names))]},
        "legend": {"symbolType": "stroke", "columns": 2},
    }
    spec: Spec = {
        "width": _SIDE,
        "height": _SIDE,
        "layer": [
            {
                "data": {"values": [{"x": end, "y": end} for end in (0, 1)]},
                "mark": {"type": "line", "color": "var(--soft)", "strokeWidth": 1, "strokeDash": [3, 3]},
                "encoding": {"x": x, "y": {**y, "field": "y"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "line", "point": {"size": 45}, "strokeWidth": 2},
                "encoding": {"x": x, "y": {**y, "field": "y"}, "color": colour},
            },
        ],
    }
    said = f"The share of what came that was at or below each quantile of {', '.join(each.name for each in giving)}."
    narrow: Spec = {**spec, "width": _NARROW_SIDE, "height": _NARROW_SIDE}
    return Plot(said, spec, narrow, is_half=True)


def _histogram(found: Sequence[_Forecasts]) -> Plot:
    """The share of each candidate's errors in each of 24 bins; what is beyond the central 98 % is in the outer ones."""
    together = np.concatenate([each.errors for each in found])
    low, high = np.quantile(together, [0.01, 0.99])
    if high <= low:
        low, high = float(low) - 0.5, float(high) + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    rows: list[JSON] = []
    names = fitting([each.name for each in found], 260)
    for name, each in zip(names, found, strict=True):
        counts, _ = np.histogram(np.clip(each.errors, low, high), edges)
        for start, end, share in zip(edges[:-1], edges[1:], (counts / len(each.errors)).tolist(), strict=True):
            rows.append({"candidate": name, "start": float(start), "end": float(end), "share": share})
    x: Spec = {"field": "start", "type": "quantitative", "bin": {"binned": True}, "title": "predicted less actual"}
    encoding: Spec = {
        "x": {**x, "axis": {"values": _round_numbers(low, high, 10)}},
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
    }
    spec: Spec = {
        "width": 2 * _SIDE + 120,
        "height": 60,
        "data": {"values": rows},
        "mark": {"type": "bar", "binSpacing": 0},
        "encoding": encoding,
    }
    words = f"How the errors of {', '.join(names)} are spread: the share of the cases over predicted less actual."
    fewer: Spec = {**x, "axis": {"values": _round_numbers(low, high, 5)}}
    return Plot(words, spec, {**spec, "width": 280, "encoding": {**encoding, "x": fewer}})


def _round_numbers(low: float, high: float, most: int) -> list[JSON]:
    """At most so many round numbers that divide a range evenly, 0 among them where it is in it."""
    rough = (high - low) / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * by for by in (1, 2, 5, 10) if size * by >= rough)
    return [round(i * step, 12) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
