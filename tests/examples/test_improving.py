"""The examples of `merits improve` are whole: the data that their tasks read are prepared, their options are known."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest
from examples.__main__ import names
from examples.fetching import assets_folder

from merits.improving.registry import technique_names
from merits.tasks.file import load_task

FOLDER = Path(__file__).parents[2] / "examples"
IMPROVING = [name for name in names() if getattr(importlib.import_module(f"examples.{name}"), "VERB", "") == "improve"]


@pytest.mark.parametrize("name", IMPROVING)
def test_its_data_are_prepared_and_its_task_loads(name: str, tmp_path: Path) -> None:
    module = importlib.import_module(f"examples.{name}")
    lacking = [asset.target for asset in module.ASSETS if not (assets_folder() / asset.target).exists()]
    if lacking:
        pytest.skip(f"{lacking[0]} is not fetched (python -m examples {name} --fetch)")
    folder = tmp_path / name
    shutil.copytree(FOLDER / name, folder, ignore=shutil.ignore_patterns("data", ".merits", "*.html"))
    module.prepare(assets_folder(), folder / "data")
    task = load_task(folder / "merits.yaml")
    assert task.split("dev")
    assert len(task.split("test")) >= 64
    tried = [said for option, said in zip(module.OPTIONS, module.OPTIONS[1:], strict=False) if option == "--technique"]
    assert tried
    assert {*tried, *task.improve} <= set(technique_names())


def test_every_technique_has_an_example() -> None:
    """`fine-tuning` is shown by a run: a search of it takes longer than an example may."""
    options = [getattr(importlib.import_module(f"examples.{name}"), "OPTIONS", ()) for name in IMPROVING]
    assert {said for each in options for said in each} >= set(technique_names()) - {"fine-tuning"}
