"""Runs a worked example: fetches what it needs, writes its data, evaluates, decides, writes the report.

python -m examples                     what there is
python -m examples speech              one of them
python -m examples all                 one after the other
python -m examples speech --fetch      only fetches its models and data
python -m examples speech --dry-run    other options go to `merits run` (or to the VERB of an example)
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import examples
from examples.fetching import FetchError, assets_folder, fetch, say

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """The examples there are, sorted."""
    return sorted(found.name for found in pkgutil.iter_modules(examples.__path__) if found.ispkg)


def prepare(name: str) -> Path:
    """The task file of an example, once its models and data are in place. Raises FetchError."""
    module = _module(name)
    fetch(module.ASSETS, assets_folder())
    module.prepare(assets_folder(), HERE / name / "data")
    return HERE / name / "merits.yaml"


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"examples.{name}")


def main(arguments: list[str]) -> int:
    """The exit code of `merits`, of the worst of several; 4 where something could not be fetched."""
    if not arguments or arguments[0].startswith("-"):
        for name in names():
            print(f"{name:20} {(_module(name).__doc__ or '').splitlines()[0]}")
        return 0
    wanted = names() if arguments[0] == "all" else [arguments[0]]
    if unknown := [name for name in wanted if name not in names()]:
        print(f"there is no example {unknown[0]!r}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    if "--fetch" in arguments:
        return max(map(_fetch, wanted))
    return max(_run(name, arguments[1:]) for name in wanted)


def _fetch(name: str) -> int:
    try:
        fetch(_module(name).ASSETS, assets_folder())
    except (FetchError, OSError) as problem:
        print(f"error: {name}: {problem}", file=sys.stderr)
        return 4
    return 0


def _run(name: str, options: list[str]) -> int:
    start = time.perf_counter()
    try:
        task = prepare(name)
    except (FetchError, OSError) as problem:
        print(f"error: {name}: {problem}", file=sys.stderr)
        return 4
    ready = time.perf_counter()
    module = _module(name)
    verb, own = getattr(module, "VERB", "run"), getattr(module, "OPTIONS", ())
    code = subprocess.run([sys.executable, "-m", "merits", verb, str(task), *own, *options], check=False).returncode
    say(f"{name}: {ready - start:.0f} s to prepare, {time.perf_counter() - ready:.0f} s to run")
    return 0 if code == 3 else code  # 3 is "undecided": an honest answer, and the example ran


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
