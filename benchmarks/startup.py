"""How long `import merits` and `merits --help` take: import_ms, import_modules, help_ms (medians of fresh processes).

`import_ms` is the import alone, `help_ms` the whole process with the interpreter's own start.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

_IMPORT = """
import sys, time
before, start = len(sys.modules), time.perf_counter()
import merits
print(1000 * (time.perf_counter() - start), len(sys.modules) - before)
"""


def main(argv: Sequence[str]) -> dict[str, float]:
    """The medians."""
    parser = argparse.ArgumentParser("startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="fresh processes to take the median of")
    runs = parser.parse_args(argv).runs
    imports = [_import() for _ in range(runs)]
    return {
        "import_ms": round(statistics.median(ms for ms, _ in imports), 1),
        "import_modules": imports[0][1],
        "help_ms": round(statistics.median(_help_ms() for _ in range(runs)), 1),
        "runs": runs,
    }


def _import() -> tuple[float, int]:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
    milliseconds, modules = done.stdout.split()
    return float(milliseconds), int(modules)


def _help_ms() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "merits", "--help"], capture_output=True, check=True)
    return 1000 * (time.perf_counter() - start)
