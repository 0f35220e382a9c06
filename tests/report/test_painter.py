"""The process that draws: it draws what is drawn here, leaves when it is done, and its death is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from merits.core.identity import JSON
from merits.report.drawings import painter

POINTS: dict[str, JSON] = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"a": 1}, {"a": 2}]},
    "mark": "point",
    "encoding": {"x": {"field": "a", "type": "quantitative"}},
}


def test_a_process_apart_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page must not depend on where it was drawn."""
    here = painter.svg(POINTS)
    monkeypatch.delitem(sys.modules, "vl_convert")  # as in a process that has drawn nothing yet
    with painter.apart():
        process = painter._apart.get()
        assert painter.svg(POINTS) == here
        assert painter.svg(POINTS) == here
    assert here.startswith("<svg")
    assert isinstance(process, subprocess.Popen)
    assert process.returncode == 0
    assert painter._apart.get() is None


def test_a_process_that_died_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than waited for."""
    monkeypatch.delitem(sys.modules, "vl_convert", raising=False)
    with painter.apart():
        process = painter._apart.get()
        assert process is not None
        process.kill()
        process.wait()
        with pytest.raises(RuntimeError, match="has died"):
            painter.svg(POINTS)
