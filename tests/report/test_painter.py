"""The process that draws: it draws what is drawn here, leaves when it is done, and its death is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

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
        assert painter.svg(POINTS) == here
        process = _started()
        assert painter.svg(POINTS) == here
        assert _started() is process
    assert here.startswith("<svg")
    assert process.returncode == 0
    assert painter._apart.get() is None


def test_a_process_is_started_before_there_is_something_to_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one shall draw, and only there; what goes wrong meanwhile ends it at once."""
    monkeypatch.delitem(sys.modules, "vl_convert", raising=False)
    painter.make_ready()
    assert "vl_convert" not in sys.modules
    processes: list[subprocess.Popen[bytes]] = []

    def fails_meanwhile() -> None:
        with painter.apart():
            painter.make_ready()
            processes.append(_started())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_meanwhile()
    assert [process.returncode for process in processes] == [-signal.SIGKILL]


def test_a_process_that_died_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than waited for."""
    monkeypatch.delitem(sys.modules, "vl_convert", raising=False)
    with painter.apart():
        painter.make_ready()
        process = _started()
        process.kill()
        process.wait()
        with pytest.raises(RuntimeError, match="has died"):
            painter.svg(POINTS)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the size of a process on Linux")
def test_a_process_apart_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """V8 and its library take over 100 MB; what only their start needs is given back."""
    monkeypatch.delitem(sys.modules, "vl_convert", raising=False)
    with painter.apart():
        for _ in range(4):
            painter.svg(POINTS)
        status = Path(f"/proc/{_started().pid}/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    assert kilobytes / 1000 < 95


def _started() -> subprocess.Popen[bytes]:
    apart = painter._apart.get()
    assert apart is not None
    assert apart.process is not None
    return apart.process
