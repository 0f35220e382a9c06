"""The examples of texts are whole: their tasks can be loaded, and their data are what they say."""

from __future__ import annotations

import csv
import importlib
import json
import shutil
import sys
from pathlib import Path

import pytest
from examples import text_classification, text_generation
from examples.fetching import assets_folder, sha256_of

from merits.tasks.file import load_task

FOLDER = Path(text_generation.__file__).parent.parent


def there(name: str) -> Path:
    file = assets_folder() / name
    if not file.is_file():
        pytest.skip(f"{name} is not there: python -m examples")
    return file


def test_word_problems_have_one_number_as_their_answer_and_a_split(tmp_path: Path) -> None:
    there("asdiv.jsonl")
    text_generation.prepare(assets_folder(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "problems.jsonl").read_text().splitlines()]
    assert {"test": 40, "dev": 200} == {s: sum(row["split"] == s for row in rows) for s in ("test", "dev")}
    assert all(float(row["answer"]) >= 0 for row in rows)
    assert len(rows) == len({row["problem"] for row in rows})


def test_the_task_of_word_problems_loads_and_its_rules_solve_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there("asdiv.jsonl")
    folder = tmp_path / "text_generation"
    folder.mkdir()
    for name in ("merits.yaml", "rules.py"):
        shutil.copy(FOLDER / "text_generation" / name, folder)
    text_generation.prepare(assets_folder(), folder / "data")
    task = load_task(folder / "merits.yaml")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    rules = importlib.import_module("rules")
    test = [example for example in task.examples if example.split == "test"]
    solved = sum(rules.arithmetic(example.input) == example.target for example in test)
    assert 0.2 < solved / len(test) < 0.6


def test_the_sentiment_has_four_domains_and_its_encoder_is_the_published_one(tmp_path: Path) -> None:
    there("hutto_ICWSM_2014.tar.gz")
    text_classification.prepare(assets_folder(), tmp_path)
    with (tmp_path / "sentiment.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["domain"] for row in rows if row["split"] == "test"}) == 4
    assert {row["label"] for row in rows} == {"positive", "negative"}
    encoder = there("all-MiniLM-L6-v2/model.safetensors")
    (asset,) = (asset for asset in text_classification.ASSETS if asset.target == "all-MiniLM-L6-v2/model.safetensors")
    assert asset.sha256 == sha256_of(encoder.read_bytes())
