"""Several tools on one job: which are wanted and installed, and where each has a provider and a folder of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from benchmarks._peers import PEERS, Peer
from benchmarks._peers.own import Merits

__all__ = ["TOOLS", "add_options", "each", "last_line", "prompt", "write_prompts"]

TOOLS: Mapping[str, Peer] = {"merits": Merits(), **PEERS}
Figures = dict[str, object]


def add_options(parser: argparse.ArgumentParser, *, n: int, concurrency: int, limit_s: float) -> None:
    """Adds what every such measurement may be told; the values are what holds where nothing is said."""
    parser.add_argument("--n", type=int, default=n, help="prompts (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=concurrency, help="calls at once (default: %(default)s)")
    parser.add_argument(
        "--limit", type=float, default=limit_s, help="seconds after which a tool is stopped (%(default)s)"
    )
    parser.add_argument("--tools", default="", help=f"only these, separated by commas: {', '.join(TOOLS)}")


def each(wanted: str, measure: Callable[[Peer], Figures]) -> dict[str, Figures]:
    """What is measured of each tool: those that are wanted (names with commas between; "" for all), in that order.

    Merits goes first and alone, for it is the one that is timed; the others then run at the same time, since most of
    them wait for minutes. One that is not installed has `skipped` with what to do. SystemExit names one that there is
    not.
    """
    names = [name for name in wanted.split(",") if name] or list(TOOLS)
    if unknown := [name for name in names if name not in TOOLS]:
        raise SystemExit(f"There is no tool {unknown[0]!r}. There are: {', '.join(TOOLS)}.")
    found: dict[str, Figures] = {}

    def one(name: str) -> None:
        missing = TOOLS[name].available()
        found[name] = {"skipped": missing} if missing else measure(TOOLS[name])
        print(f"{name}: {msgspec.json.encode(found[name]).decode()}", file=sys.stderr, flush=True)

    for name in names:
        if name == "merits":
            one(name)
    others = [name for name in names if name != "merits"]
    with ThreadPoolExecutor(max(1, len(others))) as pool:
        list(pool.map(one, others))
    return {name: found[name] for name in names}


def last_line(said: str) -> str:
    """How a tool's last words end; the lines before are mostly a traceback.

    >>> last_line("Traceback ...\\nValueError: no\\n")
    'ValueError: no'
    """
    return said.strip().rpartition("\n")[2][:200]


def prompt(i: int) -> str:
    """The i-th question, which is to be answered with itself.

    >>> prompt(3)
    'word 3'
    """
    return f"word {i}"


def write_prompts(path: Path, n: int) -> Path:
    """Writes n of them, one JSON object a line; returns the path."""
    rows = (msgspec.json.encode({"input": prompt(i), "target": prompt(i)}) for i in range(n))
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path
