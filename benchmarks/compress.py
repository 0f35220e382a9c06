"""Compressed copies of a small transformer classifier: size, latency and accuracy beside their parent, on one core.

The parent is MiniLM, fine-tuned on real sentences (film and product reviews, editorials, tweets: is the mean of 20
human ratings above 0?), or on CSV files of your own (`--train`, `--test`; columns text, and label or category). It is
trained once: what was trained is kept in a folder of temporary files (`--folder`), and taken from there the next time.

All are asked through the same door, in turn: one text alone, and 32 at once. Latency is the median over the rounds;
`times` is how many times as fast as the parent, the median of the ratios of each round, in time of the processor too,
which says the same on a machine that does other things. Memory is what a fresh process takes beyond Python and NumPy
that loads one of them and answers some texts one by one, its libraries among it: in the end, and at its peak. Accuracy
is on texts that nobody learned from, paired with the parent's, with bounds that each hold at 95 %.

The yardstick is int8 ONNX (`onnx-int8`): at least 1.8 times as fast, at most a third of the size, and not worse by a
point.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from examples.fetching import assets_folder, fetch

from benchmarks._markdown import markdown
from benchmarks.embed import FULL
from merits.candidates.compressed import opened_copy
from merits.candidates.compressing.resident import resident
from merits.candidates.insides import insides_of
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Trainable
from merits.core.task import Example
from merits.stats import difference_bounds, wilson

_TEXTS = Path(__file__).parents[1] / "demo/data/sentiment-all.csv"
_WAYS = ("onnx", "onnx-int8", "int8-dynamic", "pruned+onnx-int8", "low-rank+onnx-int8")
_TOGETHER = 32
_COLUMNS = {
    "mb": "MB on disk",
    "share": "of the parent",
    "memory_mb": "MB in memory",
    "peak_mb": "at its peak",
    "one_ms": "ms for one",
    "one_times": "times as fast",
    "one_cpu_times": "in CPU time",
    "many_ms": "ms for 32",
    "many_times": "times as fast",
    "many_cpu_times": "in CPU time",
    "accuracy": "accuracy",
    "difference": "minus the parent",
}


def main(argv: Sequence[str]) -> dict[str, object]:
    """The figures of the parent and of each copy, and whether the yardstick is met."""
    parser = argparse.ArgumentParser("compress", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--train", type=Path, help="CSV file to learn from (default: sentences of the demonstration)")
    parser.add_argument("--test", type=Path, help="CSV file to be asked about")
    parser.add_argument("--learn", type=int, default=2000, help="texts to learn from (default: %(default)s)")
    parser.add_argument("--ask", type=int, default=1500, help="texts to ask about (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=2, help="of fine-tuning (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="of timing (default: %(default)s)")
    parser.add_argument("--ways", nargs="+", default=_WAYS, help="methods, joined by + (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "merits-compress")
    options = parser.parse_args(argv)
    fetch([FULL], assets_folder())
    learned, asked = _examples(options)
    options.folder.mkdir(parents=True, exist_ok=True)
    with asyncio.Runner() as runner:
        models = _models(options, learned)
        answers = {name: _all(runner, model, asked) for name, model in models.items()}
        one = _timed(runner, models, [[each] for each in asked[: options.rounds]])
        lots = [asked[at : at + _TOGETHER] for at in range(0, len(asked), _TOGETHER)]
        many = _timed(runner, models, [lots[at % len(lots)] for at in range(max(5, options.rounds // 3))])
        sizes = {name: model.size_bytes for name, model in models.items()}
        takes = _in_memory(models, learned)
        for model in models.values():
            runner.run(model.close())
    right = {
        name: np.array([answer.output == each.target for answer, each in zip(said, asked, strict=True)], float)
        for name, said in answers.items()
    }
    ways = {name: _figures(name, sizes, one, many, right) | takes[name] for name in models}
    met = _yardstick(ways["onnx-int8"]) if "onnx-int8" in ways else None
    return {"learned": len(learned), "asked": len(asked), "threads": 1, "ways": ways, "yardstick": met}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown, and the yardstick below them."""
    shown = markdown(_COLUMNS, figures["ways"])
    said = [f"{name}: {'met' if met else 'missed'}" for name, met in (figures["yardstick"] or {}).items()]
    return f"{shown}\n\nYardstick for onnx-int8: {'; '.join(said)}.\n" if said else shown


