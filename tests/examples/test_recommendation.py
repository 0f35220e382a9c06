"""The worked example on MovieLens-100K, from its files to lists with titles."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from examples.__main__ import HERE
from examples.fetching import assets_folder, sha256_of
from examples.recommendation import ASSETS, prepare

from merits import load_task
from merits.candidates.registry import LoadContext, load
from merits.scorers.registry import load as scorer
from merits.tasks.looks.events import event_facts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example with its data, once the package was fetched."""
    for asset in ASSETS:
        file = assets_folder() / asset.target
        if not file.is_file() or sha256_of(file.read_bytes()) != asset.sha256:
            pytest.skip(f"{asset.target} is not here: python -m examples recommendation")
    shutil.copy(HERE / "recommendation" / "merits.yaml", tmp_path)
    prepare(assets_folder(), tmp_path / "data")
    return tmp_path / "merits.yaml"


def test_real_events_become_a_task_and_neighbours_beat_popularity(folder: Path) -> None:
    """Nothing before the cut is asked about; lists hold titles; known figures of this data set."""
    task = load_task(folder)
    dev, test = task.split("dev"), task.split("test")
    found = event_facts(task.examples)
    with (folder.parent / "data" / "ratings.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if int(row["rating"]) >= 4]
    cut = sorted(int(row["time"]) for row in rows)[len(rows) - round(0.2 * len(rows))]
    before = [row for row in rows if int(row["time"]) < cut]
    assert found.n_events == len(before) > 40_000
    assert (found.n_users, found.n_items) == tuple(len({row[name] for row in before}) for name in ("user", "film"))
    assert max(e.target["times"][-1] for e in dev) < min(e.target["times"][0] for e in test)
    specs = {candidate.name: candidate for candidate in task.candidates}
    score = scorer(task.scorers[0], dev=dev)
    hits = {}
    for name in ("popularity", "item-knn"):
        model = load(specs[name], LoadContext(task_kind=task.kind))
        model.fit(dev)
        answers = model._answer_batch([example.input for example in test])
        hits[name] = sum(score(*pair).solved for pair in zip(test, answers, strict=True))
        assert all(len(answer.output) == 10 for answer in answers)
    assert "Star Wars (1977)" in {item for e in test for item in e.input["items"]}
    assert hits["item-knn"] > hits["popularity"] + 10
