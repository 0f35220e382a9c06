"""Trials of one candidate on the demonstration's dev examples, with what was embedded shared among them and without.

Candidates that differ in the strength and balance of their head, as tuning proposes them, are cross-validated one after
the other. `live` embeds for every answer, as a run outside a search does (what is learned from is embedded once all the
same); `shared` is how a search evaluates trials. Each is a process of its own, with a store of its own, in turn; what
counts is time of the processor (user and system), start of the process included. Latency is what the answers report,
which must be the same, and so must accuracy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from examples.fetching import assets_folder
from msgspec.structs import replace

from benchmarks._markdown import markdown
from merits import load_task
from merits.core.candidate import Candidate
from merits.core.evaluation import Evaluation
from merits.core.task import Task
from merits.evaluating import evaluate
from merits.store import open_store

_TASK = Path(__file__).parents[1] / "demo/sentiment.yaml"
_WAYS = ("live", "shared")
_COLUMNS = {
    "cpu_s": "CPU s",
    "times": "of live",
    "seconds": "s",
    "p50_ms": "median ms of an answer",
    "p95_ms": "95 %",
    "accuracy": "mean accuracy",
}


def main(argv: Sequence[str]) -> dict[str, object]:
    """The median over the rounds for each way."""
    parser = argparse.ArgumentParser("trials", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="candidates (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="of both ways (default: %(default)s)")
    parser.add_argument("--examples", type=int, default=500, help="of dev (default: %(default)s)")
    parser.add_argument("--kind", default="embeddings-linear", help="with strength and balanced (default: %(default)s)")
    parser.add_argument("--way", choices=_WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.way:
        print(json.dumps(_measured(options)))
        raise SystemExit(0)
    if not (_TASK.parent / "data/sentiment.csv").is_file():
        print("the demonstration's data are not there: make assets", file=sys.stderr)
        raise SystemExit(2)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in _WAYS}
    for number in range(options.rounds):
        for way in _WAYS if number % 2 else reversed(_WAYS):
            found[way].append(_apart(way, options))
            said = ", ".join(f"{name} {value:.4g}" for name, value in found[way][-1].items())
            print(f"{number + 1} of {options.rounds}, {way}: {said}", file=sys.stderr, flush=True)
    ways = {
        way: {name: round(statistics.median(each[name] for each in rounds), 4) for name in rounds[0]}
        for way, rounds in found.items()
    }
    for way, figures in ways.items():
        ratios = [own["cpu_s"] / live["cpu_s"] for own, live in zip(found[way], found["live"], strict=True)]
        figures["times"] = round(statistics.median(ratios), 3)
    return {"trials": options.trials, "examples": options.examples, "kind": options.kind, "ways": ways}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    return markdown(_COLUMNS, figures["ways"])


def _apart(way: str, options: argparse.Namespace) -> dict[str, float]:
    """The figures of one way, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.trials", "--way", way]
    command += ["--trials", str(options.trials), "--kind", options.kind, "--examples", str(options.examples)]
    env = {**os.environ, "MERITS_ASSETS": str(assets_folder().resolve())}
    ran = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def _measured(options: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="merits-") as folder:
        whole = load_task(_TASK)
        dev = whole.split("dev")[: options.examples]
        task = replace(whole, folder=folder, examples=dev)
        begun = time.perf_counter()
        found = asyncio.run(_all(task, _candidates(options), Path(folder), trial=options.way == "shared"))
        seconds = time.perf_counter() - begun
    latency = np.concatenate([one.latency_s.ravel() for one in found]) * 1e3
    used = os.times()
    return {
        "cpu_s": used.user + used.system,
        "seconds": seconds,
        "p50_ms": float(np.median(latency)),
        "p95_ms": float(np.quantile(latency, 0.95)),
        "accuracy": float(np.mean([one.value.mean() for one in found])),
    }


def _candidates(options: argparse.Namespace) -> list[Candidate]:
    strengths = np.geomspace(0.03, 300.0, (options.trials + 1) // 2)
    recipes = [{"strength": float(one), "balanced": balanced} for one in strengths for balanced in (False, True)]
    return [
        Candidate(name=f"trial {number}", kind=options.kind, params=dict(recipe))
        for number, recipe in enumerate(recipes[: options.trials])
    ]


async def _all(task: Task, candidates: Sequence[Candidate], folder: Path, *, trial: bool) -> list[Evaluation]:
    with closing(open_store(folder / "store.sqlite")) as store:
        return [await evaluate(task, [one], split="dev", store=store, trial=trial) for one in candidates]


if __name__ == "__main__":
    main(sys.argv[1:])