def _examples(options: argparse.Namespace) -> tuple[list[Example], list[Example]]:
    if options.train and options.test:
        learned, asked = _read(options.train), _read(options.test)
    else:
        if not _TEXTS.is_file():
            print(f"{_TEXTS} is not there: make assets", file=sys.stderr)
            raise SystemExit(2)
        both = _read(_TEXTS)
        learned, asked = both[: len(both) // 2], both[len(both) // 2 :]
    return learned[: options.learn], asked[: options.ask]


def _read(file: Path) -> list[Example]:
    """The rows of a CSV file in a random order that is always the same."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    target = "category" if "category" in rows[0] else "label"
    order = np.random.default_rng(0).permutation(len(rows))
    return [Example(f"{file.stem}-{at}", rows[at]["text"], rows[at][target]) for at in order]


def _models(options: argparse.Namespace, learned: Sequence[Example]) -> dict[str, Any]:
    classes = tuple(sorted({str(example.target) for example in learned}))
    context = LoadContext(
        folder=options.folder, classes=classes, env={"MERITS_ASSETS": str(assets_folder().resolve())}, note=_said
    )
    parent = Candidate(
        name="parent",
        kind="transformer-finetune",
        params={"path": FULL.target, "epochs": options.epochs, "learning_rate": 1e-4},
    )
    copies = [
        Candidate(name=way, kind="compressed", params={"method": way.split("+")}, parts=(parent,))
        for way in options.ways
    ]
    models: dict[str, Any] = {}
    for candidate in (parent, *copies):
        begun = time.process_time()
        models[candidate.name] = model = load(candidate, context)
        assert isinstance(model, Trainable)
        model.fit(learned)
        _said(f"{candidate.name}: made in {time.process_time() - begun:.0f} s of the processor")
    return models


def _in_memory(models: Mapping[str, Any], learned: Sequence[Example]) -> dict[str, dict[str, float]]:
    """MB of each; the parent's are those of what it has inside."""
    insides = insides_of(models["parent"])
    assert insides is not None
    theirs = resident(opened_copy(insides), [each.input for each in learned])
    found = {"parent": theirs} | {name: model.memory for name, model in models.items() if name != "parent"}
    return {
        name: {"memory_mb": round(one.n_bytes / 1e6, 1), "peak_mb": round(one.peak_bytes / 1e6, 1)} if one else {}
        for name, one in found.items()
    }


def _said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def _answers(model: Any, some: Sequence[Example]) -> list[Answer]:
    return list(await asyncio.gather(*(model.answer(each.input) for each in some)))


def _all(runner: asyncio.Runner, model: Any, asked: Sequence[Example]) -> list[Answer]:
    found: list[Answer] = []
    for start in range(0, len(asked), _TOGETHER):
        found += runner.run(_answers(model, asked[start : start + _TOGETHER]))
    return found


def _timed(
    runner: asyncio.Runner, models: Mapping[str, Any], lots: Sequence[Sequence[Example]]
) -> dict[str, list[tuple[float, float]]]:
    """Seconds, and seconds of the processor, of each lot for each model, asked in turn."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
    for number, lot in enumerate(lots):
        for name in list(models) if number % 2 else reversed(list(models)):
            begun, cpu = time.perf_counter(), time.process_time()
            runner.run(_answers(models[name], lot))
            took[name].append((time.perf_counter() - begun, time.process_time() - cpu))
    return took


def _figures(
    name: str,
    sizes: Mapping[str, int],
    one: Mapping[str, list[tuple[float, float]]],
    many: Mapping[str, list[tuple[float, float]]],
    right: Mapping[str, Any],
) -> dict[str, Any]:
    bounds = difference_bounds(right[name], right["parent"])
    figures: dict[str, Any] = {
        "mb": round(sizes[name] / 1e6, 1),
        "share": round(sizes[name] / sizes["parent"], 3),
        "accuracy": str(wilson(int(right[name].sum()), len(right[name]))),
        "difference": "" if name == "parent" else str(bounds),
        "lowest_difference": bounds.low,
    }
    for said, took in (("one", one), ("many", many)):
        figures[f"{said}_ms"] = round(1e3 * statistics.median(each[0] for each in took[name]), 2)
        for which, kind in enumerate(("times", "cpu_times")):
            ratios = [other[which] / own[which] for other, own in zip(took["parent"], took[name], strict=True)]
            figures[f"{said}_{kind}"] = round(statistics.median(ratios), 2)
    return figures


def _yardstick(figures: Mapping[str, Any]) -> dict[str, bool]:
    return {
        "1.8 times as fast for one text": figures["one_cpu_times"] >= 1.8,
        "1.8 times as fast for 32": figures["many_cpu_times"] >= 1.8,
        "a third of the size": figures["share"] <= 1 / 3,
        "not worse by a point": figures["lowest_difference"] >= -0.01,
    }
