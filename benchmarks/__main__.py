"""`python -m benchmarks` lists the benchmarks, `python -m benchmarks NAME [--keep] [options]` runs one.

Explanations go to stderr; the last line on stdout is one JSON object with the figures.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import msgspec

import benchmarks
from benchmarks._markdown import put

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def names() -> list[str]:
    """The names of all benchmarks, sorted."""
    modules = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def machine() -> dict[str, str | int | float]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "memory_gb": _memory_gb(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def main(argv: Sequence[str]) -> int:
    """The exit code: 0, or 2 when there is no such benchmark."""
    if not argv or argv[0] in ("-h", "--help"):
        for name in names():
            print(f"{name:12} {_first_line(_module(name))}")
        return 0
    name, *options = argv
    if name not in names():
        print(f"There is no benchmark {name!r}. There are: {', '.join(names())}.", file=sys.stderr)
        return 2
    module = _module(name)
    print(f"{name}: {_first_line(module)}", file=sys.stderr)
    figures = module.main([option for option in options if option != "--keep"])
    table = module.table(figures) if hasattr(module, "table") else ""
    print(table, file=sys.stderr)
    if "--keep" in options:
        _keep(name, [option for option in options if option != "--keep"], figures)
        if table:
            put(PAGE, name, table)
    print(msgspec.json.encode(figures).decode())
    return 0


def _keep(name: str, options: Sequence[str], figures: Mapping[str, object]) -> None:
    RESULTS.mkdir(exist_ok=True)
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    kept = {"benchmark": name, "options": options, "date": date, "machine": machine(), "figures": figures}
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    print(f"kept in {path}", file=sys.stderr)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.{name.replace('-', '_')}")


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().splitlines()[0]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _memory_gb() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return 0.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
