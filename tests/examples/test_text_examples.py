"""The examples of texts are whole: their tasks can be loaded, and their data are what they say."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from examples import fine_tuning, routers, text_classification, text_generation
from examples.fetching import assets_folder, sha256_of

from merits.tasks.file import load_task

FOLDER = Path(text_generation.__file__).parent.parent


def there(name: str) -> Path:
    file = assets_folder() / name
    if not file.is_file():
        pytest.skip(f"{name} is not there: python -m examples")
    return file


def test_capitals_are_asked_for_with_every_name_they_have_and_a_split(tmp_path: Path) -> None:
    there("countries.json")
    text_generation.prepare(assets_folder(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    assert {"test": 64, "dev": 85} == {s: sum(row["split"] == s for row in rows) for s in ("test", "dev")}
    assert not [row for row in rows if any(answer in row["question"] for answer in row["answers"])]
    answers = {row["question"]: row["answers"] for row in rows}
    assert answers["What is the capital of the Netherlands?"] == ["Amsterdam"]
    assert answers["What is the capital of Ukraine?"] == ["Kyiv", "Kiev"]


def test_the_task_of_capitals_loads_and_shows_no_example_that_it_asks(tmp_path: Path) -> None:
    """Worked examples that stand in the task file must not give an answer away."""
    there("countries.json")
    folder = tmp_path / "text_generation"
    folder.mkdir()
    shutil.copy(FOLDER / "text_generation" / "merits.yaml", folder)
    text_generation.prepare(assets_folder(), folder / "data")
    task = load_task(folder / "merits.yaml")
    asked = {example.input for example in task.examples if example.split == "test"}
    right = {str(example.input): example.target for example in task.examples}
    shown = [one for candidate in task.candidates for one in candidate.params.get("examples", [])]
    assert len(shown) == 6
    assert not asked & {one["input"] for one in shown}
    assert all(str(right[one["input"]][0]) in one["output"] for one in shown)


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


def test_the_example_of_fine_tuning_trains_in_two_processes_and_loads(tmp_path: Path) -> None:
    there("hutto_ICWSM_2014.tar.gz")
    folder = tmp_path / "fine_tuning"
    folder.mkdir()
    shutil.copy(FOLDER / "fine_tuning" / "merits.yaml", folder)
    fine_tuning.prepare(assets_folder(), folder / "data")
    task = load_task(folder / "merits.yaml")
    tuned = [candidate for candidate in task.candidates if candidate.kind == "transformer-finetune"]
    assert [candidate.params["processes"] for candidate in tuned] == [2, 2]
    assert not [asset for asset in fine_tuning.ASSETS if asset.target.endswith(".gguf")]


def test_what_is_routed_is_whole_documents_of_four_domains_with_the_domain_in_the_input(tmp_path: Path) -> None:
    """A router sees what stands in the input, and no slice of it."""
    there("hutto_ICWSM_2014.tar.gz")
    folder = tmp_path / "routers"
    shutil.copytree(FOLDER / "routers", folder, ignore=shutil.ignore_patterns("data", ".merits", "*.html"))
    routers.prepare(assets_folder(), folder / "data")
    task = load_task(folder / "merits.yaml")
    domains = {split: [example.input["domain"] for example in task.split(split)] for split in ("dev", "test")}  # type: ignore[index,call-overload]
    for split, least in (("dev", 300), ("test", 500)):
        counts = {domain: domains[split].count(domain) for domain in set(domains[split])}
        assert len(counts) == 4
        assert all(least <= n < least + 60 for n in counts.values())
    groups = {split: {example.group for example in task.split(split)} for split in ("dev", "test")}  # type: ignore[arg-type]
    assert not groups["dev"] & groups["test"]
