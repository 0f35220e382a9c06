"""Deciding on 1,000,000 stored outcomes (10 candidates x 100,000 examples) in a fresh process: seconds.

`seconds` is the wall time of the whole process: the interpreter's start, imports, opening the store, loading the
evaluation, deciding. Medians of several processes. The needs have a worth of a solved case, a bar on accuracy and one
on latency; `grouped_seconds` is the same with the examples in groups of three.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from merits.core.candidate import Candidate, Price
from merits.core.evaluation import Evaluation
from merits.core.outcome import Status

_TASKS = {"seconds": "independent", "grouped_seconds": "grouped"}

_DECIDE = """
import sys, time
start = time.perf_counter()
from merits.core.needs import Needs, Requirement
from merits.deciding.decide import decide
from merits.store import open_store
imported = time.perf_counter()
store = open_store(sys.argv[1], write=False)
evaluation = store.evaluation(sys.argv[2], "test")
loaded = time.perf_counter()
needs = Needs(
    worth_of_solved=1.0,
    loss_of_wrong=0.5,
    volume_per_month=100_000.0,
    requirements=(
        Requirement(metric="accuracy", op=">=", bar=0.8),
        Requirement(metric="p95_latency", op="<=", bar=5.0),
    ),
)
decision = decide(evaluation, needs)
decided = time.perf_counter()
store.close()
import json
print(json.dumps([imported - start, loaded - imported, decided - loaded, decision.verdict]))
"""


def main(argv: Sequence[str]) -> dict[str, object]:
    """The seconds of a fresh process, and of its parts."""
    parser = argparse.ArgumentParser("decide", description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5, help="fresh processes to take the median of")
    options = parser.parse_args(argv)
    figures: dict[str, object] = {"outcomes": options.examples * options.candidates, "runs": options.runs}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        _fill(path, options.candidates, options.examples)
        for name, task in _TASKS.items():
            prefix = name.removesuffix("seconds")
            figures |= {prefix + part: value for part, value in _measured(path, task, options.runs).items()}
    return figures


def _measured(path: Path, task: str, runs: int) -> dict[str, object]:
    timed = [_fresh_process(path, task) for _ in range(runs)]
    medians = [round(statistics.median(values), 3) for values in zip(*(seconds for seconds, _ in timed), strict=True)]
    names = ("seconds", "import_seconds", "load_seconds", "decide_seconds")
    return {**dict(zip(names, medians, strict=True)), "verdict": timed[0][1]}


def _fresh_process(path: Path, task: str) -> tuple[tuple[float, float, float, float], str]:
    """Wall time of the process, of its imports, its loading and its deciding; and the verdict."""
    start = time.perf_counter()
    command = [sys.executable, "-c", _DECIDE, str(path), task]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    whole = time.perf_counter() - start
    imported, loaded, decided, verdict = msgspec.json.decode(done.stdout, type=tuple[float, float, float, str])
    return (whole, imported, loaded, decided), verdict


def _fill(path: Path, n_candidates: int, n_examples: int) -> None:
    from merits.store import open_store

    store = open_store(path)
    store.add([_made_up(task, n_candidates, n_examples) for task in _TASKS.values()])
    store.close()


def _made_up(task: str, n_candidates: int, n: int) -> Evaluation:
    """Candidates from 70 to 88 % right, 1 % failures, costs and latencies that vary from row to row."""
    generator = np.random.default_rng(0)
    shape = (n_candidates, n)
    rates = np.linspace(0.70, 0.88, n_candidates)[:, None]
    status = np.where(generator.random(shape) < 0.01, Status.FAILED, Status.SCORED).astype(np.int8)
    solved = (generator.random(shape) < rates) & (status == Status.SCORED)
    recipes = [
        Candidate(name=f"m{k}", kind="constant", params={"output": str(k)}, price=Price(per_call=0.001 * (k + 1)))
        for k in range(n_candidates)
    ]
    return Evaluation(
        task=task,
        task_name=task,
        kind="classification",
        split="test",
        candidates=tuple(recipes),
        versions=tuple(recipe.id for recipe in recipes),
        scorer="label",
        examples=np.array([f"row-{i}" for i in range(n)], dtype=np.str_),
        input_hashes=np.array([f"{i:032x}" for i in range(n)], dtype=np.str_),
        repeats=np.zeros(n, dtype=np.int32),
        perturbations=np.full(n, "", dtype="<U1"),
        group=(np.arange(n) // (3 if task == "grouped" else 1)).astype(np.int32),
        tags={},
        status=status,
        value=solved.astype(np.float64),
        solved=solved,
        scores={},
        latency_s=generator.exponential(size=shape),
        machine_s=np.zeros(shape),
        tokens={"input": generator.integers(50, 500, size=shape).astype(np.float64)},
        attempts=np.ones(shape, dtype=np.int32),
        cost=generator.random(shape) * 0.002 * np.arange(1, n_candidates + 1)[:, None],
        priced=np.ones(n_candidates, dtype=np.bool_),
        currency="USD",
    )
