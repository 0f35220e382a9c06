"""Calibration and quality without labels."""

from __future__ import annotations

import numpy as np
import pytest

from merits.stats.calibration import calibration_error, estimated_quality, recalibration


def test_nothing_gives_no_estimate() -> None:
    """Neither a number nor a bound."""
    none = np.empty(0)
    assert calibration_error(none, none.astype(bool)).value is None
    assert estimated_quality(recalibration(none, none.astype(bool)), np.array([0.5])).value is None
    assert estimated_quality(recalibration(np.array([0.5]), np.array([True])), none).value is None


def test_one_answer_says_nearly_nothing() -> None:
    """The interval is wide, and within 0..1."""
    found = estimated_quality(recalibration(np.array([0.5]), np.array([True])), np.array([0.5]))
    assert found.value == pytest.approx(0.875)
    assert found.low is not None
    assert found.high == 1.0
    assert found.low < 0.6


def test_equal_confidences_stay_in_one_bin() -> None:
    """A model that always says 0.9 and is right nine times in ten is calibrated, in whatever order that happens."""
    solved = np.arange(1000) >= 100
    found = calibration_error(np.full(1000, 0.9), solved)
    assert found.value == pytest.approx(0.0)
    assert found.low == 0.0
