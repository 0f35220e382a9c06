"""What a classifier of few sentences gains by learning changed ones too: typos, synonyms, there and back again.

Sentences and their ratings are those of Hutto and Gilbert (ICWSM 2014), as in the demonstration: so many of dev are
learned from, all of test are asked. Each of two students learns by itself, with two changed copies of each sentence by
each method, and with what comes back when Apertium translates a sentence to Spanish and that to English
(`apt-get install apertium apertium-eng-spa`). Gains are on the same sentences, at 95 %.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

import merits
from benchmarks._markdown import markdown
from benchmarks._paired import COLUMNS, figures_of

_TEXTS = Path(__file__).parents[1] / "demo" / "data" / "sentiment-more.csv"
_STUDENTS: Mapping[str, Mapping[str, object]] = {
    "words": {"kind": "text-linear"},
    "pairs": {
        "kind": "sklearn",
        "pipeline": [
            {"estimator": "sklearn.feature_extraction.text.CountVectorizer", "params": {"ngram_range": [1, 2]}},
            {"estimator": "sklearn.naive_bayes.ComplementNB"},
        ],
    },
}
_WAYS: Mapping[str, Mapping[str, object]] = {
    "typos": {"methods": {"typos": 0.05}, "copies": 2},
    "synonyms": {"methods": {"synonyms": 0.5}, "copies": 2},
    "dropped words": {"methods": {"dropped_words": 0.1}, "copies": 2},
}
_THERE = {"name": "there", "kind": "apertium", "pair": "eng-spa"}
_BACK = {"name": "back", "kind": "apertium", "pair": "spa-eng"}


def main(argv: Sequence[str]) -> dict[str, object]:
    """The share solved by each student, and what it gains by each method; exits with 2 where something is missing."""
    parser = argparse.ArgumentParser("augment", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--learn", type=int, default=150, help="sentences to learn from (default: %(default)s)")
    options = parser.parse_args(argv)
    if not _TEXTS.is_file():
        print(f"{_TEXTS} is not there: make assets", file=sys.stderr)
        raise SystemExit(2)
    if not shutil.which("apertium"):
        print("apertium is not installed: apt-get install apertium apertium-eng-spa", file=sys.stderr)
        raise SystemExit(2)
    with tempfile.TemporaryDirectory() as folder:
        task = merits.load_task(_written(options.learn, Path(folder)))
        begun = time.process_time()
        evaluation = merits.evaluate(task, split="test", store=":memory:")
        seconds = round(time.process_time() - begun)
    ways = {
        name: figures_of(evaluation, name, name.partition(" with ")[0] if " with " in name else "")
        for name in evaluation.names
    }
    return {"learned": options.learn, "asked": evaluation.n_rows, "cpu_s": seconds, "ways": ways}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    return markdown(COLUMNS, figures["ways"])


def _written(n_learned: int, folder: Path) -> Path:
    """The task file."""
    recipes: list[dict[str, object]] = []
    for name, student in _STUDENTS.items():
        recipes.append({"name": name, **student})
        recipes += [
            {"name": f"{name} with {way}", "kind": "augmented", "parts": [name], **given}
            for way, given in _WAYS.items()
        ]
        recipes.append({"name": f"{name} with back-translation", "kind": "augmented", "parts": [name, _THERE, _BACK]})
    said = {
        "name": "augment",
        "kind": "classification",
        "data": str(_TEXTS),
        "input": "text",
        "target": "label",
        "group": "document",
        "split": {"method": "given", "column": "split"},
        "sample": {"dev": n_learned, "test": 10_000},
        "machine_per_hour": 0.1,
        "candidates": recipes,
    }
    file = folder / "merits.json"
    file.write_bytes(msgspec.json.encode(said))
    return file
