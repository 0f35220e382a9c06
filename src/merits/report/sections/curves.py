"""How well candidates rank, and how honest their probabilities are."""

from __future__ import annotations

import msgspec
import numpy as np

from merits.report.sections.subject import Subject
from merits.scorers import corpus

__all__ = ["CurveLine", "CurveSection", "curve_section"]

_MOST_LINES = 5


class CurveLine(msgspec.Struct, frozen=True):
    """The line of one candidate; `n` are the answers behind each point, where that is meaningful."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    n: tuple[int, ...] = ()


class CurveSection(msgspec.Struct, frozen=True, kw_only=True):
    """ROC, precision over recall, and reliability curves. `of` says for which class the first two are."""

    roc: tuple[CurveLine, ...]
    precision_recall: tuple[CurveLine, ...]
    reliability: tuple[CurveLine, ...]
    of: str
    without: tuple[str, ...]
    n_left_out: int


def curve_section(subject: Subject) -> CurveSection | None:
    """None when no candidate gave probabilities or confidences for labelled examples."""
    labels = subject.evaluation.labels
    if labels is None:
        return None
    giving = [k for k in subject.order if k in labels.probabilities or k in subject.evaluation.confidence]
    found = [(subject.name(k), rows) for k in giving[:_MOST_LINES] if (rows := corpus.rows_of(subject.evaluation, k))]
    section = CurveSection(
        roc=tuple(_line(name, curve) for name, rows in found if (curve := corpus.roc(rows))),
        precision_recall=tuple(_line(name, curve) for name, rows in found if (curve := corpus.precision_recall(rows))),
        reliability=tuple(_line(name, curve) for name, rows in found if (curve := corpus.calibration(rows))),
        of=labels.classes[1] if len(labels.classes) == 2 else "",
        without=tuple(subject.name(k) for k in subject.order if k not in giving),
        n_left_out=max(0, len(giving) - _MOST_LINES),
    )
    return section if section.roc or section.reliability else None


def _line(name: str, curve: corpus.Curve) -> CurveLine:
    x, y = np.round(curve.x, 5).tolist(), np.round(curve.y, 5).tolist()
    return CurveLine(name, tuple(x), tuple(y), tuple(curve.n))
