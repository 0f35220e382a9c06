"""The main job, 100,000 examples x 10 functions evaluated, stored, decided and reported: seconds, peak_mb.

`seconds` is the wall time of a fresh process, imports and making up the data included; `peak_mb` its largest resident
memory. `--again` also runs it a second time on the same store, where everything is answered already.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

if TYPE_CHECKING:
    from merits import Task

T = TypeVar("T")

_CLASSES = ("negative", "neutral", "positive")
_MARK = {"negative": "bad", "neutral": "plain", "positive": "good"}


def main(argv: Sequence[str]) -> dict[str, object]:
    """Seconds and memory of the whole, and seconds of each step."""
    parser = argparse.ArgumentParser("main-job", description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--again", action="store_true", help="run it a second time on the same store")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.inside:
        return dict(_job(options.examples, options.candidates, Path(options.inside)))
    with tempfile.TemporaryDirectory() as folder:
        figures = _fresh_process(options, folder)
        if options.again:
            again = _fresh_process(options, folder)
            figures |= {"again_seconds": again["seconds"], "again_peak_mb": again["peak_mb"]}
    return figures


def _fresh_process(options: argparse.Namespace, folder: str) -> dict[str, object]:
    size = ["--examples", str(options.examples), "--candidates", str(options.candidates)]
    command = [sys.executable, "-m", "benchmarks", "main-job", *size, "--inside", folder]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = round(time.perf_counter() - start, 2)
    inside: dict[str, object] = msgspec.json.decode(done.stdout.splitlines()[-1])
    return {"seconds": seconds, **inside}


def _job(n_examples: int, n_candidates: int, folder: Path) -> dict[str, float]:
    import merits

    steps: dict[str, float] = {}
    task = _timed(steps, "data_seconds", lambda: _task(n_examples, folder))
    candidates = [
        merits.as_candidate(_rule(n), name=f"rule {n}", price=merits.Price(per_call=0.001 / (n + 1)))
        for n in range(n_candidates)
    ]
    store = folder / "store.sqlite"
    evaluation = _timed(steps, "evaluate_seconds", lambda: merits.evaluate(task, candidates, store=store))
    decision = _timed(steps, "decide_seconds", lambda: merits.decide(evaluation, task.needs))
    report = folder / "report.html"
    _timed(
        steps,
        "report_seconds",
        lambda: merits.write_report(evaluation, decision, report, task=task, store=store),
    )
    print(decision, file=sys.stderr)
    return {
        **{name: round(seconds, 2) for name, seconds in steps.items()},
        "peak_mb": round(_peak_mb(), 1),
        "store_mb": round(store.stat().st_size / 1e6, 1),
        "report_mb": round(report.stat().st_size / 1e6, 2),
        "outcomes": n_examples * n_candidates,
    }


def _timed(steps: dict[str, float], name: str, step: Callable[[], T]) -> T:
    start = time.perf_counter()
    result = step()
    steps[name] = time.perf_counter() - start
    print(f"{name} {steps[name]:.2f}", file=sys.stderr)
    return result


def _task(n_examples: int, folder: Path) -> Task:
    """Made-up reviews in four shops, a tenth of which use the wrong word."""
    from merits import Example, Needs, Task
    from merits.core.task import ScorerSpec

    generator = np.random.default_rng(7)
    labels = generator.integers(0, 3, n_examples)
    said = np.where(generator.random(n_examples) < 0.1, generator.integers(0, 3, n_examples), labels)
    shops = generator.integers(0, 4, n_examples)
    return Task(
        name="reviews",
        kind="classification",
        examples=tuple(
            Example(
                id=f"r{n}",
                input=f"Review {n}: the parcel from shop {shop} was {_MARK[_CLASSES[word]]}.",
                target=_CLASSES[label],
                tags={"shop": f"shop {shop}"},
            )
            for n, (label, word, shop) in enumerate(zip(labels.tolist(), said.tolist(), shops.tolist(), strict=True))
        ),
        scorers=(ScorerSpec("label"),),
        classes=_CLASSES,
        needs=Needs(worth_of_solved=0.5, loss_of_wrong=1.0, volume_per_month=10_000),
        folder=str(folder),
    )


def _rule(number: int) -> Callable[[str], str]:
    """A rule that overlooks more and more words, so that candidates differ from one another."""

    def rule(text: str) -> str:
        overlooked = zlib.crc32(text.encode()) % 100 < 3 * number
        if "good" in text and not overlooked:
            return "positive"
        return "negative" if "bad" in text else "neutral"

    return rule


def _peak_mb() -> float:
    unit = 1e6 if sys.platform == "darwin" else 1e3  # Linux counts kilobytes, macOS bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
