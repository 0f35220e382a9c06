"""A small real task that every story test starts from: scikit-learn's iris flowers, as a CSV of one's own."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from merits.cli import main

Merits = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with flowers.csv in it, as the working directory."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    with (tmp_path / "flowers.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["flower_id", "sepal_length", "sepal_width", "petal_length", "petal_width", "species"])
        for number, (features, species) in enumerate(zip(iris.data, iris.target, strict=True)):
            rows.writerow([f"f{number}", *features, iris.target_names[species]])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def merits(capsys: pytest.CaptureFixture[str]) -> Merits:
    """Runs a command line in this process; exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as stop:  # argparse ends this way
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run
