"""The demonstration after its set-up, on an empty store, as `make demo` runs it: seconds, verdict, report_mb."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(argv: Sequence[str]) -> dict[str, float | str]:
    """The figures; SystemExit, saying the next step, when the set-up was not made."""
    if argv:
        raise SystemExit(f"demo takes no options, not {' '.join(argv)}.")
    if not (ROOT / "demo" / "data" / "sentiment.csv").exists():
        raise SystemExit("The demonstration's data are not there. Fetch them: make assets")
    with tempfile.TemporaryDirectory() as folder:
        store, report = Path(folder) / "store.sqlite", Path(folder) / "report.html"
        command = [sys.executable, "-m", "merits", "run", "demo/sentiment.yaml", "--json"]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--store", str(store), "--report", str(report)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
        seconds = time.perf_counter() - start
        if done.returncode not in (0, 1, 3):
            raise SystemExit(done.stderr)
        decision = json.loads(done.stdout)["decision"]
        print(decision["summary"], file=sys.stderr)
        return {
            "seconds": round(seconds, 1),
            "verdict": decision["verdict"],
            "candidate": decision["candidate"],
            "candidates": len(decision["standings"]),
            "examples": decision["n_examples"],
            "report_mb": round(report.stat().st_size / 1e6, 2),
        }
