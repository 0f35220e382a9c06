"""The long simulations of intervals, error rates and verdicts against known truth: how many keep their promise.

The whole output, every line of every table, is kept in `results/simulations.txt` under its date and machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.__main__ import RESULTS, machine

_COMMAND = (
    sys.executable,
    "-m",
    "pytest",
    "-m",
    "slow",
    "-s",
    "-q",
    "-p",
    "no:randomly",
    "tests/simulation",
    "tests/tasks",
)


def main(argv: Sequence[str]) -> dict[str, object]:
    """How many simulations passed and failed, and the seconds; exits with 1 when one failed. `argv` goes to pytest."""
    start = time.perf_counter()
    head = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}", **machine(), "run": " ".join(argv) or "all of them"}
    lines = [*(f"{name}: {value}" for name, value in head.items()), ""]
    with subprocess.Popen([*_COMMAND, *argv], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", file=sys.stderr)
            lines.append(line.rstrip())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "simulations.txt").write_text("\n".join(lines) + "\n", "utf-8")
    if running.returncode:
        sys.exit(1)
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed)", lines[-1])}
    return {**counts, "seconds": round(time.perf_counter() - start, 1)}
