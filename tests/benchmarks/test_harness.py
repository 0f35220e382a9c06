"""The benchmarks can be listed, run and kept; small runs of them are cheap enough to test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from benchmarks import __main__ as harness

ROOT = Path(harness.__file__).parents[1]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_all_benchmarks_are_listed_with_a_line_each() -> None:
    """`python -m benchmarks` is the table of contents."""
    done = _run()
    assert done.returncode == 0
    listed = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    assert set(listed) == set(harness.names())
    assert {"startup", "main-job"} <= set(listed)


def test_an_unknown_benchmark_names_the_ones_there_are() -> None:
    """A slip of the finger."""
    done = _run("strtup")
    assert done.returncode == 2
    assert "There is no benchmark 'strtup'. There are: " in done.stderr


def test_the_last_line_is_one_json_object() -> None:
    """Programs read it; people read stderr."""
    done = _run("startup", "--runs", "1")
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, float])
    assert {"import_ms", "import_modules", "help_ms"} <= set(figures)
    assert all(value > 0 for value in figures.values())


def test_the_main_job_runs_from_examples_to_report() -> None:
    """The same code at a thousandth of the size."""
    done = _run("main-job", "--examples", "100", "--candidates", "2", "--again")
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, float])
    assert {"seconds", "peak_mb", "evaluate_seconds", "decide_seconds", "report_seconds"} <= set(figures)
    assert figures["outcomes"] == 200


@pytest.mark.slow
def test_the_calls_are_counted_and_measured() -> None:
    """The whole command at a fiftieth of the size, against the provider that takes the least."""
    done = _run("calls", "--prompts", "200", "--lean", "--latency", "0.01", "--tools", "merits")
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, dict[str, float]])["merits"]
    assert figures["calls"] == 200
    assert {"seconds", "cpu_ms_per_call", "start_to_first_request_s", "peak_mb", "reload_s"} <= set(figures)
    assert 0 < figures["share_of_limit"] <= 1


def test_kept_figures_say_when_and_on_what_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure without its machine means nothing."""
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    assert harness.main(["startup", "--runs", "1", "--keep"]) == 0
    kept = msgspec.json.decode((tmp_path / "startup.json").read_bytes())
    assert set(kept) == {"benchmark", "options", "date", "machine", "figures"}
    assert kept["options"] == ["--runs", "1"]
    assert {"cpu", "cores", "memory_gb", "python"} <= set(kept["machine"])
