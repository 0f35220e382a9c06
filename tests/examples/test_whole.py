"""Small worked examples, run whole as a user runs them: fetched, asked, decided, and their reports written.

The larger ones take minutes: `make examples`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from examples.fetching import assets_folder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "asset", "verdict", "shown"),
    [
        ("regression", "", "Adopt linear-quantile.", 'id="regression"'),
        ("recommendation", "ml-100k", "Adopt ", 'id="recommended"'),
    ],
)
def test_a_small_example_runs_to_its_decision_and_report(
    name: str, asset: str, verdict: str, shown: str, tmp_path: Path
) -> None:
    if asset and not (assets_folder() / asset).exists():
        pytest.skip(f"its data are not fetched (python -m examples {name} --fetch)")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".merits", "*.html"))
    env = {**os.environ, "MERITS_ASSETS": str(assets_folder()), "HF_HUB_OFFLINE": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "examples", name], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert verdict in done.stdout
    (report,) = (tmp_path / "examples" / name).glob("*-report.html")
    html = report.read_text(encoding="utf-8")
    assert verdict.rstrip(".") in html
    assert shown in html
