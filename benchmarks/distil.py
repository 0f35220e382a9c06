"""What a student gains that learns from an expensive model, with and without inputs that nobody has labelled.

BANKING77 (Casanueva et al. 2020, CC BY 4.0: questions of bank customers, 77 intents), or a folder of your own with
`train.csv` and `test.csv` (columns text, and category or label). So many questions are labelled, so many others are
not; all that learn are asked about the same questions of test. The teacher is a linear model on sentence embeddings
(all-MiniLM-L6-v2 in int8), the student counts words (`text-linear`). Gains are on the same questions, over the student
by itself, at 95 %; those of `with unlabelled` over `labelled only` are what the unlabelled questions bring.

`--teacher` names another kind with parameters, a chat model behind an API for example:
--teacher '{"kind": "chat", "model": "gpt-4o-mini", "labels": true}'
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from examples.embedding import EMBEDDING
from examples.fetching import assets_folder, fetch

import merits
from benchmarks._markdown import markdown
from benchmarks._paired import COLUMNS, figures_of, gain_of, rows_of, write_rows

_DATA = Path(__file__).parents[2] / "shared" / "data" / "labelled" / "banking77"
_TEACHER = '{"kind": "embeddings-linear"}'
_ALONE = "student alone"
_PARTS = ["teacher", _ALONE]
_WAYS: Mapping[str, Mapping[str, object]] = {
    "with unlabelled": {"unlabelled": "unlabelled.txt"},
    "with unlabelled, truth 1": {"unlabelled": "unlabelled.txt", "truth": 1},
    "labelled only": {"truth": 0.5},
}


def main(argv: Sequence[str]) -> dict[str, object]:
    """The share solved by each, and what each gains; exits with 2 where the data are not there."""
    parser = argparse.ArgumentParser("distil", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=_DATA, help="folder of train.csv and test.csv (default: BANKING77)"
    )
    parser.add_argument("--learn", type=int, default=400, help="labelled questions (default: %(default)s)")
    parser.add_argument("--unlabelled", type=int, default=1_500, help="others (default: %(default)s)")
    parser.add_argument("--ask", type=int, default=1_027, help="questions of test (default: %(default)s)")
    parser.add_argument("--teacher", default=_TEACHER, help="as in a task file, as JSON (default: %(default)s)")
    options = parser.parse_args(argv)
    if not (options.data / "train.csv").is_file():
        print(f"{options.data} holds no train.csv: name a folder that does with --data", file=sys.stderr)
        raise SystemExit(2)
    fetch(EMBEDDING, assets_folder())
    with tempfile.TemporaryDirectory() as folder:
        task = merits.load_task(_written(options, Path(folder)))
        begun = time.process_time()
        evaluation = merits.evaluate(task, split="test", store=":memory:")
        seconds = round(time.process_time() - begun)
    return {
        "learned": options.learn,
        "unlabelled": options.unlabelled,
        "asked": evaluation.n_rows,
        "cpu_s": seconds,
        "ways": {name: figures_of(evaluation, name, _ALONE if name in _WAYS else "") for name in evaluation.names},
        "unlabelled over labelled only": str(gain_of(evaluation, "with unlabelled", "labelled only")),
    }


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown, and what the unlabelled questions bring below them."""
    brought = figures["unlabelled over labelled only"]
    return f"{markdown(COLUMNS, figures['ways'])}\n\nWith unlabelled over labelled only: {brought}.\n"


def _written(options: argparse.Namespace, folder: Path) -> Path:
    """The task file, with its data beside it: the questions of each file in a random order that is always the same."""
    train, test = (rows_of(options.data / f"{name}.csv") for name in ("train", "test"))
    known = {text for text, _ in test[: options.ask]}
    train = [(text, label) for text, label in train if text not in known]
    write_rows(folder / "dev.csv", train[: options.learn])
    write_rows(folder / "test.csv", test[: options.ask])
    others = [" ".join(text.split()) for text, _ in train[options.learn : options.learn + options.unlabelled]]
    (folder / "unlabelled.txt").write_text("\n".join(others), "utf-8")
    recipes: list[dict[str, object]] = [
        {"name": "teacher", **json.loads(options.teacher)},
        {"name": _ALONE, "kind": "text-linear"},
    ]
    recipes += [{"name": name, "kind": "distilled", "parts": _PARTS, **given} for name, given in _WAYS.items()]
    said = {
        "name": "distil",
        "kind": "classification",
        "data": {"dev": "dev.csv", "test": "test.csv"},
        "input": "text",
        "target": "label",
        "machine_per_hour": 0.1,
        "labels": sorted({label for _, label in (*train, *test)}),
        "candidates": recipes,
    }
    file = folder / "merits.json"
    file.write_bytes(msgspec.json.encode(said))
    return file
