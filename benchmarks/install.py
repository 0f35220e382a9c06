"""Installing the core, without extras, into a fresh environment: seconds, packages, mb; no deep-learning framework."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FRAMEWORKS = {"torch", "tensorflow", "jax", "onnxruntime", "transformers"}


def main(argv: Sequence[str]) -> dict[str, float | int | str]:
    """The figures; making the empty environment is not counted."""
    if argv:
        raise SystemExit(f"install takes no options, not {' '.join(argv)}.")
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        python = str(environment / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        before = _size_mb(environment)
        start = time.perf_counter()
        subprocess.run([python, "-m", "pip", "install", "-q", str(ROOT)], check=True, stdout=sys.stderr)
        seconds = time.perf_counter() - start
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
        )
        packages = {line.partition("==")[0].lower() for line in listed.stdout.split()} - {"pip", "setuptools"}
        subprocess.run([python, "-m", "merits", "--version"], check=True, stdout=sys.stderr)
        return {
            "seconds": round(seconds, 1),
            "packages": len(packages),
            "mb": round(_size_mb(environment) - before),
            "frameworks": ", ".join(sorted(packages & FRAMEWORKS)) or "none",
        }


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
